-- A bulk job, empty. Rows follow by claim_job_rows_add, then claim_job_queue.
-- caller: portal-api worker, POST /v1/claim-jobs
-- role: firstring_portal
-- $1 job_id uuid: made by the caller
-- $2 dry_run boolean
-- $3 atomic boolean
-- $4 actor_kind text
-- $5 actor_id text
-- $6 source_ip inet
-- $7 request_id text
-- $8 open_allowed bigint: jobs of this ITSP that wait or run
-- -> outcome text: created, existing, too_many_jobs
-- rows: 1
-- plan: insert; those that wait or run are few
select outcome
from firstring.claim_job_create($1::uuid, $2::boolean, $3::boolean,
  $4::text, $5::text, $6::inet, $7::text, $8::bigint);
