-- What comes next for a webhook that this worker took.
-- caller: portal-api courier
-- role: firstring_courier
-- $1 webhook_id uuid
-- $2 worker text
-- $3 limit bigint
-- -> xid bigint
-- -> seq bigint
-- -> id uuid
-- -> at timestamptz
-- -> mac macaddr
-- -> kind text
-- -> source_ip inet
-- -> detail jsonb
-- -> wanted boolean: of the kinds that it asks for
-- plan: index scans of device_event_feed_idx, merged over the partitions
select xid, seq, id, at, mac, kind, source_ip, detail, wanted
from firstring.webhook_events($1::uuid, $2::text, $3::bigint);
