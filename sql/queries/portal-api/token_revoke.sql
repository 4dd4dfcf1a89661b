-- caller: portal-api worker, DELETE /v1/tokens/{id}, tenant pool
-- role: firstring_portal
-- $1 token_id uuid
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- -> outcome text: revoked, already_revoked, not_found
-- rows: 1
-- plan: index lookup
select outcome
from firstring.token_revoke($1::uuid, $2::text, $3::text, $4::inet, $5::text);
