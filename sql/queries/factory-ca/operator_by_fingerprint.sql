-- caller: factory-ca front, operator commands
-- role: firstring_factory
-- $1 fingerprint bytea
-- -> fingerprint bytea
-- -> name text
-- -> role text
-- -> state text: live, revoked
-- -> certificate bytea: DER
-- rows: 0 or 1
-- plan: index scan of operator_pkey
select fingerprint, name, role, state, certificate
from firstring.operator_by_fingerprint($1::bytea);
