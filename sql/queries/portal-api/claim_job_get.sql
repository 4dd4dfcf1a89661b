-- caller: portal-api worker, GET /v1/claim-jobs/{id}
-- role: firstring_portal
-- $1 job_id uuid
-- -> id uuid
-- -> state text: receiving, queued, running, done, failed
-- -> dry_run boolean
-- -> atomic boolean
-- -> total bigint
-- -> prepared bigint: of an atomic job: checked, and waiting for all others
-- -> done bigint
-- -> failed bigint
-- -> detail text
-- -> rows_kept text: all, done (of a cancelled job those with a result), none
-- -> cancelled_at timestamptz
-- -> created_at timestamptz
-- -> finished_at timestamptz
-- rows: 0 or 1
-- plan: index scan of claim_job_pkey under row-level security
select id, state, dry_run, atomic, total, prepared, done, failed, detail, rows_kept, cancelled_at, created_at,
  finished_at
from firstring.claim_job
where id = $1::uuid;
