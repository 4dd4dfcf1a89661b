-- Puts a station's certificate on record. A name may have several (renewal overlaps); a revoked
-- fingerprint never comes back to life.
-- caller: factory-ca station add, factory-ca front (renewal)
-- role: firstring_factory
-- $1 fingerprint bytea: SHA-256 of the certificate
-- $2 name text
-- $3 certificate bytea: DER
-- $4 not_after timestamptz
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: created, existing, revoked, differs (the fingerprint under another name)
-- rows: 1
-- plan: index lookup
select outcome
from firstring.station_upsert($1::bytea, $2::text, $3::bytea, $4::timestamptz,
  $5::text, $6::text, $7::inet, $8::text);
