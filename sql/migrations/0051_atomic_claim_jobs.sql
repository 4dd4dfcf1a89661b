-- Atomic claim jobs of any size: rows are checked and prepared in sets, and kept so; then one
-- transaction claims them all, set by set in order of their MACs, or none.

alter table claim_job
  add column prepared bigint not null default 0 check (prepared >= 0),
  add check (done + prepared <= total);

alter table claim_job_row
  add column phone macaddr,
  add column claim_id uuid,
  add column proof_code text,
  add column profile_id uuid,
  add column sealed_password bytea,
  add constraint done_keeps_nothing_prepared check (status is null
    or num_nonnulls(phone, claim_id, proof_code, profile_id, sealed_password) = 0);
comment on column claim_job_row.claim_id is
  'Of a row of an atomic job that was checked and waits for all others; the columns from phone to '
  'sealed_password are what its claim will be made of, and are emptied with its result.';
drop index claim_job_row_waiting_idx;
create index claim_job_row_waiting_idx on claim_job_row (job_id, line)
  where status is null and claim_id is null;
create index claim_job_row_prepared_idx on claim_job_row (job_id, phone, line)
  where claim_id is not null;

-- As before, but for the claim that is looked for by its order: a plan made while the table was empty
-- cannot choose the index of tenants, whose every entry it would read as the table grows under it.
create or replace function claims_decide(tenant uuid, macs macaddr[], codes text[], profile_ids uuid[],
  failures_allowed integer)
returns table (ordinal bigint, outcome text, proof text)
language plpgsql set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  this_minute timestamptz := date_trunc('minute', clock_timestamp());
  failures bigint;
begin
  select coalesce(sum(f.failures), 0) into failures
  from claim_failure f where f.itsp_id = $1 and f.minute > this_minute - interval '1 hour';
  return query
  with proven as (
    select g.ordinal, g.mac, g.code, g.profile_id, c.itsp_id as holder, c.profile_id as held_profile,
      p.id is not null as has_profile,
      row_number() over (partition by g.mac order by g.ordinal) as turn,
      case
        when c.itsp_id = $1 then 'own'
        when s.shipped then 'shipment'
        when g.code is not null
          and claim_code_hash(g.mac, coalesce(d.claim_code_epoch, 0), g.code) = d.claim_code_hash
          then 'code'
      end as proof
    from unnest($2, $3, $4) with ordinality g (mac, code, profile_id, ordinal)
    left join lateral (
      select e.claim_code_hash, e.claim_code_epoch from device e where e.mac = g.mac limit 1) d
      on true
    left join lateral (
      select e.itsp_id, e.profile_id from claim e
      where e.mac between g.mac and g.mac and e.state <> 'released'
      order by e.mac limit 1) c on true
    left join lateral (
      select true as shipped from shipment e
      where e.mac = g.mac and e.state = 'live' and e.itsp_id = $1 limit 1) s on true
    left join lateral (
      select e.id from provisioning_profile e
      where e.id = g.profile_id and e.itsp_id = $1 and e.deleted_at is null limit 1) p on true
  ), wrong as (
    select count(*) as codes from proven w where w.proof is null and w.code is not null
  )
  select w.ordinal,
    case
      when failures + wrong.codes > $5 or w.turn > 1 then null
      when not w.has_profile then 'unknown_profile'
      when w.proof is null and w.code is null then 'possession_not_proven'
      when w.proof is null then null
      when w.holder is null then 'possible'
      when w.holder <> $1 then 'claimed_elsewhere'
      when w.held_profile <> w.profile_id then 'claim_differs'
      else 'same'
    end, w.proof
  from proven w cross join wrong
  order by w.ordinal;
end
$$;

create or replace function claim_job_rows_next(job_id uuid, worker text, lease_s integer,
  "limit" bigint)
