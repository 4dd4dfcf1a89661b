-- A new claim code for a phone of an order: the old one proves nothing from here on.
-- caller: factory-ca front
-- role: firstring_factory
-- $1 order_reference text
-- $2 mac macaddr
-- $3 known_epoch integer: as device_get has shown it
-- $4 next_epoch integer: one higher, or the same when device_get has shown no code
-- $5 hash bytea: of the code of next_epoch
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: rotated, epoch_moved (nothing changed), unknown_device (no live certificate)
-- rows: 1
-- plan: index lookups of device_pkey and certificate_one_live_per_mac
select outcome
from firstring.claim_code_rotate($1::text, $2::macaddr, $3::integer, $4::integer, $5::bytea,
  $6::text, $7::text, $8::inet, $9::text);
