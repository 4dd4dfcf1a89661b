-- Lets go of idempotency keys and stage tokens past their 24 hours, of passwords that are
-- delivered for good (passwords_purge), and of rows of claim jobs (claim_jobs_sweep); makes the months of events that come.
-- caller: portal-api job worker, every housekeeping_interval
-- role: firstring_admin
-- $1 rows bigint: let go at most, of each
-- $2 months_ahead integer
-- -> keys_swept bigint
-- -> partitions_made integer
-- -> tokens_swept bigint
-- -> passwords_purged bigint
-- -> job_rows_swept bigint
-- rows: 1
-- plan: index scans of idempotency_created_idx, stage_token_expires_idx, claim_purge_idx,
--   claim_job_rows_kept_idx
select firstring.idempotency_sweep($1::bigint) as keys_swept,
  firstring.device_event_partitions($2::integer) as partitions_made,
  firstring.stage_tokens_sweep($1::bigint) as tokens_swept,
  firstring.passwords_purge($1::bigint) as passwords_purged,
  firstring.claim_jobs_sweep($1::bigint) as job_rows_swept;
