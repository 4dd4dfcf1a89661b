-- The certificates of an operator.
-- caller: factory-ca operator remove
-- role: firstring_factory
-- $1 name text
-- -> fingerprint bytea
-- -> name text
-- -> state text: live, revoked
-- rows: up to 64, the oldest first
-- plan: scan of operator, which is small
select fingerprint, name, state
from firstring.operators_by_name($1::text);
