-- The tenant's transfers, as requester and as owner, newest first.
-- caller: portal-api worker, GET /v1/transfers
-- role: firstring_portal
-- $1 before_number bigint: null: from the newest
-- $2 limit bigint
-- $3 state text: null: all
-- -> number bigint: the place in the list
-- -> id uuid
-- -> mac macaddr
-- -> model text
-- -> serial_number text
-- -> role text: requester, owner
-- -> state text: requested, seen_reset, objected, done, refused, withdrawn, expired
-- -> proof text: code, shipment; the requester only, as is the profile
-- -> profile_id uuid
-- -> requested_at timestamptz
-- -> reset_seen_at timestamptz
-- -> owner_answered_at timestamptz
-- -> objection text: for the owner only
-- -> due_at timestamptz: when it goes on of itself
-- -> decided_at timestamptz
-- -> ended_because text
-- -> decision_note text: of the manufacturer
-- plan: index scans of transfer_to_idx and transfer_from_idx
select number, id, mac, model, serial_number, role, state, proof, profile_id, requested_at, reset_seen_at,
  owner_answered_at, objection, due_at, decided_at, ended_because, decision_note
from firstring.transfers_of_tenant(null, $1::bigint, $2::bigint, $3::text);
