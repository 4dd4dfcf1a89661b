-- One phone of an order, as GET /v1/orders/{order}/devices/{mac} shows it.
-- caller: factory-ca front
-- role: firstring_factory
-- $1 order_reference text
-- $2 mac macaddr
-- -> mac macaddr
-- -> serial_number text
-- -> model text
-- -> claim_code_epoch integer
-- -> has_claim_code boolean: false after a transfer, until claim_code_rotate
-- -> certificate bytea: DER of the live one, else of the latest of this order
-- -> serial bytea
-- -> spki_sha256 bytea
-- -> status text: live, revoked, superseded
-- -> not_before timestamptz
-- rows: 0 or 1
-- plan: index scans of device_pkey and certificate_mac_idx
select mac, serial_number, model, claim_code_epoch, has_claim_code, certificate, serial,
  spki_sha256, status, not_before
from firstring.device_get($1::text, $2::macaddr);
