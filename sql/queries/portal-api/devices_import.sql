-- Puts phones on record that were made elsewhere: with the fingerprint of their certificate, or
-- with the hash of per-device credentials.
-- caller: portal-api worker, POST /v1/admin/devices:import
-- role: firstring_admin
-- $1 macs macaddr[]: up to 10,000
-- $2 serial_numbers text[]
-- $3 models text[]
-- $4 fingerprints bytea[]: null elements: password credentials
-- $5 credential_users text[]: null where a fingerprint is given
-- $6 credential_hashes bytea[]: SHA-256 of the generated password; null where a fingerprint is given
-- $7 claim_code_hashes bytea[]: of the generated claim codes, epoch 0
-- $8 actor_kind text
-- $9 actor_id text
-- $10 source_ip inet
-- $11 request_id text
-- -> ordinal bigint
-- -> mac macaddr
-- -> outcome text: created, existing (the same fingerprint, or credentials already made: show
--    none), differs (the MAC with other data), fingerprint_in_use, unknown_model,
--    wrong_authentication (a model with certificates, and no fingerprint), bad_serial_number, duplicate
-- rows: one per input row, in order
-- plan: index lookups and inserts
select ordinal, mac, outcome
from firstring.devices_import($1::macaddr[], $2::text[], $3::text[], $4::bytea[], $5::text[],
  $6::bytea[], $7::bytea[], $8::text, $9::text, $10::inet, $11::text)
order by ordinal;
