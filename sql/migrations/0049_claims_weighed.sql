-- A claim that is only checked locks nothing: a locked row makes a transaction that must be durable,
-- and each PUT waited for the disk twice. Who takes a phone locks the profile with it, as before.
-- What a check asks of several tables it asks in one statement.

-- convert_to is not immutable, so that each call ran a query of its own; this is computed in place.
-- The same bytes: a backslash is doubled for bytea's input, which makes one of the two.
create or replace function claim_code_hash(mac macaddr, epoch integer, code text) returns bytea
language sql immutable parallel safe
return sha256('firstring claim code v1'::bytea || macaddr_send(mac) || int4send(epoch)
  || replace(code, '\', '\\')::bytea);

-- How this ITSP may hold this phone: own, shipment, code; null when it has not shown that it may.
-- The work is the same for an unknown MAC, for none and for a wrong code. Internal.
create or replace function claim_proof(tenant uuid, mac macaddr, code text) returns text
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
  select d.claim_code_hash, d.claim_code_epoch,
    exists (select from shipment s where s.mac = $2 and s.state = 'live' and s.itsp_id = $1),
    exists (select from claim c where c.mac = $2 and c.state <> 'released' and c.itsp_id = $1)
  into expected, epoch, shipped, own
  from (values (1)) always left join device d on d.mac = $2;
  given := claim_code_hash($2, coalesce(epoch, 0), coalesce($3, '0000000000000'));
  return case
    when own then 'own'
    when shipped then 'shipment'
    when $3 is not null and given = expected then 'code'
  end;
end
$$;

-- The checks of a claim in their order, of what is on record now. Writes only a wrong code. Internal.
create function claim_weigh(tenant uuid, mac macaddr, code text, profile_id uuid,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text,
  out outcome text, out proof text, out retry_after_s integer)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  this_minute timestamptz := date_trunc('minute', clock_timestamp());
  suspended boolean;
  has_profile boolean;
  failures bigint;
  oldest timestamptz;
  holder claim;
begin
  select i.suspended, exists (select from provisioning_profile p
    where p.id = $4 and p.itsp_id = $1 and p.deleted_at is null)
  into suspended, has_profile
  from itsp i where i.id = $1;
  if suspended then
    outcome := 'itsp_suspended';
    return;
  end if;
  if has_profile is not true then
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

-- The same, and the profile stays until the transaction ends. Internal.
create or replace function claim_decide(tenant uuid, mac macaddr, code text, profile_id uuid,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text,
  out outcome text, out proof text, out retry_after_s integer)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  perform from provisioning_profile p
  where p.id = $4 and p.itsp_id = $1 and p.deleted_at is null for key share;
  select w.outcome, w.proof, w.retry_after_s into outcome, proof, retry_after_s
  from claim_weigh($1, $2, $3, $4, $5, $6, $7, $8, $9) w;
end
$$;

create or replace function claim_check(mac macaddr, claim_code text, profile_id uuid,
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, retry_after_s integer, model text, format text, serial_number text,
  admin_user text, password_alphabet text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  decided record;
begin
  select * into decided from claim_weigh(required_itsp(), $1, $2, $3, $4, $5, $6, $7, $8);
  return query
  select decided.outcome, decided.retry_after_s, m.name, m.format, d.serial_number, m.admin_user,
    m.password_alphabet
  from (values (1)) always
  left join (device d join device_model m on m.name = d.model)
    on d.mac = $1 and decided.outcome in ('possible', 'same', 'claim_differs');
end
$$;

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
