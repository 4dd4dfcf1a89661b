-- The position in the feed that every event after this moment comes after.
-- caller: portal-api worker, GET /v1/events/stream without a cursor; webhooks that begin now
-- role: firstring_portal
-- -> xid bigint
-- -> seq bigint
-- rows: 1
-- plan: no table
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 as xid, 9223372036854775807 as seq;
