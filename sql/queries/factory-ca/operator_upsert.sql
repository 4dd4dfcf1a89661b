-- Puts an operator on record. A revoked fingerprint never comes back to life.
-- caller: factory-ca operator add
-- role: firstring_factory
-- $1 fingerprint bytea: SHA-256 of the certificate
-- $2 name text
-- $3 role text: operator, officer
-- $4 certificate bytea: DER
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: created, existing, updated (name or role), revoked
-- rows: 1
-- plan: index lookup
select outcome
from firstring.operator_upsert($1::bytea, $2::text, $3::text, $4::bytea,
  $5::text, $6::text, $7::inet, $8::text);
