-- One order: what GET shows, and what the signer needs to open it.
-- caller: factory-ca front, factory-ca order show
-- role: firstring_factory
-- $1 reference text
-- -> reference text
-- -> model text
-- -> certificate_profile text
-- -> key_types text[]
-- -> first_mac macaddr
-- -> quantity integer
-- -> issued bigint: distinct MACs
-- -> state text: open, closed
-- -> opens_at timestamptz
-- -> closes_at timestamptz
-- -> stations text[]
-- -> statement bytea
-- -> signatures bytea
-- -> operator_fingerprint bytea
-- -> closed_at timestamptz
-- -> close_statement bytea: null while open
-- -> close_signatures bytea: null while open
-- rows: 0 or 1
-- plan: index scan of production_order_reference_key, at most 16 counter rows
select reference, model, certificate_profile, key_types, first_mac, quantity, issued, state,
  opens_at, closes_at, stations, statement, signatures, operator_fingerprint, closed_at,
  close_statement, close_signatures
from firstring.order_get($1::text);
