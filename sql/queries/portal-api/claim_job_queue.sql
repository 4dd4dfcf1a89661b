-- caller: portal-api worker, POST /v1/claim-jobs
-- role: firstring_portal
-- $1 job_id uuid
-- $2 open_allowed bigint: as of claim_job_create
-- -> outcome text: queued, not_found, not_receiving, too_many_jobs (the job is gone)
-- rows: 1
-- plan: index lookup
select outcome
from firstring.claim_job_queue($1::uuid, $2::bigint);
