-- Claim jobs have a number, a turn and an end: an ITSP has so many open ones, the next that is run is of
-- the ITSP that was served the longest ago, one can be cancelled, and rows of ended ones are let go of.

alter table claim_job
  add column taken_at timestamptz,
  add column cancelled_at timestamptz,
  add column rows_kept text not null default 'all' check (rows_kept in ('all', 'done', 'none')),
  add constraint cancelled_has_failed check (cancelled_at is null or state = 'failed');
comment on column claim_job.taken_at is 'When a worker took it last: whose turn it is follows from it.';
comment on column claim_job.rows_kept is
  'Which of its rows are here: done, those that have a result, after it was cancelled; none, when they were '
  'kept long enough.';
create index claim_job_turn_idx on claim_job (itsp_id, taken_at) where taken_at is not null;
create index claim_job_rows_kept_idx on claim_job (finished_at) where rows_kept <> 'none';
create index claim_job_rows_gone_idx on claim_job (finished_at) where rows_kept = 'none';
create index claim_job_cancelled_idx on claim_job (finished_at)
  where cancelled_at is not null and rows_kept = 'all';

-- Jobs of an ITSP that wait or run. Internal.
create function claim_jobs_open(itsp_id uuid) returns bigint
language sql stable set search_path = firstring, pg_temp
return (select count(*) from firstring.claim_job j
  where j.itsp_id = $1 and j.state in ('queued', 'running'));

-- As before, but not past so many open ones. What is handed in at the same time is counted by
-- claim_job_queue.
drop function claim_job_create(uuid, boolean, boolean, text, text, inet, text);
create function claim_job_create(job_id uuid, dry_run boolean, atomic boolean, actor_kind text,
  actor_id text, source_ip inet, request_id text, open_allowed bigint default 10)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  if claim_jobs_open(tenant) >= open_allowed then
    return query select 'too_many_jobs';
    return;
  end if;
  insert into claim_job (id, itsp_id, dry_run, atomic, actor_kind, actor_id)
  values ($1, tenant, $2, $3, $4, $5) on conflict do nothing;
  if not found then
    return query select 'existing';
    return;
  end if;
  perform audit_write('claim_job.create', 'claim_job', $1::text, tenant, null,
    jsonb_build_object('dry_run', $2, 'atomic', $3), $4, $5, $6, $7);
  return query select 'created';
end
$$;

-- The end of the transaction that hands a job in. Those of one ITSP come here one after another, and
-- only for so long as they commit; one too many leaves nothing but its audit rows.
drop function claim_job_queue(uuid);
create function claim_job_queue(job_id uuid, open_allowed bigint default 10)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  job claim_job;
begin
  select j.* into job from claim_job j where j.id = $1 and j.itsp_id = tenant for no key update;
  if not found or job.state <> 'receiving' then
    return query select case when job.id is null then 'not_found' else 'not_receiving' end;
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('firstring claim jobs of ' || tenant, 0));
  if claim_jobs_open(tenant) >= open_allowed then
    delete from claim_job j where j.id = job.id;
    perform audit_write('claim_job.refuse', 'claim_job', job.id::text, tenant, null,
      jsonb_build_object('because', 'too_many_jobs'), job.actor_kind, job.actor_id, null, null);
    return query select 'too_many_jobs';
    return;
  end if;
  update claim_job j set state = 'queued' where j.id = job.id;
  return query select 'queued';
end
$$;

-- As before, but of those who wait the ITSP comes first that was served the longest ago.
create or replace function claim_job_take(worker text, lease_s integer)
returns table (job_id uuid, itsp_id uuid, dry_run boolean, atomic boolean, actor_kind text,
  actor_id text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  update claim_job j
  set state = 'running', worker = $1, taken_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => $2)
  where j.id = (
    select w.id from claim_job w
    where w.state = 'queued' or (w.state = 'running' and w.lease_until < clock_timestamp())
    order by (
      select t.taken_at from claim_job t
      where t.itsp_id = w.itsp_id and t.taken_at is not null
      order by t.taken_at desc limit 1) nulls first, w.created_at
    limit 1
    for update of w skip locked)
  returning j.id, j.itsp_id, j.dry_run, j.atomic, j.actor_kind, j.actor_id;
end
$$;

-- Ends a job that waits or runs; what is done stays done. Only the job's own row is locked, shortly: a
-- batch in hand then finds the job ended and is undone, and claim_jobs_sweep lets go of what waited.
create function claim_job_cancel(job_id uuid, detail text, actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp set lock_timeout = '200ms'
as $$
#variable_conflict use_column
declare
  job claim_job;
begin
  begin
    select j.* into job from claim_job j
    where j.id = $1 and j.itsp_id = required_itsp() for no key update;
  exception when lock_not_available then
    -- All rows of an atomic job are being claimed.
    return query select 'being_claimed';
    return;
  end;
  if job.id is null or job.finished_at is not null then
    return query select case when job.id is null then 'not_found'
      when job.cancelled_at is not null then 'same' else 'job_ended' end;
    return;
  end if;
  update claim_job j
  set state = 'failed', detail = $2, cancelled_at = clock_timestamp(),
    finished_at = clock_timestamp(), lease_until = null, prepared = 0
  where j.id = job.id;
  perform audit_write('claim_job.cancel', 'claim_job', job.id::text, job.itsp_id,
    jsonb_build_object('state', job.state),
    jsonb_build_object('total', job.total, 'done', job.done), $3, $4, $5, $6);
  return query select 'cancelled';
end
$$;

-- Lets go of up to so many rows of jobs: at once of those that a cancelled one has not come to, after 30
-- days of all of an ended one; and after a year of the job's own line. Returns how many went.
create function claim_jobs_sweep(rows bigint) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  job claim_job;
  gone bigint;
  swept bigint := 0;
begin
  while swept < claim_jobs_sweep.rows loop
    select j.* into job from claim_job j
    where j.cancelled_at is not null and j.rows_kept = 'all'
    order by j.finished_at limit 1
    for no key update skip locked;
    if not found then
      select j.* into job from claim_job j
      where j.rows_kept <> 'none' and j.finished_at < clock_timestamp() - interval '30 days'
      order by j.finished_at limit 1
      for no key update skip locked;
    end if;
    exit when job.id is null;
    delete from claim_job_row r
    where r.job_id = job.id and r.line = any (array(
      select w.line from claim_job_row w
      where w.job_id = job.id
        and (w.status is null or job.finished_at < clock_timestamp() - interval '30 days')
      order by w.line limit claim_jobs_sweep.rows - swept));
    get diagnostics gone = row_count;
    swept := swept + gone;
    if swept < claim_jobs_sweep.rows then
      update claim_job j
      set rows_kept = case when job.finished_at < clock_timestamp() - interval '30 days'
        then 'none' else 'done' end
      where j.id = job.id;
    end if;
  end loop;
  delete from claim_job j
  where j.id = any (array(
    select w.id from claim_job w
    where w.rows_kept = 'none' and w.finished_at < clock_timestamp() - interval '1 year'
    order by w.finished_at limit claim_jobs_sweep.rows - swept));
  get diagnostics gone = row_count;
  return swept + gone;
end
$$;
