-- Approved host suffixes. On the tenant pool row-level security shows the tenant's own only.
-- caller: portal-api worker: URL checks (tenant pool), GET /v1/admin/itsps/{id}/domains
-- role: firstring_portal firstring_admin
-- $1 itsp_id uuid
-- -> domain text
-- plan: index scan of itsp_domain_pkey
select domain
from firstring.itsp_domain
where itsp_id = $1::uuid
order by domain;
