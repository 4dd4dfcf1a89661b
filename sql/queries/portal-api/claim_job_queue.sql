-- caller: portal-api worker, POST /v1/claim-jobs
-- role: firstring_portal
-- $1 job_id uuid
-- -> outcome text: queued, not_found, not_receiving
-- rows: 1
-- plan: index lookup
select outcome
from firstring.claim_job_queue($1::uuid);
