-- caller: portal-api worker, GET /v1/claim-jobs/{id}/results
-- role: firstring_portal
-- $1 job_id uuid
-- $2 after_line bigint: 0 is the first page
-- $3 limit bigint
-- -> line bigint
-- -> mac text
-- -> status text
-- -> code text
-- -> detail text
-- -> profile text: as given
-- plan: index scan of claim_job_row_pkey under row-level security
select line, mac, status, code, detail, profile
from firstring.claim_job_row
where job_id = $1::uuid and line > $2::bigint and status is not null
order by line
limit $3::bigint;
