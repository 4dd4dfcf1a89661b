-- Takes the next job, of the tenant that was served the longest ago, or one whose worker has been silent
-- past its lease.
-- caller: portal-api job worker, without tenant_set
-- role: firstring_portal
-- $1 worker text
-- $2 lease_s integer
-- -> job_id uuid
-- -> itsp_id uuid: for tenant_set
-- -> dry_run boolean
-- -> atomic boolean
-- -> actor_kind text: who asked for the job
-- -> actor_id text
-- rows: 0 or 1
-- plan: index scan of claim_job_waiting_idx, of each a lookup of claim_job_turn_idx, skip locked
select job_id, itsp_id, dry_run, atomic, actor_kind, actor_id
from firstring.claim_job_take($1::text, $2::integer);
