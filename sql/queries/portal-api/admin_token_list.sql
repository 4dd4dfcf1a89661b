-- Tokens of an ITSP, or the manufacturer's, without their hashes, the latest first.
-- caller: portal-api worker, GET /v1/admin/itsps/{id}/tokens
-- role: firstring_admin
-- $1 itsp_id uuid: null is the manufacturer
-- -> token_id uuid
-- -> kind text
-- -> name text
-- -> scopes text[]
-- -> created_at timestamptz
-- -> expires_at timestamptz
-- -> revoked_at timestamptz
-- -> last_used_at timestamptz: to the minute
-- -> replaced_by uuid: it was rotated
-- plan: index scan of api_token_itsp_idx; at most 1,000 rows
select id as token_id, kind, name, scopes, created_at, expires_at, revoked_at, last_used_at, replaced_by
from firstring.api_token
where itsp_id is not distinct from $1::uuid
order by created_at desc, id
limit 1000;
