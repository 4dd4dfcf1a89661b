-- The feed tells every state of a phone: shipped, claimed, suspended, resumed and released beside what the
-- redirector sees. Each is written in the transaction of the change. source_ip is the tenant's own request's;
-- where another's hand did it (the manufacturer's, the other side's of a transfer) detail.source says whose, and
-- no address is told, as in audit_of_tenant.
--
-- An atomic claim job now writes events, all of one ITSP, at the end of many seconds. It says whose, by an advisory
-- lock that carries its transaction's id: only that ITSP's feed waits for it. Where the lock is not seen yet, or is
-- one of a release that said "none", feeds wait: that is never wrong.

-- Each claim is a row more, so the rows got cheaper: a bounded repetition is walked as so many states (see 0065).
-- The same words pass. What is there passed the old check; 0084 looks at it again without keeping anybody waiting.
alter table device_event
  drop constraint device_event_kind_check,
  add constraint device_event_kind_check check (kind ~ '^[a-z_]+$' and length(kind) <= 32) not valid;

-- The first key of such a lock. No other advisory lock here has two keys. Two ITSPs may share a mark: each then
-- waits for the other's. Internal.
create function events_mark(itsp_id uuid) returns integer
language sql immutable parallel safe
return x'46000000'::integer | (hashtext($1::text) & 16777215);

-- The events of this transaction are all of this ITSP. Internal.
create function events_only_of(itsp_id uuid) returns void
language sql volatile set search_path = firstring, pg_temp
as $$
  select pg_advisory_xact_lock(events_mark($1), (
    pg_current_xact_id()::text::numeric % 4294967296 - 2147483648)::integer)
$$;

-- Transactions in flight that may write events: of the ITSPs with this mark, or (null) of any. Internal.
create function events_in_flight() returns table (xid xid8, mark integer)
language plpgsql stable set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  if pg_snapshot_xmin(pg_current_snapshot()) = pg_snapshot_xmax(pg_current_snapshot()) then
    return;
  end if;
  return query
  select x.xid, l.classid::bigint::integer
  from pg_snapshot_xip(pg_current_snapshot()) x (xid)
  left join pg_locks l on l.locktype = 'advisory' and l.granted and l.objsubid = 2
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and l.classid::bigint >> 24 = 70
    and l.objid::bigint = (((x.xid::text::numeric % 4294967296)::bigint - 2147483648) & 4294967295);
end
$$;

-- Events of this ITSP of transactions below this are all there. Internal.
create function events_settled_before(itsp_id uuid) returns xid8
language sql stable set search_path = firstring, pg_temp
as $$
  select coalesce(min(f.xid), pg_snapshot_xmax(pg_current_snapshot()))
  from events_in_flight() f
  where f.mark is null or f.mark = events_mark($1)
$$;

