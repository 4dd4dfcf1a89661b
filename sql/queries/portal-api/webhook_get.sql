-- One webhook.
-- caller: portal-api worker, GET /v1/webhooks/{id}
-- role: firstring_portal
-- $1 webhook_id uuid
-- -> id uuid
-- -> url text
-- -> kinds text[]
-- -> state text: live, paused, failed
-- -> created_at timestamptz
-- -> failing_since timestamptz
-- -> next_attempt_at timestamptz: null unless it is failing
-- -> version integer
-- rows: 0 or 1
-- plan: lookup by primary key, under row-level security
select id, url, kinds, state, created_at, failing_since, case when failing_since is not null and state = 'live' then next_attempt_at end
  as next_attempt_at, version
from firstring.webhook
where id = $1::uuid;
