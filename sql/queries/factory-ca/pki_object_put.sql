-- Publishes a certificate, the chain or a CRL. An older CRL never replaces a newer one.
-- caller: factory-ca init, factory-ca front, factory-ca crl
-- role: firstring_factory
-- $1 kind text: root_certificate, issuing_certificate, chain, root_crl, issuing_crl,
--    line_certificate, ocsp_certificate
-- $2 shard integer: 0 is the first
-- $3 content bytea: DER; PEM for chain
-- $4 number bigint: cRLNumber; null for what is no CRL
-- $5 next_update timestamptz: null for what is no CRL
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: created, updated, same, stale (an older cRLNumber)
-- rows: 1
-- plan: index lookup
select outcome
from firstring.pki_object_put($1::text, $2::integer, $3::bytea, $4::bigint, $5::timestamptz,
  $6::text, $7::text, $8::inet, $9::text);
