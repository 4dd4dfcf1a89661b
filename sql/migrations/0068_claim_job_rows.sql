-- Rows of claim jobs change in place: a result moves no row to another page and touches no index.
-- Who runs a job reads on from the line where he stopped, so that no index of waiting rows is needed.

alter table claim_job_row set (fillfactor = 50);
drop index claim_job_row_waiting_idx;

drop function claim_job_rows_next(uuid, text, integer, bigint);
create function claim_job_rows_next(job_id uuid, worker text, lease_s integer, "limit" bigint,
  after_line bigint default 0)
returns table (line bigint, mac text, claim_code text, profile text)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  lease_until timestamptz;
begin
  select j.lease_until into lease_until from claim_job j
  where j.id = $1 and j.itsp_id = required_itsp() and j.state = 'running' and j.worker = $2;
  if not found then
    return;
  end if;
  -- Claims renew the lease as well: only where they were long in coming there is something to write.
  if lease_until < clock_timestamp() + make_interval(secs => $3) * 0.7 then
    update claim_job j set lease_until = clock_timestamp() + make_interval(secs => $3)
    where j.id = $1 and j.state = 'running' and j.worker = $2;
    if not found then
      return;
    end if;
  end if;
  return query
  select r.line, r.mac, r.claim_code, r.profile
  from claim_job_row r
  where r.job_id = $1 and r.line > $5 and r.status is null and r.claim_id is null
  order by r.line
  limit $4;
end
$$;

-- Claims rows of a job and notes in the same transaction that they are done; returns those that were
-- not granted, whose results the caller notes. The job's own row is locked last, and shortly.
create function claim_job_rows_take(job_id uuid, worker text, lease_s integer, lines bigint[],
  claim_ids uuid[], macs macaddr[], claim_codes text[], profile_ids uuid[],
  sealed_passwords bytea[], failures_allowed integer)
returns table (line bigint, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  rows_ integer[] := array[cardinality($4)];
  job claim_job;
  outcomes text[];
  granted bigint;
begin
  select j.* into job from claim_job j
  where j.id = $1 and j.itsp_id = tenant and j.state = 'running' and not j.atomic and not j.dry_run;
  if not found then
    raise exception 'the job is not running' using errcode = '40001';
  end if;
  select g.outcomes into outcomes
  from claims_grant(tenant, $5, $6, $7, $8, $9, $10, array_fill(job.actor_kind, rows_),
    array_fill(job.actor_id, rows_), array_fill(null::inet, rows_),
    array_fill(job.id::text, rows_), true) g;
  update claim_job_row r
  set status = 'ok', code = g.outcome, claim_code = null
  from unnest($4, outcomes) g (line, outcome)
  where r.job_id = $1 and r.line = g.line and r.status is null
    and g.outcome in ('created', 'same');
  get diagnostics granted = row_count;
  update claim_job j
  set done = j.done + granted, lease_until = clock_timestamp() + make_interval(secs => $3)
  where j.id = job.id and j.state = 'running' and j.worker = $2;
  if not found then
    raise exception 'the job is not running' using errcode = '40001';
  end if;
  return query
  select g.line, g.outcome from unnest($4, outcomes) with ordinality g (line, outcome, ordinal)
  where g.outcome not in ('created', 'same')
  order by g.ordinal;
end
$$;

-- As before, by look-ups of the lines: a plan for the values at hand read the whole job for each set.
alter function claim_job_rows_done(uuid, bigint[], text[], text[], text[])
  set plan_cache_mode = force_generic_plan;
alter function claim_job_rows_done(uuid, bigint[], text[], text[], text[]) set enable_seqscan = off;
alter function claim_job_rows_prepare(uuid, bigint[], uuid[], macaddr[], text[], uuid[], bytea[])
  set plan_cache_mode = force_generic_plan;
alter function claim_job_rows_prepare(uuid, bigint[], uuid[], macaddr[], text[], uuid[], bytea[])
  set enable_seqscan = off;

-- As before, but a line that is there already is a mistake and no longer passed over: a job comes in
-- one transaction, and looking for a conflict first costs a quarter of each row.
create or replace function claim_job_rows_add(job_id uuid, lines bigint[], macs text[],
  claim_codes text[], profiles text[])
returns table (outcome text, total bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  job claim_job;
  added bigint;
begin
  select j.* into job from claim_job j
  where j.id = $1 and j.itsp_id = required_itsp() for no key update;
  if not found then
    return query select 'not_found', null::bigint;
    return;
  end if;
  if job.state <> 'receiving' then
    return query select 'not_receiving', job.total;
    return;
  end if;
  insert into claim_job_row (job_id, line, mac, claim_code, profile)
  select $1, r.line, r.mac, r.claim_code, r.profile
  from unnest($2, $3, $4, $5) r (line, mac, claim_code, profile);
  get diagnostics added = row_count;
  update claim_job j set total = j.total + added where j.id = $1;
  return query select 'added', job.total + added;
end
$$;
