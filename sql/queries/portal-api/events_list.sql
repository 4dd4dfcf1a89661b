-- The tenant's event feed, oldest first, of the time in which it held each claim. Only what no
-- transaction in flight can still precede is shown, so that a cursor never skips.
-- caller: portal-api worker, GET /v1/events
-- role: firstring_portal
-- $1 after_xid bigint: 0 is the beginning
-- $2 after_seq bigint: 0 is the beginning
-- $3 limit bigint
-- -> xid bigint: with seq, the cursor after this row
-- -> seq bigint
-- -> id uuid
-- -> at timestamptz
-- -> mac macaddr
-- -> kind text
-- -> source_ip inet
-- -> detail jsonb
-- plan: index scans of device_event (itsp_id, xid, seq), merged over the partitions
select xid, seq, id, at, mac, kind, source_ip, detail
from firstring.events_list($1::bigint, $2::bigint, $3::bigint);
