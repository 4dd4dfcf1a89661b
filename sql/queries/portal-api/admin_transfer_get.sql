-- One transfer, with both sides.
-- caller: portal-api worker, GET /v1/admin/transfers/{id}
-- role: firstring_admin
-- $1 transfer_id uuid
-- -> number bigint: the place in the list
-- -> id uuid
-- -> mac macaddr
-- -> model text
-- -> serial_number text
-- -> from_itsp_id uuid: the owner
-- -> from_itsp text
-- -> to_itsp_id uuid: the requester
-- -> to_itsp text
-- -> state text: requested, seen_reset, objected, done, refused, withdrawn, expired
-- -> proof text: code, shipment
-- -> requested_at timestamptz
-- -> reset_seen_at timestamptz
-- -> owner_answered_at timestamptz
-- -> objection text
-- -> due_at timestamptz: when it goes on of itself
-- -> decided_at timestamptz
-- -> ended_because text
-- -> decision_note text: of the manufacturer
-- rows: 0 or 1
-- plan: lookup by primary key
select number, id, mac, model, serial_number, from_itsp_id, from_itsp, to_itsp_id, to_itsp, state, proof, requested_at,
  reset_seen_at, owner_answered_at, objection, due_at, decided_at, ended_because, decision_note
from firstring.transfers_of_all($1::uuid, null, 1, null);
