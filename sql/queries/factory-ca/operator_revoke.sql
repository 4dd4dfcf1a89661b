-- Takes an operator off, by a signed statement. Orders opened by him stay.
-- caller: factory-ca operator remove
-- role: firstring_factory
-- $1 fingerprint bytea
-- $2 statement bytea: null where the caller needs none
-- $3 signatures bytea
-- $4 actor_kind text
-- $5 actor_id text
-- $6 source_ip inet
-- $7 request_id text
-- -> outcome text: revoked, already_revoked, unknown_operator
-- rows: 1
-- plan: index lookup
select outcome
from firstring.operator_revoke($1::bytea, $2::bytea, $3::bytea,
  $4::text, $5::text, $6::inet, $7::text);
