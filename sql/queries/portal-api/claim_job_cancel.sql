-- Ends a job that waits or runs; rows that are done stay done.
-- caller: portal-api worker, DELETE /v1/claim-jobs/{id}
-- role: firstring_portal
-- $1 job_id uuid
-- $2 detail text: what is said of it from now on
-- $3 actor_kind text
-- $4 actor_id text
-- $5 source_ip inet
-- $6 request_id text
-- -> outcome text: cancelled, same, not_found, job_ended, being_claimed (an atomic job's rows are, now)
-- rows: 1
-- plan: index lookup
select outcome
from firstring.claim_job_cancel($1::uuid, $2::text, $3::text, $4::text, $5::inet, $6::text);
