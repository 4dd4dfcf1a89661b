-- The record before release: stores what was signed for one order, up to 1,000 rows. Each row
-- stands for itself. Where an operator granted a MAC another key, or the signer made its key again,
-- the certificate takes the place of the live one, which is superseded. Two fronts that store one MAC at once: one gets stored, the other existing
-- with the winner's certificate, which is the one to release.
-- caller: factory-ca front
-- role: firstring_factory
-- $1 order_reference text
-- $2 station_fingerprint bytea
-- $3 macs macaddr[]
-- $4 serial_numbers text[]
-- $5 spki_sha256 bytea[]
-- $6 serials bytea[]: of the certificates, 16 bytes
-- $7 certificates bytea[]: DER
-- $8 fingerprints bytea[]: SHA-256 of the DER
-- $9 not_before timestamptz[]
-- $10 claim_code_hashes bytea[]: SHA-256 of "firstring claim code v1" || 6 bytes of MAC || epoch as
--     4 bytes big-endian || the 13 normalised symbols, upper case, without the check symbol
-- $11 claim_code_epochs bigint[]: 0 is the first
-- $12 actor_kind text
-- $13 actor_id text
-- $14 source_ip inet
-- $15 request_id text
-- $16 server_key boolean: the signer made the keys
-- -> ordinal bigint: 1 is the first input row
-- -> outcome text: stored, existing, mac_has_other_key, mac_in_other_order, key_reused, revoked,
--    out_of_range, order_closed (closed, or not_before outside its window), station_not_allowed,
--    unknown_order, serial_reused, bad_serial_number
-- -> certificate bytea: DER on record, for existing only
-- -> claim_code_epoch integer: on record, for stored and existing; -1: the phone has no code
-- rows: one per input row, in order
-- plan: index lookups and inserts; no scan
select ordinal, outcome, certificate, claim_code_epoch
from firstring.certificates_store($1::text, $2::bytea, $3::macaddr[], $4::text[], $5::bytea[],
  $6::bytea[], $7::bytea[], $8::bytea[], $9::timestamptz[], $10::bytea[], $11::bigint[],
  $12::text, $13::text, $14::inet, $15::text, $16::boolean)
order by ordinal;
