-- What the line saw and somebody should look at: clone suspicion, weak keys, a station turned away.
-- caller: factory-ca front
-- role: firstring_factory
-- $1 at timestamptz[]
-- $2 event_ids uuid[]: made by the caller; the same event twice is one row
-- $3 kinds text[]: [a-z_]{1,32}
-- $4 macs macaddr[]: elements may be null
-- $5 fingerprints bytea[]: elements may be null
-- $6 source_ips text[]: elements may be null
-- $7 details text[]: JSON objects; elements may be null
-- -> inserted bigint
-- rows: 1
-- plan: inserts
select inserted
from firstring.security_events_insert($1::timestamptz[], $2::uuid[], $3::text[], $4::macaddr[],
  $5::bytea[], $6::text[], $7::text[]);
