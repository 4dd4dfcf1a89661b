-- Opens a production order from a statement that operators signed. The caller has verified the
-- signatures; the signer verifies them again from the statement kept here.
-- caller: factory-ca order open
-- role: firstring_factory
-- $1 reference text
-- $2 model text
-- $3 certificate_profile text
-- $4 key_types text[]
-- $5 first_mac macaddr
-- $6 quantity integer
-- $7 opens_at timestamptz: null is at once
-- $8 closes_at timestamptz: null is never
-- $9 stations text[]: names; empty is any live station
-- $10 statement bytea: canonical
-- $11 signatures bytea
-- $12 operator_fingerprint bytea
-- $13 actor_kind text
-- $14 actor_id text
-- $15 source_ip inet
-- $16 request_id text
-- -> outcome text: created, existing (the same statement), differs (the reference with another
--    statement), overlap (with the range of an order not closed), unknown_model, key_types (one
--    that the model does not allow), unknown_operator (absent or revoked)
-- -> state text: of the order on record; null when none
-- -> conflicting_reference text: the order that overlaps
-- rows: 1
-- plan: index lookups; the gist index of the exclusion constraint
select outcome, state, conflicting_reference
from firstring.order_insert($1::text, $2::text, $3::text, $4::text[], $5::macaddr, $6::integer,
  $7::timestamptz, $8::timestamptz, $9::text[], $10::bytea, $11::bytea, $12::bytea,
  $13::text, $14::text, $15::inet, $16::text);
