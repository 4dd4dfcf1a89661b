-- The tenant's events, the latest first, of the time in which it held each claim. What a transaction
-- in flight can still precede is not shown yet, as in the feed.
-- caller: portal-api worker, GET /v1/events/latest
-- role: firstring_portal
-- $1 before_xid bigint: null is the end
-- $2 before_seq bigint
-- $3 limit bigint
-- -> xid bigint: with seq, the place of this row
-- -> seq bigint
-- -> id uuid
-- -> at timestamptz
-- -> mac macaddr
-- -> kind text
-- -> source_ip inet
-- -> detail jsonb
-- plan: backward index scans of device_event (itsp_id, xid, seq), merged over the partitions
select xid, seq, id, at, mac, kind, source_ip, detail
from firstring.events_latest($1::bigint, $2::bigint, $3::bigint);
