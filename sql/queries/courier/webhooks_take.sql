-- Takes webhooks that something is to be posted to, under a lease.
-- caller: portal-api courier
-- role: firstring_courier
-- $1 worker text
-- $2 lease_s integer
-- $3 limit bigint
-- -> webhook_id uuid
-- -> itsp_id uuid
-- -> url text
-- -> secret_sealed bytea
-- -> old_secret_sealed bytea: null: none signs beside it
-- -> is_test boolean
-- -> attempts integer: that failed in a row
-- -> after_xid bigint: its position
-- -> after_seq bigint
-- plan: index scan of webhook_due_idx; a probe of device_event_feed_idx for each
select webhook_id, itsp_id, url, secret_sealed, old_secret_sealed, is_test, attempts, after_xid, after_seq
from firstring.webhooks_take($1::text, $2::integer, $3::bigint);
