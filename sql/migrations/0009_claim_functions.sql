-- Claims: proving, taking, changing, giving back. Each locks the phone (device) first.

-- The claim as its holder sees it. security_invoker: row-level security is the reader's.
create view claim_document with (security_invoker = true) as
select c.id as claim_id, c.mac, d.model, m.format, d.serial_number, c.profile_id, c.state,
  c.claimed_at, coalesce(c.contacted_at, c.contacted_before_at) as contacted_at,
  (c.contacted_at is null and c.contacted_before_at is not null) as contacted_before_claim,
  c.delivered_at, c.armed_at, c.once_started_at, c.pending_since, c.version, c.itsp_id
from claim c
join device d on d.mac = c.mac
join device_model m on m.name = d.model
where c.state <> 'released';
comment on view claim_document is 'Claims that are not released, without anything sealed.';

create function claim_code_hash(mac macaddr, epoch integer, code text) returns bytea
language sql immutable parallel safe
return sha256('firstring claim code v1'::bytea || macaddr_send(mac) || int4send(epoch)
  || convert_to(code, 'UTF8'));

-- How this ITSP may hold this phone: own, shipment, code; null when it has not shown that it may.
-- The work is the same for an unknown MAC, for none and for a wrong code. Internal.
create function claim_proof(tenant uuid, mac macaddr, code text) returns text
language plpgsql stable set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  expected bytea;
  epoch integer;
  shipped boolean;
  own boolean;
  given bytea;
begin
  select d.claim_code_hash, d.claim_code_epoch into expected, epoch
  from device d where d.mac = $2;
  given := claim_code_hash($2, coalesce(epoch, 0), coalesce($3, '0000000000000'));
  shipped := exists (select from shipment s
    where s.mac = $2 and s.state = 'live' and s.itsp_id = $1);
  own := exists (select from claim c
    where c.mac = $2 and c.state <> 'released' and c.itsp_id = $1);
  return case
    when own then 'own'
    when shipped then 'shipment'
    when $3 is not null and given = expected then 'code'
  end;
end
$$;

-- The checks of a claim in their order, without taking it. Internal.
create function claim_decide(tenant uuid, mac macaddr, code text, profile_id uuid,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text,
  out outcome text, out proof text, out retry_after_s integer)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  this_minute timestamptz := date_trunc('minute', clock_timestamp());
  failures bigint;
  oldest timestamptz;
  holder claim;
begin
  if (select i.suspended from itsp i where i.id = $1) then
    outcome := 'itsp_suspended';
    return;
  end if;
  perform from provisioning_profile p
  where p.id = $4 and p.itsp_id = $1 and p.deleted_at is null for key share;
  if not found then
    outcome := 'unknown_profile';
    return;
  end if;

  proof := claim_proof($1, $2, $3);
  if $3 is not null and proof is distinct from 'own' and proof is distinct from 'shipment' then
    select coalesce(sum(f.failures), 0), min(f.minute) into failures, oldest
    from claim_failure f where f.itsp_id = $1 and f.minute > this_minute - interval '1 hour';
    if failures > $5 then
      -- Right or wrong makes no difference any more.
      outcome := 'rate_limited';
      proof := null;
      retry_after_s := greatest(1, extract(epoch from
        oldest + interval '1 hour 1 minute' - clock_timestamp())::integer);
      return;
    end if;
  end if;
  if proof is null then
    outcome := 'possession_not_proven';
    if $3 is not null then
      delete from claim_failure f
      where f.itsp_id = $1 and f.minute < this_minute - interval '2 hours';
      insert into claim_failure as f (itsp_id, minute, failures) values ($1, this_minute, 1)
      on conflict (itsp_id, minute) do update set failures = f.failures + 1;
      insert into security_event (event_id, at, kind, mac, itsp_id, source_ip, detail)
      values (gen_random_uuid(), clock_timestamp(), 'claim_code_wrong', $2, $1, $8,
        jsonb_build_object('actor_kind', $6, 'actor_id', $7, 'request_id', $9));
    end if;
    return;
  end if;

  select c.* into holder from claim c where c.mac = $2 and c.state <> 'released';
  outcome := case
    when not found then 'possible'
    when holder.itsp_id <> $1 then 'claimed_elsewhere'
    when holder.profile_id <> $4 then 'claim_differs'
    else 'same'
  end;
end
$$;

