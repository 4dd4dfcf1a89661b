-- Who a bearer token is. No row: unknown, revoked or expired.
-- caller: portal-api worker, tenant pool, before tenant_set
-- role: firstring_portal
-- $1 token_hash bytea: SHA-256 of the token
-- -> token_id uuid
-- -> kind text: itsp, admin
-- -> itsp_id uuid: null for admin
-- -> scopes text[]
-- -> itsp_suspended boolean: false for admin
-- -> name text
-- -> expires_at timestamptz: null is never
-- rows: 0 or 1
-- plan: index scans of api_token_token_hash_key and itsp_pkey
select token_id, kind, itsp_id, scopes, itsp_suspended, name, expires_at
from firstring.token_authenticate($1::bytea);
