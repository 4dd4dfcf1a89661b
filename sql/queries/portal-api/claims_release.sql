-- Releases many phones; what is none of the tenant's is told as for one (claim_release).
-- caller: portal-api worker, POST /v1/claims:release
-- role: firstring_portal
-- $1 macs macaddr[]: up to 10,000
-- $2 actor_kind text
-- $3 actor_id text
-- $4 source_ip inet
-- $5 request_id text
-- -> ordinal bigint
-- -> mac macaddr
-- -> outcome text: released, already_released, not_found
-- rows: one per MAC, in the order given
-- plan: index lookups
select ordinal, mac, outcome
from firstring.claims_release($1::macaddr[], $2::text, $3::text, $4::inet, $5::text)
order by ordinal;
