-- Who a TLS client certificate is. The caller refuses what is not live.
-- caller: factory-ca front, on each connection
-- role: firstring_factory
-- $1 fingerprint bytea
-- -> fingerprint bytea
-- -> name text
-- -> state text: live, revoked
-- -> not_after timestamptz
-- rows: 0 or 1
-- plan: index scan of station_pkey
select fingerprint, name, state, not_after
from firstring.station_by_fingerprint($1::bytea);
