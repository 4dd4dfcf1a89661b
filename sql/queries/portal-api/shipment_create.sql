-- Ship notice: these phones were sold to that ITSP, which may claim them without a code.
-- caller: portal-api worker, POST /v1/admin/shipments
-- role: firstring_admin
-- $1 itsp_id uuid
-- $2 macs macaddr[]: up to 10,000
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> ordinal bigint: 1 is the first input row
-- -> mac macaddr
-- -> outcome text: created, existing (already noticed to this ITSP, not yet consumed), replaced (a
--    notice to another ITSP is cancelled), unknown_device, duplicate (earlier in the input),
--    unknown_itsp
-- rows: one per input row, in order
-- plan: index lookups and inserts
select ordinal, mac, outcome
from firstring.shipment_create($1::uuid, $2::macaddr[], $3::text, $4::text, $5::inet, $6::text)
order by ordinal;
