-- Revokes one certificate of a station, or all that are live under a name.
-- caller: factory-ca station revoke
-- role: firstring_factory
-- $1 fingerprint bytea: null is all of the name
-- $2 name text: null is by fingerprint alone
-- $3 reason text
-- $4 actor_kind text
-- $5 actor_id text
-- $6 source_ip inet
-- $7 request_id text
-- -> outcome text: revoked, already_revoked, unknown_station
-- -> count bigint: certificates revoked by this call
-- rows: 1
-- plan: index lookup
select outcome, count
from firstring.station_revoke($1::bytea, $2::text, $3::text,
  $4::text, $5::text, $6::inet, $7::text);
