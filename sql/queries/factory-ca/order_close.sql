-- Closes an order by a signed statement. What was issued under it stays and is still shown.
-- caller: factory-ca order close
-- role: firstring_factory
-- $1 reference text
-- $2 statement bytea
-- $3 signatures bytea
-- $4 operator_fingerprint bytea
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: closed, already_closed, unknown_order, unknown_operator
-- rows: 1
-- plan: index lookup
select outcome
from firstring.order_close($1::text, $2::bytea, $3::bytea, $4::bytea,
  $5::text, $6::text, $7::inet, $8::text);
