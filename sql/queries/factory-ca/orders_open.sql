-- The orders that the signer should hold: not closed, the latest first.
-- caller: factory-ca front, factory-ca order show
-- role: firstring_factory
-- $1 limit bigint
-- -> reference text
-- -> statement bytea
-- -> signatures bytea
-- -> operator_fingerprint bytea
-- plan: partial index of orders not closed
select reference, statement, signatures, operator_fingerprint
from firstring.orders_open($1::bigint);
