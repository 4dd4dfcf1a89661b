-- What was done to the tenant's objects, the latest first.
-- caller: portal-api worker, GET /v1/audit
-- role: firstring_portal
-- $1 before_id bigint: null is the first page
-- $2 limit bigint
-- $3 object_kind text: null is all
-- $4 object_id text: null is all
-- -> id bigint
-- -> at timestamptz
-- -> actor_kind text: other is somebody who is not the tenant's
-- -> actor_id text
-- -> source_ip inet: null for others
-- -> action text
-- -> object_kind text
-- -> object_id text
-- -> before jsonb
-- -> after jsonb
-- plan: backward index scan of audit_log_itsp_idx
select id, at, actor_kind, actor_id, source_ip, action, object_kind, object_id, before, after
from firstring.audit_of_tenant($1::bigint, $2::bigint, $3::text, $4::text);
