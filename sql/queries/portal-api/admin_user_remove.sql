-- Removes a person of anybody, with sessions and links.
-- caller: portal-api worker, DELETE /v1/admin/users/{id}
-- role: firstring_admin
-- $1 user_id uuid
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- $6 expected_version integer: null: any
-- -> outcome text: removed, not_found, version_mismatch, own_account
-- rows: 1
-- plan: index lookups
select outcome
from firstring.admin_user_remove($1::uuid, $2::text, $3::text, $4::inet, $5::text, $6::integer);
