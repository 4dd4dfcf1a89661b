-- What is on record for each (MAC, public key) of a batch, before the signer is asked.
-- caller: factory-ca front
-- role: firstring_factory
-- $1 order_reference text
-- $2 macs macaddr[]: up to 1,000
-- $3 spki_sha256 bytea[]: as long as macs
-- -> ordinal bigint: 1 is the first input row
-- -> outcome text: none (free to issue, or granted another key), existing (the same order, MAC and key),
--    mac_has_other_key, mac_in_other_order (the same key, another order), key_reused (the key
--    belongs to another MAC), revoked (the same key, its certificate is not live)
-- -> certificate bytea: DER, for existing only
-- -> serial_number text: the device's, where the MAC is on record
-- -> claim_code_epoch integer: where the MAC is on record, else null: 0 is the first, -1: the
--    phone has no code (see claim_code_rotate)
-- rows: one per input row, in order; none when the order is unknown
-- plan: three index lookups a row
select ordinal, outcome, certificate, serial_number, claim_code_epoch
from firstring.certificates_existing($1::text, $2::macaddr[], $3::bytea[])
order by ordinal;
