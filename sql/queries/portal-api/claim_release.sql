-- Gives a phone back. Its passwords are purged, a live ship notice to this ITSP is cancelled.
-- Repeated by whoever held it once it is already_released, whether somebody else holds it now or not.
-- caller: portal-api worker, DELETE /v1/claims/{mac}
-- role: firstring_portal
-- $1 mac macaddr
-- $2 expected_version integer: null is any
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: released, already_released, not_found, version_mismatch
-- rows: 1
-- plan: index lookups
select outcome
from firstring.claim_release($1::macaddr, $2::integer, $3::text, $4::text, $5::inet, $6::text);
