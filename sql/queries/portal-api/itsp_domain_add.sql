-- Approves a host suffix for an ITSP's provisioning URLs.
-- caller: portal-api worker, POST /v1/admin/itsps/{id}/domains
-- role: firstring_admin
-- $1 itsp_id uuid
-- $2 domain text: normalised
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: created, existing, unknown_itsp
-- rows: 1
-- plan: insert
select outcome
from firstring.itsp_domain_add($1::uuid, $2::text, $3::text, $4::text, $5::inet, $6::text);
