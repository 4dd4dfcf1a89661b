-- Bulk claims in sets: what claim_check and claim_put do for one phone, for a thousand at once. Rows
-- that the sets cannot decide (a wrong code, which is counted; the same phone twice) go through the
-- functions for one, in their order; so does the whole batch when its wrong codes would exceed what
-- an hour allows: a batch is no way round the limit.

-- Outcome and proof of each row by index lookups; outcome null: it must be looked at alone. Internal.
create function claims_decide(tenant uuid, macs macaddr[], codes text[], profile_ids uuid[],
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
      where e.mac = g.mac and e.state <> 'released' limit 1) c on true
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

-- The ids that profiles are named by: an id's text, else a name. Internal.
create function profiles_named(tenant uuid, names text[])
returns table (ordinal bigint, profile_id uuid)
language sql stable set search_path = firstring, pg_temp set enable_seqscan = off
as $$
  select g.ordinal, coalesce(
    (select p.id from provisioning_profile p
      where p.itsp_id = $1 and p.deleted_at is null and p.id = case
        when lower(g.name) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then g.name::uuid end),
    (select p.id from provisioning_profile p
      where p.itsp_id = $1 and p.deleted_at is null and p.name = g.name))
  from unnest($2) with ordinality g (name, ordinal)
$$;

create function claims_check(macs macaddr[], claim_codes text[], profiles text[],
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, outcome text, profile_id uuid, provisioning_url text,
  fallback_urls text[], delivery text, model text, format text, serial_number text,
  admin_user text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  names text[] := array(select distinct n from unnest($3) n order by n);
  ids uuid[];
  profile_ids uuid[];
  outcomes text[];
  one record;
begin
  if cardinality($1) > 5000 then
    raise exception 'up to 5,000 phones at once' using errcode = 'data_exception';
  end if;
  ids := array(select n.profile_id from profiles_named(tenant, names) n order by n.ordinal);
  profile_ids := array(
    select ids[array_position(names, g.name)]
    from unnest($3) with ordinality g (name, ordinal) order by g.ordinal);
  if (select i.suspended from itsp i where i.id = tenant) then
    outcomes := array_fill('itsp_suspended'::text, array[cardinality($1)]);
  else
    outcomes := array(
      select d.outcome from claims_decide(tenant, $1, $2, profile_ids, $4) d order by d.ordinal);
    for one in
      select r.ordinal::integer as at, r.mac, r.code, r.profile_id
      from unnest($1, $2, profile_ids) with ordinality r (mac, code, profile_id, ordinal)
      where outcomes[r.ordinal::integer] is null
      order by r.ordinal
    loop
      outcomes[one.at] := (
        select d.outcome
        from claim_decide(tenant, one.mac, one.code, one.profile_id, $4, $5, $6, $7, $8) d);
    end loop;
  end if;
  return query
  select r.ordinal, r.outcome, p.id, p.provisioning_url, p.fallback_urls, p.delivery, m.name,
    m.format, d.serial_number, m.admin_user
  from unnest($1, profile_ids, outcomes) with ordinality r (mac, profile_id, outcome, ordinal)
  left join lateral (
    select e.* from provisioning_profile e where e.id = r.profile_id limit 1) p on true
  left join lateral (
    select e.serial_number, e.model from device e
    where e.mac = r.mac and r.outcome in ('possible', 'same', 'claim_differs') limit 1) d on true
  left join lateral (select e.* from device_model e where e.name = d.model limit 1) m on true
  order by r.ordinal;
end
$$;

-- Takes what the sets allow; each row has an outcome of its own, and none undoes another.
create function claims_take(claim_ids uuid[], macs macaddr[], claim_codes text[],
  profile_ids uuid[], sealed_passwords bytea[], failures_allowed integer, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  outcomes text[];
  proofs text[];
  one record;
begin
  if cardinality($1) > 5000 then
    raise exception 'up to 5,000 phones at once' using errcode = 'data_exception';
  end if;
  perform from provisioning_profile p
  where p.id = any ($4) and p.itsp_id = tenant and p.deleted_at is null order by p.id for key share;
  if (select i.suspended from itsp i where i.id = tenant) then
    return query select g.ordinal, 'itsp_suspended'::text
    from unnest($1) with ordinality g (id, ordinal);
    return;
  end if;
  -- Who has proven possession locks its phones, in their order; then everything is looked at again.
  perform from device d
  where d.mac = any (array(
    select g.mac from unnest($2) with ordinality g (mac, ordinal)
    join claims_decide(tenant, $2, $3, $4, $6) w on w.ordinal = g.ordinal
    where w.outcome = 'possible'))
  order by d.mac for no key update;
  select array_agg(w.outcome order by w.ordinal), array_agg(w.proof order by w.ordinal)
  into outcomes, proofs
  from claims_decide(tenant, $2, $3, $4, $6) w;

  insert into claim (id, mac, itsp_id, profile_id, proof, sealed_password, contacted_before_at)
  select g.id, g.mac, tenant, g.profile_id, g.proof, g.sealed, d.unclaimed_contact_at
  from unnest($1, $2, $4, $5, outcomes, proofs) g (id, mac, profile_id, sealed, outcome, proof)
  cross join lateral (
    select e.unclaimed_contact_at from device e where e.mac = g.mac limit 1) d
  where g.outcome = 'possible';
  -- Also where the code was shown: the notice has served its purpose.
  update shipment s set state = 'consumed', ended_at = clock_timestamp(), claim_id = g.id
  from unnest($1, $2, outcomes) g (id, mac, outcome)
  where g.outcome = 'possible' and s.mac = g.mac and s.state = 'live' and s.itsp_id = tenant;
  insert into audit_log (action, object_kind, object_id, itsp_id, after, actor_kind, actor_id,
    source_ip, request_id)
  select 'claim.create', 'claim', g.mac::text, tenant,
    jsonb_build_object('claim_id', g.id, 'profile_id', g.profile_id, 'proof', g.proof),
    $7, $8, $9, $10
  from unnest($1, $2, $4, outcomes, proofs) with ordinality
    g (id, mac, profile_id, outcome, proof, ordinal)
  where g.outcome = 'possible'
  order by g.ordinal;

  for one in
    select r.ordinal::integer as at, r.*
    from unnest($1, $2, $3, $4, $5) with ordinality
      r (claim_id, mac, claim_code, profile_id, sealed_password, ordinal)
    where outcomes[r.ordinal::integer] is null
    order by r.mac, r.ordinal
  loop
    outcomes[one.at] := (
      select p.outcome
      from claim_put(one.claim_id, one.mac, one.claim_code, one.profile_id, one.sealed_password,
        $6, $7, $8, $9, $10) p);
  end loop;
  return query
  select o.ordinal, case o.outcome when 'possible' then 'created' else o.outcome end
  from unnest(outcomes) with ordinality o (outcome, ordinal)
  order by o.ordinal;
end
$$;