returns table (line bigint, mac text, claim_code text, profile text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  update claim_job j set lease_until = clock_timestamp() + make_interval(secs => $3)
  where j.id = $1 and j.itsp_id = required_itsp() and j.state = 'running' and j.worker = $2;
  if not found then
    return;
  end if;
  return query
  select r.line, r.mac, r.claim_code, r.profile
  from claim_job_row r
  where r.job_id = $1 and r.status is null and r.claim_id is null
  order by r.line
  limit $4;
end
$$;

create function claim_job_rows_prepare(job_id uuid, lines bigint[], claim_ids uuid[],
  phones macaddr[], proof_codes text[], profile_ids uuid[], sealed_passwords bytea[])
returns table (prepared bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  newly_prepared bigint;
begin
  perform from claim_job j
  where j.id = $1 and j.itsp_id = required_itsp() and j.state = 'running' and j.atomic
  for no key update;
  if not found then
    raise exception 'the job is not running' using errcode = '40001';
  end if;
  update claim_job_row r
  set phone = g.phone, claim_id = g.claim_id, proof_code = g.proof_code,
    profile_id = g.profile_id, sealed_password = g.sealed_password
  from unnest($2, $3, $4, $5, $6, $7)
    g (line, claim_id, phone, proof_code, profile_id, sealed_password)
  where r.job_id = $1 and r.line = g.line and r.status is null and r.claim_id is null;
  get diagnostics newly_prepared = row_count;
  return query
  update claim_job j set prepared = j.prepared + newly_prepared where j.id = $1
  returning j.prepared;
end
$$;

-- Ends every prepared row of a job alike. Internal.
create function claim_job_settle(job_id uuid, status text, code text, detail text)
returns bigint
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  settled bigint;
begin
  update claim_job_row r
  set status = $2, code = $3, detail = $4, claim_code = null, phone = null, claim_id = null,
    proof_code = null, profile_id = null, sealed_password = null
  where r.job_id = $1 and r.claim_id is not null;
  get diagnostics settled = row_count;
  update claim_job j
  set prepared = j.prepared - settled, done = j.done + settled,
    failed = j.failed + case $2 when 'error' then settled else 0 end
  where j.id = $1;
  return settled;
end
$$;

-- Rows that were prepared wait again to be checked. Internal.
create function claim_job_unprepare(job_id uuid, lines bigint[]) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  waiting bigint;
begin
  update claim_job_row r
  set phone = null, claim_id = null, proof_code = null, profile_id = null, sealed_password = null
  where r.job_id = $1 and r.line = any ($2) and r.claim_id is not null;
  get diagnostics waiting = row_count;
  update claim_job j set prepared = j.prepared - waiting where j.id = $1;
end
$$;

-- Claims every prepared row of a job, a thousand at a time in order of their MACs, so that two
-- jobs never wait crosswise. Returns the lines of the first set that were not granted: null when
-- all were; then what was claimed before them is undone. Internal.
create function claim_job_claim_rows(job claim_job, failures_allowed integer) returns bigint[]
language plpgsql set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_variable
declare
  part record;
  outcomes text[];
  refused bigint[];
  last_phone macaddr := '00:00:00:00:00:00';
  last_line bigint := 0;
  claimed bigint := 0;
begin
  loop
    select array_agg(w.line order by w.phone, w.line) as lines,
      array_agg(w.phone order by w.phone, w.line) as phones,
      array_agg(w.claim_id order by w.phone, w.line) as claim_ids,
      array_agg(w.proof_code order by w.phone, w.line) as codes,
      array_agg(w.profile_id order by w.phone, w.line) as profile_ids,
      array_agg(w.sealed_password order by w.phone, w.line) as sealed
    into part
    from (
      select r.line, r.phone, r.claim_id, r.proof_code, r.profile_id, r.sealed_password
      from claim_job_row r
      where r.job_id = job.id and r.claim_id is not null
        and (r.phone, r.line) > (last_phone, last_line)
      order by r.phone, r.line
      limit 1000) w;
    exit when part.lines is null;
    outcomes := array(
      select t.outcome
      from claims_take(part.claim_ids, part.phones, part.codes, part.profile_ids, part.sealed,
        failures_allowed, job.actor_kind, job.actor_id, null, job.id::text) t
      order by t.ordinal);
    refused := array(
      select g.line from unnest(part.lines, outcomes) g (line, outcome)
      where g.outcome not in ('created', 'same'));
    if cardinality(refused) > 0 then
      raise exception 'not all were granted' using errcode = 'triggered_action_exception';
    end if;
    update claim_job_row r
    set status = 'ok', code = g.outcome, claim_code = null, phone = null, claim_id = null,
      proof_code = null, profile_id = null, sealed_password = null
    from unnest(part.lines, outcomes) g (line, outcome)
    where r.job_id = job.id and r.line = g.line;
    claimed := claimed + cardinality(part.lines);
    last_phone := part.phones[cardinality(part.phones)];
    last_line := part.lines[cardinality(part.lines)];
  end loop;
  update claim_job j set prepared = j.prepared - claimed, done = j.done + claimed
  where j.id = job.id;
  return null;
exception when triggered_action_exception then
  -- Variables keep what they were told; the claims are undone.
  return refused;
end
$$;

-- What an atomic job ends with, when each row is done or prepared. The caller holds a longer
-- statement_timeout. Outcomes: claimed; rolled_back, since rows had failed; again: rows are to be
-- checked once more, because something changed since; lost: another worker's.
create function claim_job_claim(job_id uuid, worker text, lease_s integer,
  failures_allowed integer, key_id integer, rolled_back_detail text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
  set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  job claim_job;
  again bigint[];
begin
  perform events_not_from_here();
  -- Held to the end: meanwhile no other worker takes the job, however long this lasts.
  select j.* into job from claim_job j
  where j.id = $1 and j.itsp_id = required_itsp() and j.state = 'running' and j.worker = $2
    and j.atomic
  for no key update;
  if not found or exists (
      select from claim_job_row r
      where r.job_id = $1 and r.status is null and r.claim_id is null) then
    return query select case when job.id is null then 'lost' else 'again' end;
    return;
  end if;
  if job.failed = 0 and job.dry_run then
    perform claim_job_settle($1, 'ok', 'possible', null);
  elsif job.failed = 0 then
    -- What was sealed before the ring turned is sealed anew: its old key may go.
    again := array(
      select r.line from claim_job_row r
      where r.job_id = $1 and r.claim_id is not null
        and get_byte(r.sealed_password, 0) * 256 + get_byte(r.sealed_password, 1) <> $5);
    if cardinality(again) = 0 then
      again := claim_job_claim_rows(job, $4);
    end if;
    if again is not null then
      perform claim_job_unprepare($1, again);
    end if;
  else
    perform claim_job_settle($1, 'error', 'rolled_back', $6);
  end if;
  update claim_job j set lease_until = clock_timestamp() + make_interval(secs => $3)
  where j.id = $1;
  return query select case
    when again is not null then 'again' when job.failed > 0 then 'rolled_back' else 'claimed' end;
end
$$;

create or replace function claim_job_finish(job_id uuid, worker text, state text, detail text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  job claim_job;
begin
  select j.* into job from claim_job j
  where j.id = $1 and j.itsp_id = required_itsp() for no key update;
  if not found then
    return query select 'not_found';
    return;
  end if;
  if job.state <> 'running' or job.worker <> $2 then
    return query select 'lost';
    return;
  end if;
  update claim_job j
  set state = $3, detail = $4, finished_at = clock_timestamp(), lease_until = null, prepared = 0
  where j.id = $1;
  update claim_job_row r
  set claim_code = null, phone = null, claim_id = null, proof_code = null, profile_id = null,
    sealed_password = null
  where r.job_id = $1 and (r.claim_code is not null or r.claim_id is not null);
  return query select 'finished';
end
$$;

drop function claims_put(uuid[], macaddr[], text[], uuid[], bytea[], integer, text, text, inet, text);