create or replace function events_list(after_xid bigint, after_seq bigint, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  after xid8 := greatest($1, 0)::text::xid8;
  oldest_in_flight xid8 := events_settled_before(tenant);
begin
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail
  from device_event e
  where e.itsp_id = tenant and (e.xid, e.seq) > (after, $2) and e.xid < oldest_in_flight
  order by e.xid, e.seq
  limit $3;
end
$$;

create or replace function events_latest(before_xid bigint, before_seq bigint, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  before xid8 := coalesce($1, 9223372036854775807)::text::xid8;
  oldest_in_flight xid8 := events_settled_before(tenant);
begin
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail
  from device_event e
  where e.itsp_id = tenant and (e.xid, e.seq) < (before, coalesce($2, 0))
    and e.xid < oldest_in_flight
  order by e.xid desc, e.seq desc
  limit $3;
end
$$;

create or replace function webhooks_take(worker text, lease_s integer, "limit" bigint)
returns table (webhook_id uuid, itsp_id uuid, url text, secret_sealed bytea,
  old_secret_sealed bytea, is_test boolean, attempts integer, after_xid bigint, after_seq bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  with flying as materialized (select f.xid, f.mark from events_in_flight() f)
  update webhook w
  set worker = $1, lease_until = clock_timestamp() + make_interval(secs => $2)
  where w.id in (
    select d.id from webhook d
    join itsp i on i.id = d.itsp_id
    where (d.lease_until is null or d.lease_until < clock_timestamp())
      and (d.test_requested_at is not null
        or d.state = 'live' and d.next_attempt_at <= clock_timestamp() and not i.suspended
          and exists (select from device_event e
            where e.itsp_id = d.itsp_id and (e.xid, e.seq) > (d.after_xid, d.after_seq)
              and e.xid < all (select f.xid from flying f
                where f.mark is null or f.mark = events_mark(d.itsp_id))
              and e.xid < pg_snapshot_xmax(pg_current_snapshot())))
    order by d.next_attempt_at
    limit $3
    for update of d skip locked)
  returning w.id, w.itsp_id, w.url, w.secret_sealed,
    case when w.old_secret_until > clock_timestamp() then w.old_secret_sealed end,
    w.test_requested_at is not null, w.attempts, w.after_xid::text::bigint, w.after_seq;
end
$$;

create or replace function webhook_events(webhook_id uuid, worker text, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb, wanted boolean)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  hook webhook;
  oldest_in_flight xid8;
begin
  select w.* into hook from webhook w where w.id = $1 and w.worker = $2;
  if not found then
    return;
  end if;
  oldest_in_flight := events_settled_before(hook.itsp_id);
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail,
    cardinality(hook.kinds) = 0 or e.kind = any (hook.kinds)
  from device_event e
  where e.itsp_id = hook.itsp_id and (e.xid, e.seq) > (hook.after_xid, hook.after_seq)
    and e.xid < oldest_in_flight
  order by e.xid, e.seq
  limit $3;
end
$$;

drop function events_settled_before();
drop function events_not_from_here();

-- As before, with the address of a request that was the tenant's own. Internal.
drop function tenant_event(uuid, macaddr, text, uuid, jsonb);
create function tenant_event(itsp_id uuid, mac macaddr, kind text, claim_id uuid, detail jsonb,
  source_ip inet default null)
returns void
language sql set search_path = firstring, pg_temp
as $$
  insert into device_event (at, event_id, mac, kind, claim_id, itsp_id, detail, source_ip)
  values (clock_timestamp(), gen_random_uuid(), $2, $3, $4, $1, $5, $6)
$$;

-- What an atomic job ends with, as before; it says whose events it writes.
create or replace function claim_job_claim(job_id uuid, worker text, lease_s integer,
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
  perform events_only_of(required_itsp());
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

-- As before, each with its event.
create or replace function claim_put(new_claim_id uuid, of_mac macaddr, claim_code text, of_profile_id uuid,
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
  from claim_weigh(tenant, $2, $3, $4, $6, $7, $8, $9, $10);
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
    perform tenant_event(tenant, $2, 'claimed', $1, jsonb_build_object('source', decided.proof), $9);
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

create or replace function claims_grant(tenant uuid, claim_ids uuid[], macs macaddr[], claim_codes text[],
  profile_ids uuid[], sealed_passwords bytea[], failures_allowed integer, actor_kinds text[],
  actor_ids text[], source_ips inet[], request_ids text[], waits boolean,
  out outcomes text[], out retries integer[])
language plpgsql set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  an_hour_ago timestamptz := date_trunc('minute', clock_timestamp()) - interval '1 hour';
  locked macaddr[];
  proofs text[];
  noticed boolean;
  one record;
  alone record;
begin
  if cardinality($2) > 5000 then
    raise exception 'up to 5,000 phones at once' using errcode = 'data_exception';
  end if;
  retries := array_fill(null::integer, array[cardinality($2)]);
  perform from provisioning_profile p
  where p.id = any ($5) and p.itsp_id = $1 and p.deleted_at is null order by p.id for key share;
  if (select i.suspended from itsp i where i.id = $1) then
    outcomes := array_fill('itsp_suspended'::text, array[cardinality($2)]);
    return;
  end if;
  -- Only who has proven possession locks phones, in their order; past the limit no code proves it.
  if $12 then
    perform from unnest($3, $4) g (mac, code) join device d on d.mac = g.mac
    where (claim_code_hash(d.mac, d.claim_code_epoch, g.code) = d.claim_code_hash
        or exists (select from shipment s
          where s.mac = g.mac and s.state = 'live' and s.itsp_id = $1))
      and (select coalesce(sum(f.failures), 0) from claim_failure f
        where f.itsp_id = $1 and f.minute > an_hour_ago) <= $7
    order by d.mac for no key update of d;
  else
    locked := array(
      select d.mac from unnest($3, $4) g (mac, code) join device d on d.mac = g.mac
      where (claim_code_hash(d.mac, d.claim_code_epoch, g.code) = d.claim_code_hash
          or exists (select from shipment s
            where s.mac = g.mac and s.state = 'live' and s.itsp_id = $1))
        and (select coalesce(sum(f.failures), 0) from claim_failure f
          where f.itsp_id = $1 and f.minute > an_hour_ago) <= $7
      order by d.mac for no key update of d skip locked);
  end if;
  select w.outcomes, w.proofs, w.noticed into outcomes, proofs, noticed
  from claims_weigh($1, $3, $4, $5, $7) w;
  if not $12 then
    outcomes := array(
      select case when g.outcome <> 'possible' or g.mac = any (locked) then g.outcome else 'busy' end
      from unnest($3, outcomes) with ordinality g (mac, outcome, ordinal) order by g.ordinal);
  end if;

  insert into claim (id, mac, itsp_id, profile_id, proof, sealed_password, contacted_before_at)
  select g.id, g.mac, $1, g.profile_id, g.proof, g.sealed, d.unclaimed_contact_at
  from unnest($2, $3, $5, $6, outcomes, proofs) g (id, mac, profile_id, sealed, outcome, proof)
  cross join lateral (
    select e.unclaimed_contact_at from device e where e.mac = g.mac limit 1) d
  where g.outcome = 'possible';
  if noticed then
    -- Also where the code was shown: the notice has served its purpose.
    update shipment s set state = 'consumed', ended_at = clock_timestamp(), claim_id = g.id
    from unnest($2, $3, outcomes) g (id, mac, outcome)
    where g.outcome = 'possible' and s.mac = g.mac and s.state = 'live' and s.itsp_id = $1;
  end if;
  insert into audit_log (action, object_kind, object_id, itsp_id, after, actor_kind, actor_id,
    source_ip, request_id)
  select 'claim.create', 'claim', g.mac::text, $1,
    jsonb_build_object('claim_id', g.id, 'profile_id', g.profile_id, 'proof', g.proof),
    g.actor_kind, g.actor_id, g.source_ip, g.request_id
  from unnest($2, $3, $5, outcomes, proofs, $8, $9, $10, $11) with ordinality
    g (id, mac, profile_id, outcome, proof, actor_kind, actor_id, source_ip, request_id, ordinal)
  where g.outcome = 'possible'
  order by g.ordinal;
  -- A claim begins once: its id is its event's.
  insert into device_event (at, event_id, mac, kind, claim_id, itsp_id, source_ip, detail)
  select clock_timestamp(), g.id, g.mac, 'claimed', g.id, $1, g.source_ip,
    case g.proof when 'code' then jsonb '{"source": "code"}' else jsonb '{"source": "shipment"}' end
  from unnest($2, $3, outcomes, proofs, $10) g (id, mac, outcome, proof, source_ip)
  where g.outcome = 'possible';

  if array_position(outcomes, null) is not null then
    for one in
      select r.*, r.ordinal::integer as at
      from unnest($2, $3, $4, $5, $6, outcomes, $8, $9, $10, $11) with ordinality
        r (claim_id, mac, code, profile_id, sealed, outcome, actor_kind, actor_id, source_ip,
          request_id, ordinal)
      where r.outcome is null
      order by r.mac, r.ordinal
    loop
      select p.outcome, p.retry_after_s into alone
      from claim_put(one.claim_id, one.mac, one.code, one.profile_id, one.sealed, $7,
        one.actor_kind, one.actor_id, one.source_ip, one.request_id) p;
      outcomes[one.at] := alone.outcome;
      retries[one.at] := alone.retry_after_s;
    end loop;
  end if;
  outcomes := array_replace(outcomes, 'possible', 'created');
end
$$;

create or replace function claim_release(mac macaddr, expected_version integer, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held claim := claim_lock(tenant, $1);
begin
  if held.id is null then
    -- The same to whoever held it once, whether somebody holds it now or not.
    return query select case
      when exists (select from claim c where c.mac = $1 and c.itsp_id = tenant)
        then 'already_released'
      else 'not_found' end;
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
  if found then
    perform tenant_event(tenant, $1, 'shipment_cancelled', held.id, '{"source": "holder"}', $5);
  end if;
  -- The next holder is not told of contacts from this one's time.
  update device d set unclaimed_contact_at = null where d.mac = $1;
  perform audit_write('claim.release', 'claim', $1::text, tenant,
    jsonb_build_object('claim_id', held.id, 'state', held.state, 'profile_id', held.profile_id),
    jsonb_build_object('claim_id', held.id, 'state', 'released'), $3, $4, $5, $6);
  perform tenant_event(tenant, $1, 'released', held.id, '{"source": "holder"}', $5);
  return query select 'released';
end
$$;

create or replace function claim_patch(of_mac macaddr, expected_version integer, new_profile_id uuid,
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
    if wanted_state <> held.state then
      perform tenant_event(tenant, $1, case wanted_state when 'live' then 'resumed' else wanted_state end,
        held.id, '{"source": "holder"}', $9);
    end if;
  end if;
  return query
  select outcome, c.claim_id, c.mac, c.model, c.format, c.serial_number, c.profile_id, c.state,
    c.claimed_at, c.contacted_at, c.contacted_before_claim, c.delivered_at, c.armed_at,
    c.once_started_at, c.pending_since, c.version
  from (values (1)) always
  left join claim_document c on c.claim_id = held.id;
end
$$;

create or replace function transfer_complete(held transfer, because text, note text, actor_kind text,
  actor_id text, source_ip inet, request_id text) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  told constant jsonb := jsonb_build_object('source', 'transfer', 'transfer_id', held.id);
begin
  update claim c
  set state = 'released', released_at = clock_timestamp(), version = c.version + 1,
    sealed_password = null, password_purged_at = coalesce(c.password_purged_at,
      clock_timestamp()),
    pending_sealed_password = null, pending_version = null, pending_since = null
  where c.id = held.from_claim_id and c.state <> 'released';
  if found then
    perform tenant_event(held.from_itsp_id, held.mac, 'released', held.from_claim_id, told);
  end if;
  delete from claim_password_replaced r where r.claim_id = held.from_claim_id;
  insert into claim (id, mac, itsp_id, profile_id, proof, sealed_password)
  values (held.new_claim_id, held.mac, held.to_itsp_id, held.profile_id, 'transfer',
    held.sealed_password);
  perform tenant_event(held.to_itsp_id, held.mac, 'claimed', held.new_claim_id, told);
  perform tenant_event(s.itsp_id, held.mac, 'shipment_cancelled', null, '{"source": "transfer"}')
  from shipment s
  where s.mac = held.mac and s.state = 'live' and s.itsp_id <> held.to_itsp_id;
  update shipment s
  set state = case when s.itsp_id = held.to_itsp_id then 'consumed' else 'cancelled' end,
    claim_id = case when s.itsp_id = held.to_itsp_id then held.new_claim_id end,
    ended_at = clock_timestamp()
  where s.mac = held.mac and s.state = 'live';
  update device d
  set unclaimed_contact_at = null, claim_code_epoch = d.claim_code_epoch + 1,
    claim_code_hash = null
  where d.mac = held.mac;
  perform audit_write('claim.transfer_out', 'claim', held.mac::text, held.from_itsp_id,
    jsonb_build_object('claim_id', held.from_claim_id),
    jsonb_build_object('claim_id', held.from_claim_id, 'state', 'released', 'transfer_id',
      held.id), $4, $5, $6, $7);
  perform audit_write('claim.transfer_in', 'claim', held.mac::text, held.to_itsp_id, null,
    jsonb_build_object('claim_id', held.new_claim_id, 'profile_id', held.profile_id, 'proof',
      'transfer', 'transfer_id', held.id), $4, $5, $6, $7);
  perform transfer_end(held, 'done', $2, $3, $4, $5, $6, $7);
end
$$;

create or replace function shipment_create(itsp_id uuid, macs macaddr[], actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (ordinal bigint, mac macaddr, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  outcomes text[];
begin
  if cardinality($2) > 10000 then
    raise exception 'up to 10,000 MACs at once' using errcode = 'data_exception';
  end if;
  if not exists (select from itsp i where i.id = $1) then
    return query select o.ordinal, o.mac, 'unknown_itsp'
    from unnest($2) with ordinality o (mac, ordinal);
    return;
  end if;
  -- The phone first, in order, as claims and releases do.
  perform from device d where d.mac = any ($2) order by d.mac for no key update;

  select array_agg(r.outcome order by r.ordinal) into outcomes
  from (
    select g.ordinal,
      case
        when row_number() over (partition by g.mac order by g.ordinal) > 1 then 'duplicate'
        when d.mac is null then 'unknown_device'
        when s.id is null then 'created'
        when s.itsp_id = $1 then 'existing'
        else 'replaced'
      end as outcome
    from unnest($2) with ordinality g (mac, ordinal)
    left join device d on d.mac = g.mac
    left join shipment s on s.mac = g.mac and s.state = 'live'
  ) r;

  with ended as (
    update shipment s set state = 'cancelled', ended_at = clock_timestamp()
    from unnest($2, outcomes) g (mac, outcome)
    where g.outcome = 'replaced' and s.mac = g.mac and s.state = 'live'
    returning s.itsp_id, s.mac
  )
  insert into device_event (at, event_id, mac, kind, itsp_id, detail)
  select clock_timestamp(), gen_random_uuid(), e.mac, 'shipment_cancelled', e.itsp_id,
    '{"source": "manufacturer"}'
  from ended e
  order by e.mac;
  with made as (
    insert into shipment (mac, itsp_id)
    select g.mac, $1 from unnest($2, outcomes) g (mac, outcome)
    where g.outcome in ('created', 'replaced')
    order by g.mac
    returning mac
  )
  insert into device_event (at, event_id, mac, kind, itsp_id, detail)
  select clock_timestamp(), gen_random_uuid(), m.mac, 'shipped', $1, '{"source": "manufacturer"}'
  from made m
  order by m.mac;

  if outcomes && array['created', 'replaced'] then
    perform audit_write('shipment.create', 'itsp', $1::text, $1, null,
      jsonb_build_object('macs', (
        select jsonb_agg(g.mac order by g.ordinal)
        from unnest($2, outcomes) with ordinality g (mac, outcome, ordinal)
        where g.outcome in ('created', 'replaced'))), $3, $4, $5, $6);
  end if;
  return query
  select g.ordinal, g.mac, g.outcome
  from unnest($2, outcomes) with ordinality g (mac, outcome, ordinal)
  order by g.ordinal;
end
$$;
