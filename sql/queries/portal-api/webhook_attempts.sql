-- The last posts to a webhook, the latest first; a hundred are kept.
-- caller: portal-api worker, GET /v1/webhooks/{id}/attempts
-- role: firstring_portal
-- $1 webhook_id uuid
-- -> at timestamptz
-- -> is_test boolean
-- -> events integer
-- -> taken boolean
-- -> status integer: null: there was no answer
-- -> error text
-- -> took_ms integer
-- plan: index scan of webhook_attempt_webhook_idx, under row-level security
select at, is_test, events, taken, status, error, took_ms
from firstring.webhook_attempt
where webhook_id = $1::uuid
order by id desc;
