-- The tenant's ship notices in one state, newest first.
-- caller: portal-api worker, GET /v1/shipments
-- role: firstring_portal
-- $1 before_number bigint: null: from the newest
-- $2 limit bigint
-- $3 state text: live, consumed, cancelled
-- -> number bigint: the place in the list
-- -> mac macaddr
-- -> model text: null of a cancelled one
-- -> serial_number text: null of a cancelled one
-- -> state text
-- -> shipped_at timestamptz
-- -> ended_at timestamptz: null while it is live
-- plan: index scan of shipment_itsp_idx, backwards
select number, mac, model, serial_number, state, shipped_at, ended_at
from firstring.shipments_of_tenant($1::bigint, $2::bigint, $3::text);
