-- Counts what happened under an order and left no certificate.
-- caller: factory-ca front
-- role: firstring_factory
-- $1 reference text
-- $2 kinds text[]: [a-z_]{1,32}
-- $3 counts bigint[]
-- -> added bigint: kinds counted
-- rows: 1
-- plan: index lookups and upserts
select added
from firstring.order_tally_add($1::text, $2::text[], $3::bigint[]);
