-- Who bearer tokens are, of several requests at once.
-- caller: portal-api worker, tenant pool, before tenant_set
-- role: firstring_portal
-- $1 token_hashes bytea[]: SHA-256 of each
-- -> token_id uuid: null: unknown, revoked or expired
-- -> kind text: itsp, admin
-- -> itsp_id uuid: null for admin
-- -> scopes text[]
-- -> itsp_suspended boolean: false for admin
-- -> name text
-- -> expires_at timestamptz: null is never
-- rows: one per hash, in order
-- plan: index scans of api_token_token_hash_key and itsp_pkey by row, of one generic plan
select token_id, kind, itsp_id, scopes, itsp_suspended, name, expires_at
from firstring.tokens_authenticate($1::bytea[])
order by ordinal;
