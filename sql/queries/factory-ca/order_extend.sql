-- Widens an order by a signed statement: its quantity and end from then on.
-- caller: factory-ca order extend
-- role: firstring_factory
-- $1 reference text
-- $2 quantity integer: not less than before
-- $3 closes_at timestamptz: null is never; not earlier than before
-- $4 statement bytea
-- $5 signatures bytea
-- $6 operator_fingerprint bytea
-- $7 actor_kind text
-- $8 actor_id text
-- $9 source_ip inet
-- $10 request_id text
-- -> outcome text: extended, existing (this very statement), order_narrower, order_overlaps,
--    order_closed, unknown_order, unknown_operator
-- -> conflicting_reference text: the order that overlaps
-- rows: 1
-- plan: index lookups; the gist index of the exclusion constraint
select outcome, conflicting_reference
from firstring.order_extend($1::text, $2::integer, $3::timestamptz, $4::bytea, $5::bytea,
  $6::bytea, $7::text, $8::text, $9::inet, $10::text);
