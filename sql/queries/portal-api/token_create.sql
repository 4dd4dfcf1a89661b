-- A token for the tenant's own use. The caller makes id and secret, and checks that the scopes are
-- not wider than those of the token that asks.
-- caller: portal-api worker, POST /v1/tokens, tenant pool
-- role: firstring_portal
-- $1 token_id uuid
-- $2 name text
-- $3 token_hash bytea: SHA-256 of the token
-- $4 scopes text[]
-- $5 expires_at timestamptz: null is never
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: created, name_taken (by a token not revoked), bad_scope
-- -> created_at timestamptz
-- rows: 1
-- plan: insert
select outcome, created_at
from firstring.token_create($1::uuid, $2::text, $3::bytea, $4::text[], $5::timestamptz,
  $6::text, $7::text, $8::inet, $9::text);
