-- The tenant's claim jobs, the latest first.
-- caller: portal-api worker, GET /v1/claim-jobs
-- role: firstring_portal
-- $1 before_us bigint: microseconds since 1970 of the last job of the page before; null is the first page
-- $2 limit bigint
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
-- -> created_us bigint: the place in the list
-- plan: index scan of claim_job_itsp_idx backwards, under row-level security
select id, state, dry_run, atomic, total, prepared, done, failed, detail, rows_kept, cancelled_at, created_at,
  finished_at, (extract(epoch from created_at) * 1000000)::bigint as created_us
from firstring.claim_job
where itsp_id = firstring.current_itsp()
  and ($1::bigint is null or created_at < timestamptz 'epoch' + $1::bigint * interval '1 microsecond')
order by created_at desc
limit $2::bigint;
