-- What single requests ask, asked for many at once: who their tokens are, and their claims. Each row
-- is a request with its own actor, outcome, audit row and document; together they are one transaction
-- that waits for the disk once. Small sets are what is common now: what a set costs apart from its
-- rows counts, so the functions below ask less often and call each other as expressions.
--
-- token_authenticate, claim_check and claims_take stay for the daemons of the release before.

-- The profiles of a set that are this ITSP's come with it: who takes has locked them. No settings of
-- its own: whoever calls it has them.
drop function claims_weigh(uuid, macaddr[], text[], uuid[], integer);
-- Outcome and proof of each row by index lookups, and whether there is a ship notice among the proofs
-- or beside them. An outcome that is null must be looked at alone: a wrong code, which is counted; the
-- same phone again; all, when the wrong codes of the set would exceed what an hour allows. Internal.
create function claims_weigh(tenant uuid, macs macaddr[], codes text[], profile_ids uuid[],
  known_profiles uuid[], failures_allowed integer, out outcomes text[], out proofs text[],
  out noticed boolean)
language plpgsql
as $$
#variable_conflict use_column
declare
  this_minute timestamptz := date_trunc('minute', clock_timestamp());
begin
  with proven as (
    select g.ordinal, g.mac, g.code, g.profile_id, c.itsp_id as holder, c.profile_id as held_profile,
      g.profile_id = any ($5) as has_profile, s.shipped,
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
        when before.codes + wrong.codes > $6 or r.turn > 1 then null
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
create or replace function claims_check_each(macs macaddr[], claim_codes text[], profile_ids uuid[],
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
  suspended boolean;
  known_profiles uuid[];
  outcomes text[];
  retries integer[] := array_fill(null::integer, array[cardinality($1)]);
  one record;
  alone record;
begin
  if cardinality($1) > 5000 then
    raise exception 'up to 5,000 phones at once' using errcode = 'data_exception';
  end if;
  select i.suspended, array(
    select p.id from provisioning_profile p
    where p.id = any ($3) and p.itsp_id = tenant and p.deleted_at is null)
  into suspended, known_profiles
  from itsp i where i.id = tenant;
  if suspended then
    outcomes := array_fill('itsp_suspended'::text, array[cardinality($1)]);
  else
    outcomes := (claims_weigh(tenant, $1, $2, $3, known_profiles, $4)).outcomes;
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

-- As before, asking less often. Takes what it may; each row has an outcome of its own, and none undoes another. Unless it waits for
-- phones that somebody else has locked, their rows are told as busy. Internal.
create or replace function claims_grant(tenant uuid, claim_ids uuid[], macs macaddr[], claim_codes text[],
  profile_ids uuid[], sealed_passwords bytea[], failures_allowed integer, actor_kinds text[],
  actor_ids text[], source_ips inet[], request_ids text[], waits boolean,
  out outcomes text[], out retries integer[])
language plpgsql
as $$
#variable_conflict use_column
declare
  an_hour_ago timestamptz := date_trunc('minute', clock_timestamp()) - interval '1 hour';
  suspended boolean;
  known_profiles uuid[];
  locked macaddr[];
  weighed record;
  one record;
  alone record;
begin
  if cardinality($2) > 5000 then
    raise exception 'up to 5,000 phones at once' using errcode = 'data_exception';
  end if;
  retries := array_fill(null::integer, array[cardinality($2)]);
  select i.suspended, array(
    select p.id from provisioning_profile p
    where p.id = any ($5) and p.itsp_id = $1 and p.deleted_at is null order by p.id for key share)
  into suspended, known_profiles
  from itsp i where i.id = $1;
  if suspended then
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
  weighed := claims_weigh($1, $3, $4, $5, known_profiles, $7);
  outcomes := weighed.outcomes;
  if not $12 and cardinality(locked) < cardinality(array_positions(outcomes, 'possible')) then
    outcomes := array(
      select case when g.outcome <> 'possible' or g.mac = any (locked) then g.outcome else 'busy' end
      from unnest($3, outcomes) with ordinality g (mac, outcome, ordinal) order by g.ordinal);
  end if;

  insert into claim (id, mac, itsp_id, profile_id, proof, sealed_password, contacted_before_at)
  select g.id, g.mac, $1, g.profile_id, g.proof, g.sealed, d.unclaimed_contact_at
  from unnest($2, $3, $5, $6, outcomes, weighed.proofs) g (id, mac, profile_id, sealed, outcome, proof)
  cross join lateral (
    select e.unclaimed_contact_at from device e where e.mac = g.mac limit 1) d
  where g.outcome = 'possible';
  if weighed.noticed then
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
  from unnest($2, $3, $5, outcomes, weighed.proofs, $8, $9, $10, $11) with ordinality
    g (id, mac, profile_id, outcome, proof, actor_kind, actor_id, source_ip, request_id, ordinal)
  where g.outcome = 'possible'
  order by g.ordinal;
  -- A claim begins once: its id is its event's.
  insert into device_event (at, event_id, mac, kind, claim_id, itsp_id, source_ip, detail)
  select clock_timestamp(), g.id, g.mac, 'claimed', g.id, $1, g.source_ip,
    case g.proof when 'code' then jsonb '{"source": "code"}' else jsonb '{"source": "shipment"}' end
  from unnest($2, $3, outcomes, weighed.proofs, $10) g (id, mac, outcome, proof, source_ip)
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

-- The settings that claims_grant does without.
alter function claims_take(uuid[], macaddr[], text[], uuid[], bytea[], integer, text, text, inet, text)
  set plan_cache_mode = force_generic_plan;
alter function claims_take(uuid[], macaddr[], text[], uuid[], bytea[], integer, text, text, inet, text)
  set enable_seqscan = off;

-- As token_authenticate, a row for each hash; token_id is null where there is no such token.
create function tokens_authenticate(token_hashes bytea[])
returns table (ordinal bigint, token_id uuid, kind text, itsp_id uuid, scopes text[],
  itsp_suspended boolean, name text, expires_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  known record;
  now_ timestamptz := clock_timestamp();
begin
  for known in
    select g.ordinal, t.id, t.kind, t.itsp_id, t.scopes, t.name, t.expires_at, t.last_used_at,
      coalesce(i.suspended, false) as itsp_suspended
    from unnest($1) with ordinality g (token_hash, ordinal)
    left join api_token t on t.token_hash = g.token_hash and t.revoked_at is null
      and (t.expires_at is null or t.expires_at > now_)
    left join itsp i on i.id = t.itsp_id
    order by g.ordinal
  loop
    if known.id is not null
      and (known.last_used_at is null or known.last_used_at < now_ - interval '1 minute') then
      -- Nobody waits for another one that notes the same.
      update api_token t set last_used_at = now_
      where t.id = (select u.id from api_token u where u.id = known.id for no key update skip locked)
        and t.last_used_at is not distinct from known.last_used_at;
    end if;
    ordinal := known.ordinal;
    token_id := known.id;
    kind := known.kind;
    itsp_id := known.itsp_id;
    scopes := known.scopes;
    itsp_suspended := known.itsp_suspended;
    name := known.name;
    expires_at := known.expires_at;
    return next;
  end loop;
end
$$;

-- As claim_put, a row for each. Outcome busy: somebody else has the phone in hand, and its row is to
-- be asked for alone, where it keeps nobody but itself waiting.
create function claims_put(claim_ids uuid[], macs macaddr[], claim_codes text[],
  profile_ids uuid[], sealed_passwords bytea[], failures_allowed integer, actor_kinds text[],
  actor_ids text[], source_ips inet[], request_ids text[])
returns table (ordinal bigint, outcome text, retry_after_s integer, claim_id uuid, mac macaddr,
  model text, format text, serial_number text, profile_id uuid, state text,
  claimed_at timestamptz, contacted_at timestamptz, contacted_before_claim boolean,
  delivered_at timestamptz, armed_at timestamptz, once_started_at timestamptz,
  pending_since timestamptz, version integer)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  granted record;
begin
  granted := claims_grant(tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false);
  return query
  select g.ordinal, g.outcome, g.retry_after_s, c.claim_id, c.mac, c.model, c.format,
    c.serial_number, c.profile_id, c.state, c.claimed_at, c.contacted_at,
    c.contacted_before_claim, c.delivered_at, c.armed_at, c.once_started_at, c.pending_since,
    c.version
  from unnest($2, granted.outcomes, granted.retries) with ordinality g (mac, outcome, retry_after_s, ordinal)
  left join lateral (
    select e.* from claim_document e where e.mac = g.mac and e.itsp_id = tenant limit 1) c
    on g.outcome in ('created', 'same', 'claim_differs')
  order by g.ordinal;
end
$$;