create function claim_check(mac macaddr, claim_code text, profile_id uuid,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, retry_after_s integer, model text, format text, serial_number text,
  admin_user text, password_alphabet text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  decided record;
begin
  select * into decided from claim_decide(required_itsp(), $1, $2, $3, $4, $5, $6, $7, $8);
  return query
  select decided.outcome, decided.retry_after_s, m.name, m.format, d.serial_number, m.admin_user,
    m.password_alphabet
  from (values (1)) always
  left join (device d join device_model m on m.name = d.model)
    on d.mac = $1 and decided.outcome in ('possible', 'same', 'claim_differs');
end
$$;

create function claim_put(new_claim_id uuid, of_mac macaddr, claim_code text, of_profile_id uuid,
  sealed_password bytea, failures_allowed integer, actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (outcome text, retry_after_s integer, claim_id uuid, mac macaddr, model text,
  format text, serial_number text, profile_id uuid, state text, claimed_at timestamptz,
  contacted_at timestamptz, contacted_before_claim boolean, delivered_at timestamptz,
  armed_at timestamptz, once_started_at timestamptz, pending_since timestamptz, version integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  decided record;
  contact timestamptz;
begin
  select * into decided
  from claim_decide(tenant, $2, $3, $4, $6, $7, $8, $9, $10);
  if decided.outcome = 'possible' then
    -- Only who has proven possession may make others wait; then everything is looked at again,
    -- as another may have been first.
    select d.unclaimed_contact_at into contact from device d where d.mac = $2 for no key update;
    select * into decided
    from claim_decide(tenant, $2, $3, $4, $6, $7, $8, $9, $10);
  end if;
  if decided.outcome = 'possible' then
    insert into claim (id, mac, itsp_id, profile_id, proof, sealed_password, contacted_before_at)
    values ($1, $2, tenant, $4, decided.proof, $5, contact);
    -- Also where the code was shown: the notice has served its purpose.
    update shipment s set state = 'consumed', ended_at = clock_timestamp(), claim_id = $1
    where s.mac = $2 and s.state = 'live' and s.itsp_id = tenant;
    perform audit_write('claim.create', 'claim', $2::text, tenant, null,
      jsonb_build_object('claim_id', $1, 'profile_id', $4, 'proof', decided.proof),
      $7, $8, $9, $10);
    decided.outcome := 'created';
  end if;
  return query
  select decided.outcome, decided.retry_after_s, c.claim_id, c.mac, c.model, c.format,
    c.serial_number, c.profile_id, c.state, c.claimed_at, c.contacted_at,
    c.contacted_before_claim, c.delivered_at, c.armed_at, c.once_started_at, c.pending_since,
    c.version
  from (values (1)) always
  left join claim_document c on c.mac = $2 and c.itsp_id = tenant
    and decided.outcome in ('created', 'same', 'claim_differs');
end
$$;

-- The tenant's own live claim, phone and claim locked; null id when it has none. Internal.
create function claim_lock(tenant uuid, mac macaddr) returns claim
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  held claim;
begin
  -- No lock before the claim is known to be the tenant's: a stranger must not make others wait.
  perform from claim c where c.mac = $2 and c.itsp_id = $1 and c.state <> 'released';
  if found then
    perform from device d where d.mac = $2 for no key update;
    select c.* into held from claim c
    where c.mac = $2 and c.itsp_id = $1 and c.state <> 'released' for no key update;
  end if;
  return held;
end
$$;

-- Makes a sealed password pending on a locked claim. Internal.
create function claim_set_pending(held claim, sealed bytea) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  if held.pending_version is not null then
    insert into claim_password_replaced (claim_id, version, sealed_password)
    values (held.id, held.pending_version, held.pending_sealed_password);
  end if;
  update claim c
  set pending_sealed_password = sealed,
    pending_version = coalesce(c.pending_version, c.password_version) + 1,
    pending_since = clock_timestamp()
  where c.id = held.id;
end
$$;

create function claim_patch(of_mac macaddr, expected_version integer, new_profile_id uuid,
  suspended boolean, of_claim_id uuid, sealed_password bytea, actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (outcome text, claim_id uuid, mac macaddr, model text, format text,
  serial_number text, profile_id uuid, state text, claimed_at timestamptz,
  contacted_at timestamptz, contacted_before_claim boolean, delivered_at timestamptz,
  armed_at timestamptz, once_started_at timestamptz, pending_since timestamptz, version integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held claim := claim_lock(tenant, $1);
  wanted_state text := case when $4 then 'suspended' when not $4 then 'live'
    else held.state end;
  wanted_profile uuid := coalesce($3, held.profile_id);
  outcome text;
begin
  if $3 is not null and held.id is not null then
    perform from provisioning_profile p
    where p.id = $3 and p.itsp_id = tenant and p.deleted_at is null for key share;
    if not found then
      outcome := 'unknown_profile';
    end if;
  end if;
  outcome := case
    when held.id is null then 'not_found'
    when $2 <> held.version or $5 <> held.id or ($6 is not null and $5 is null)
      then 'version_mismatch'
    when outcome is not null then outcome
    when $6 is null and wanted_state = held.state and wanted_profile = held.profile_id
      then 'same'
    else 'updated'
  end;
  if outcome = 'updated' then
    if $6 is not null then
      perform claim_set_pending(held, $6);
    end if;
    update claim c
    set state = wanted_state, profile_id = wanted_profile, version = c.version + 1
    where c.id = held.id;
    perform audit_write('claim.update', 'claim', $1::text, tenant,
      jsonb_build_object('claim_id', held.id, 'state', held.state,
        'profile_id', held.profile_id, 'version', held.version),
      jsonb_build_object('claim_id', held.id, 'state', wanted_state,
        'profile_id', wanted_profile, 'version', held.version + 1,
        'admin_password_set', $6 is not null),
      $7, $8, $9, $10);
  end if;
  return query
  select outcome, c.claim_id, c.mac, c.model, c.format, c.serial_number, c.profile_id, c.state,
    c.claimed_at, c.contacted_at, c.contacted_before_claim, c.delivered_at, c.armed_at,
    c.once_started_at, c.pending_since, c.version
  from (values (1)) always
  left join claim_document c on c.claim_id = held.id;
end
$$;

create function claim_release(mac macaddr, expected_version integer, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held claim := claim_lock(tenant, $1);
  last_holder uuid;
begin
  if held.id is null then
    select c.itsp_id into last_holder from claim c
    where c.mac = $1 order by c.claimed_at desc limit 1;
    return query select
      case when last_holder = tenant then 'already_released' else 'not_found' end;
    return;
  end if;
  if $2 <> held.version then
    return query select 'version_mismatch';
    return;
  end if;
  update claim c
  set state = 'released', released_at = clock_timestamp(), version = c.version + 1,
    sealed_password = null, password_purged_at = coalesce(c.password_purged_at,
      clock_timestamp()),
    pending_sealed_password = null, pending_version = null, pending_since = null
  where c.id = held.id;
  delete from claim_password_replaced r where r.claim_id = held.id;
  update shipment s set state = 'cancelled', ended_at = clock_timestamp()
  where s.mac = $1 and s.state = 'live' and s.itsp_id = tenant;
  -- The next holder is not told of contacts from this one's time.
  update device d set unclaimed_contact_at = null where d.mac = $1;
  perform audit_write('claim.release', 'claim', $1::text, tenant,
    jsonb_build_object('claim_id', held.id, 'state', held.state, 'profile_id', held.profile_id),
    jsonb_build_object('claim_id', held.id, 'state', 'released'), $3, $4, $5, $6);
  return query select 'released';
end
$$;

create function claim_reveal(mac macaddr, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text, claim_id uuid, admin_user text, sealed_password bytea,
  password_delivered_at timestamptz, pending_sealed_password bytea, pending_since timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held claim;
begin
  select c.* into held from claim c
  where c.mac = $1 and c.itsp_id = tenant and c.state <> 'released';
  if not found then
    return query select 'not_found', null::uuid, null::text, null::bytea, null::timestamptz,
      null::bytea, null::timestamptz;
    return;
  end if;
  if held.sealed_password is null and held.pending_sealed_password is null then
    return query select 'purged', null::uuid, null::text, null::bytea, null::timestamptz,
      null::bytea, null::timestamptz;
    return;
  end if;
  perform audit_write('claim.reveal', 'claim', $1::text, tenant, null,
    jsonb_build_object('claim_id', held.id, 'pending', held.pending_version is not null),
    $2, $3, $4, $5);
  return query
  select 'revealed', held.id, m.admin_user, held.sealed_password, held.password_delivered_at,
    held.pending_sealed_password, held.pending_since
  from device d join device_model m on m.name = d.model
  where d.mac = $1;
end
$$;

create function claim_rearm(of_mac macaddr, expected_version integer, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text, claim_id uuid, mac macaddr, model text, format text,
  serial_number text, profile_id uuid, state text, claimed_at timestamptz,
  contacted_at timestamptz, contacted_before_claim boolean, delivered_at timestamptz,
  armed_at timestamptz, once_started_at timestamptz, pending_since timestamptz, version integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held claim := claim_lock(tenant, $1);
  outcome text := case
    when held.id is null then 'not_found'
    when $2 <> held.version then 'version_mismatch'
    else 'rearmed'
  end;
begin
  if outcome = 'rearmed' then
    update claim c
    set armed_at = clock_timestamp(), once_started_at = null, version = c.version + 1
    where c.id = held.id;
    perform audit_write('claim.rearm', 'claim', $1::text, tenant,
      jsonb_build_object('claim_id', held.id, 'armed_at', held.armed_at),
      jsonb_build_object('claim_id', held.id), $3, $4, $5, $6);
  end if;
  return query
  select outcome, c.claim_id, c.mac, c.model, c.format, c.serial_number, c.profile_id, c.state,
    c.claimed_at, c.contacted_at, c.contacted_before_claim, c.delivered_at, c.armed_at,
    c.once_started_at, c.pending_since, c.version
  from (values (1)) always
  left join claim_document c on c.claim_id = held.id;
end
$$;

create function claim_rotate(of_mac macaddr, expected_version integer, of_claim_id uuid,
  sealed_password bytea, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, claim_id uuid, mac macaddr, model text, format text,
  serial_number text, profile_id uuid, state text, claimed_at timestamptz,
  contacted_at timestamptz, contacted_before_claim boolean, delivered_at timestamptz,
  armed_at timestamptz, once_started_at timestamptz, pending_since timestamptz, version integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held claim := claim_lock(tenant, $1);
  outcome text := case
    when held.id is null then 'not_found'
    when $2 <> held.version or $3 is distinct from held.id then 'version_mismatch'
    else 'rotated'
  end;
begin
  if outcome = 'rotated' then
    perform claim_set_pending(held, $4);
    update claim c set version = c.version + 1 where c.id = held.id;
    perform audit_write('claim.rotate', 'claim', $1::text, tenant, null,
      jsonb_build_object('claim_id', held.id, 'replaces_pending',
        held.pending_version is not null), $5, $6, $7, $8);
  end if;
  return query
  select outcome, c.claim_id, c.mac, c.model, c.format, c.serial_number, c.profile_id, c.state,
    c.claimed_at, c.contacted_at, c.contacted_before_claim, c.delivered_at, c.armed_at,
    c.once_started_at, c.pending_since, c.version
  from (values (1)) always
  left join claim_document c on c.claim_id = held.id;
end
$$;

create function events_list(after_xid bigint, after_seq bigint, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  after xid8 := greatest($1, 0)::text::xid8;
  oldest_in_flight xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail
  from device_event e
  where e.itsp_id = tenant and (e.xid, e.seq) > (after, $2) and e.xid < oldest_in_flight
  order by e.xid, e.seq
  limit $3;
end
$$;

create function claim_job_create(job_id uuid, dry_run boolean, atomic boolean, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
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

create function claim_job_rows_add(job_id uuid, lines bigint[], macs text[], claim_codes text[],
  profiles text[])
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
  from unnest($2, $3, $4, $5) r (line, mac, claim_code, profile)
  on conflict do nothing;
  get diagnostics added = row_count;
  update claim_job j set total = j.total + added where j.id = $1;
  return query select 'added', job.total + added;
end
$$;

create function claim_job_queue(job_id uuid) returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  update claim_job j set state = 'queued'
  where j.id = $1 and j.itsp_id = required_itsp() and j.state = 'receiving';
  return query select case
    when found then 'queued'
    when exists (select from claim_job j where j.id = $1 and j.itsp_id = required_itsp())
      then 'not_receiving'
    else 'not_found' end;
end
$$;

create function claim_job_take(worker text, lease_s integer)
returns table (job_id uuid, itsp_id uuid, dry_run boolean, atomic boolean, actor_kind text,
  actor_id text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  update claim_job j
  set state = 'running', worker = $1,
    lease_until = clock_timestamp() + make_interval(secs => $2)
  where j.id = (
    select w.id from claim_job w
    where w.state = 'queued' or (w.state = 'running' and w.lease_until < clock_timestamp())
    order by w.created_at
    limit 1
    for update skip locked)
  returning j.id, j.itsp_id, j.dry_run, j.atomic, j.actor_kind, j.actor_id;
end
$$;

create function claim_job_rows_next(job_id uuid, worker text, lease_s integer, "limit" bigint)
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
  where r.job_id = $1 and r.status is null
  order by r.line
  limit $4;
end
$$;

create function claim_job_rows_done(job_id uuid, lines bigint[], statuses text[], codes text[],
  details text[])
returns table (done bigint, failed bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  newly_done bigint;
  newly_failed bigint;
begin
  perform from claim_job j
  where j.id = $1 and j.itsp_id = required_itsp() and j.state = 'running' for no key update;
  if not found then
    raise exception 'the job is not running' using errcode = '40001';
  end if;
  with marked as (
    update claim_job_row r
    set status = g.status, code = g.code, detail = g.detail, claim_code = null
    from unnest($2, $3, $4, $5) g (line, status, code, detail)
    where r.job_id = $1 and r.line = g.line and r.status is null
    returning r.status
  )
  select count(*), count(*) filter (where status = 'error')
  into newly_done, newly_failed from marked;
  return query
  update claim_job j
  set done = j.done + newly_done, failed = j.failed + newly_failed
  where j.id = $1
  returning j.done, j.failed;
end
$$;

create function claim_job_finish(job_id uuid, worker text, state text, detail text)
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
  set state = $3, detail = $4, finished_at = clock_timestamp(), lease_until = null
  where j.id = $1;
  update claim_job_row r set claim_code = null where r.job_id = $1 and r.claim_code is not null;
  return query select 'finished';
end
$$;
