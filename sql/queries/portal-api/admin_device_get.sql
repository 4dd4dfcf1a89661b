-- One phone with its separate facts.
-- caller: portal-api worker, GET /v1/admin/devices/{mac}
-- role: firstring_admin
-- $1 mac macaddr
-- -> mac macaddr
-- -> serial_number text
-- -> model text
-- -> source text: factory, import
-- -> order_reference text
-- -> manufactured_at timestamptz
-- -> claim_code_epoch integer
-- -> certificate_status text: live, revoked, superseded; null: none
-- -> certificate_fingerprint bytea
-- -> certificate_serial bytea
-- -> shipped_to uuid: of a live ship notice
-- -> shipped_at timestamptz
-- -> itsp_id uuid: the holder; null: unclaimed
-- -> claim_state text
-- -> claimed_at timestamptz
-- -> contacted_at timestamptz: ever, whoever held it
-- -> delivered_at timestamptz: of the present claim
-- -> released_at timestamptz: of the last claim, when it is released
-- rows: 0 or 1
-- plan: index scans
select mac, serial_number, model, source, order_reference, manufactured_at, claim_code_epoch,
  certificate_status, certificate_fingerprint, certificate_serial, shipped_to, shipped_at, itsp_id,
  claim_state, claimed_at, contacted_at, delivered_at, released_at
from firstring.device_document($1::macaddr);
