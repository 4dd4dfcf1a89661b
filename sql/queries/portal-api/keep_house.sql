-- Lets go of idempotency keys past their 24 hours, and makes the months of events that come.
-- caller: portal-api job worker, every ten minutes
-- role: firstring_admin
-- $1 rows bigint: keys let go at most
-- $2 months_ahead integer
-- -> keys_swept bigint
-- -> partitions_made integer
-- rows: 1
-- plan: index scan of idempotency_created_idx
select firstring.idempotency_sweep($1::bigint) as keys_swept,
  firstring.device_event_partitions($2::integer) as partitions_made;
