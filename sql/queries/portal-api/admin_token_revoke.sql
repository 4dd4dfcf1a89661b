-- caller: portal-api worker, admin pool
-- role: firstring_admin
-- $1 token_id uuid
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- -> outcome text: revoked, already_revoked, not_found
-- rows: 1
-- plan: index lookup
select outcome
from firstring.admin_token_revoke($1::uuid, $2::text, $3::text, $4::inet, $5::text);
