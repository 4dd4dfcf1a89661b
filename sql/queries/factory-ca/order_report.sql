-- The yield of an order: what happened how often.
-- caller: factory-ca order report
-- role: firstring_factory
-- $1 reference text
-- -> kind text: issued; then, where there was any: existing, reworked, key_repeated, scrapped,
--    revoked, and refused_ with each row code
-- -> count bigint
-- rows: one per kind; none when there is no such order
-- plan: index scans of production_order_reference_key, at most 16 rows per kind
select kind, count
from firstring.order_report($1::text);
