-- The tenant's webhooks, oldest first; they are few.
-- caller: portal-api worker, GET /v1/webhooks
-- role: firstring_portal
-- -> id uuid
-- -> url text
-- -> kinds text[]
-- -> state text: live, paused, failed
-- -> created_at timestamptz
-- -> failing_since timestamptz
-- -> next_attempt_at timestamptz: null unless it is failing
-- -> version integer
-- plan: index scan of webhook_itsp_idx, under row-level security
select id, url, kinds, state, created_at, failing_since, case when failing_since is not null and state = 'live' then next_attempt_at end
  as next_attempt_at, version
from firstring.webhook
order by created_at, id;
