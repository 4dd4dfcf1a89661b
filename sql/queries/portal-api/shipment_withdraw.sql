-- Takes back a ship notice that waits; the ITSP is told.
-- caller: portal-api worker, DELETE /v1/admin/shipments/{mac}
-- role: firstring_admin
-- $1 mac macaddr
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- -> outcome text: withdrawn, not_found (no notice of this phone waits)
-- rows: 1
-- plan: index lookups
select outcome
from firstring.shipment_withdraw($1::macaddr, $2::text, $3::text, $4::inet, $5::text);
