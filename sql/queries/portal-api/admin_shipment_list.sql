-- Ship notices in one state, newest first.
-- caller: portal-api worker, GET /v1/admin/shipments
-- role: firstring_admin
-- $1 before_number bigint: null: from the newest
-- $2 limit bigint
-- $3 itsp_id uuid: null: to any
-- $4 state text: live, consumed, cancelled
-- -> number bigint: the place in the list
-- -> mac macaddr
-- -> model text
-- -> serial_number text
-- -> itsp_id uuid: to whom
-- -> itsp text
-- -> state text
-- -> shipped_at timestamptz
-- -> ended_at timestamptz: null while it is live
-- plan: index scan of shipment_itsp_idx or shipment_state_idx, backwards
select number, mac, model, serial_number, itsp_id, itsp, state, shipped_at, ended_at
from firstring.shipments_of_all($1::bigint, $2::bigint, $3::uuid, $4::text);
