-- An operator's leave to give one MAC a certificate for another key, once.
-- caller: factory-ca rekey
-- role: firstring_factory
-- $1 mac macaddr
-- $2 reason text
-- $3 statement bytea
-- $4 signatures bytea
-- $5 operator_fingerprint bytea
-- $6 actor_kind text
-- $7 actor_id text
-- $8 source_ip inet
-- $9 request_id text
-- -> outcome text: granted, existing (this statement, or one that waits), unknown_device,
--    unknown_operator
-- rows: 1
-- plan: index lookups
select outcome
from firstring.rekey_grant_insert($1::macaddr, $2::text, $3::bytea, $4::bytea, $5::bytea,
  $6::text, $7::text, $8::inet, $9::text);
