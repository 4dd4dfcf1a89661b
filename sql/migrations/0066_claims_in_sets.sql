-- Claims in sets: rows have actors of their own, so that one set may be of many requests; what a
-- profile is, is asked once a set and not once a row; and who has proven possession is found by the
-- very statement that locks the phone, so that the whole is weighed once, under the lock.

alter table audit_log
  validate constraint audit_log_actor_kind_check,
  validate constraint audit_log_action_check,
  validate constraint audit_log_object_kind_check;

-- Outcome and proof of each row by index lookups, and whether there is a ship notice among the proofs
-- or beside them. An outcome that is null must be looked at alone: a wrong code, which is counted; the
-- same phone again; all, when the wrong codes of the set would exceed what an hour allows. Internal.
create function claims_weigh(tenant uuid, macs macaddr[], codes text[], profile_ids uuid[],
  failures_allowed integer, out outcomes text[], out proofs text[], out noticed boolean)
language plpgsql set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  this_minute timestamptz := date_trunc('minute', clock_timestamp());
  known_profiles uuid[] := array(
    select p.id from provisioning_profile p
    where p.id = any ($4) and p.itsp_id = $1 and p.deleted_at is null);
begin
  with proven as (
    select g.ordinal, g.mac, g.code, g.profile_id, c.itsp_id as holder, c.profile_id as held_profile,
      g.profile_id = any (known_profiles) as has_profile, s.shipped,
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
    -- By its order: a plan made while the table was empty cannot choose the index of tenants.
    left join lateral (
      select e.itsp_id, e.profile_id from claim e
      where e.mac between g.mac and g.mac and e.state <> 'released'
      order by e.mac limit 1) c on true
    left join lateral (
      select true as shipped from shipment e
      where e.mac = g.mac and e.state = 'live' and e.itsp_id = $1 limit 1) s on true
  ), wrong as (
    select count(*) as codes from proven w where w.proof is null and w.code is not null
  ), before as (
    select coalesce(sum(f.failures), 0) as codes
    from claim_failure f where f.itsp_id = $1 and f.minute > this_minute - interval '1 hour'
  )
  select array_agg(w.outcome), array_agg(w.proof), coalesce(bool_or(w.shipped), false)
  into outcomes, proofs, noticed
  from (
    select
      case
        when before.codes + wrong.codes > $5 or r.turn > 1 then null
        when r.has_profile is not true then 'unknown_profile'
        when r.proof is null and r.code is null then 'possession_not_proven'
        when r.proof is null then null
        when r.holder is null then 'possible'
        when r.holder <> $1 then 'claimed_elsewhere'
        when r.held_profile <> r.profile_id then 'claim_differs'
        else 'same'
      end as outcome, r.proof, r.shipped
    from proven r cross join wrong cross join before
    order by r.ordinal) w;
end
$$;

-- What a claim of each row would come to. Writes only wrong codes.
create function claims_check_each(macs macaddr[], claim_codes text[], profile_ids uuid[],
  failures_allowed integer, actor_kinds text[], actor_ids text[], source_ips inet[],
  request_ids text[])
returns table (ordinal bigint, outcome text, retry_after_s integer, profile_id uuid,
  provisioning_url text, fallback_urls text[], delivery text, model text, format text,
  serial_number text, admin_user text, password_alphabet text)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  outcomes text[];
  retries integer[] := array_fill(null::integer, array[cardinality($1)]);
  one record;
  alone record;
begin
  if cardinality($1) > 5000 then
    raise exception 'up to 5,000 phones at once' using errcode = 'data_exception';
  end if;
  if (select i.suspended from itsp i where i.id = tenant) then
    outcomes := array_fill('itsp_suspended'::text, array[cardinality($1)]);
  else
    select w.outcomes into outcomes from claims_weigh(tenant, $1, $2, $3, $4) w;
  end if;
  if array_position(outcomes, null) is not null then
    for one in
      select r.*, r.ordinal::integer as at
      from unnest($1, $2, $3, outcomes, $5, $6, $7, $8) with ordinality
        r (mac, code, profile_id, outcome, actor_kind, actor_id, source_ip, request_id, ordinal)
      where r.outcome is null
      order by r.ordinal
    loop
      select w.* into alone
      from claim_weigh(tenant, one.mac, one.code, one.profile_id, $4, one.actor_kind, one.actor_id,
        one.source_ip, one.request_id) w;
      outcomes[one.at] := alone.outcome;
      retries[one.at] := alone.retry_after_s;
    end loop;
  end if;
  return query
  select r.ordinal, r.outcome, r.retry_after_s, p.id, p.provisioning_url, p.fallback_urls,
    p.delivery, m.name, m.format, d.serial_number, m.admin_user, m.password_alphabet
  from unnest($1, $3, outcomes, retries) with ordinality
    r (mac, profile_id, outcome, retry_after_s, ordinal)
  left join lateral (
    select e.id, e.provisioning_url, e.fallback_urls, e.delivery from provisioning_profile e
    where e.id = r.profile_id and e.itsp_id = tenant limit 1) p on true
  left join lateral (
    select e.serial_number, e.model from device e
    where e.mac = r.mac and r.outcome in ('possible', 'same', 'claim_differs') limit 1) d on true
  left join lateral (
    select e.name, e.format, e.admin_user, e.password_alphabet from device_model e
    where e.name = d.model limit 1) m on true
  order by r.ordinal;
end
$$;

-- The same of a job's rows, which name profiles by id or name and have one actor.
drop function claims_check(macaddr[], text[], text[], integer, text, text, inet, text);
create function claims_check(macs macaddr[], claim_codes text[], profiles text[],
  failures_allowed integer, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, outcome text, profile_id uuid, provisioning_url text,
  fallback_urls text[], delivery text, model text, format text, serial_number text,
  admin_user text, password_alphabet text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  rows_ integer[] := array[cardinality($1)];
  names text[] := array(select distinct n from unnest($3) n order by n);
  ids uuid[] := array(
    select n.profile_id from profiles_named(required_itsp(), names) n order by n.ordinal);
begin
  return query
  select c.ordinal, c.outcome, c.profile_id, c.provisioning_url, c.fallback_urls, c.delivery,
    c.model, c.format, c.serial_number, c.admin_user, c.password_alphabet
  from claims_check_each($1, $2, array(
      select ids[array_position(names, g.name)]
      from unnest($3) with ordinality g (name, ordinal) order by g.ordinal),
    $4, array_fill($5, rows_), array_fill($6, rows_), array_fill($7, rows_),
    array_fill($8, rows_)) c;
end
$$;

-- Takes what it may; each row has an outcome of its own, and none undoes another. Unless it waits for
-- phones that somebody else has locked, their rows are told as busy. Internal.
create function claims_grant(tenant uuid, claim_ids uuid[], macs macaddr[], claim_codes text[],
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

create or replace function claims_take(claim_ids uuid[], macs macaddr[], claim_codes text[],
  profile_ids uuid[], sealed_passwords bytea[], failures_allowed integer, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  rows_ integer[] := array[cardinality($2)];
  outcomes text[];
begin
  select g.outcomes into outcomes
  from claims_grant(required_itsp(), $1, $2, $3, $4, $5, $6, array_fill($7, rows_),
    array_fill($8, rows_), array_fill($9, rows_), array_fill($10, rows_), true) g;
  return query
  select o.ordinal, o.outcome from unnest(outcomes) with ordinality o (outcome, ordinal)
  order by o.ordinal;
end
$$;

drop function claims_decide(uuid, macaddr[], text[], uuid[], integer);
