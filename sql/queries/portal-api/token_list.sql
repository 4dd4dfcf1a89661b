-- The tenant's tokens, without their hashes, the latest first.
-- caller: portal-api worker, GET /v1/tokens, tenant pool
-- role: firstring_portal
-- -> token_id uuid
-- -> name text
-- -> scopes text[]
-- -> created_at timestamptz
-- -> expires_at timestamptz
-- -> revoked_at timestamptz
-- -> last_used_at timestamptz: to the minute
-- -> replaced_by uuid: it was rotated
-- plan: index scan of api_token_itsp_idx under row-level security; at most 1,000 rows
select id as token_id, name, scopes, created_at, expires_at, revoked_at, last_used_at, replaced_by
from firstring.api_token
where itsp_id = firstring.current_itsp()
order by created_at desc, id
limit 1000;
