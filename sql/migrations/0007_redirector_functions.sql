-- What the redirector may do: look up by certificate, report, ask leave to deliver once.

-- One plan for all calls, of index lookups, however full the tables were when it was made: each
-- `lateral ... limit 1` is a lookup that no join order can turn round. Left alone, PostgreSQL plans
-- each short array anew, which costs five times its run.
create function device_lookup(fingerprints bytea[])
returns table (ordinal bigint, certificate_status text, mac macaddr, serial_number text,
  model text, format text, authentication text, encrypt_answers boolean, tls_floor text,
  password_alphabet text, admin_user text, claim_id uuid, claim_version integer,
  claim_state text, claimed_at timestamptz, itsp_id uuid, itsp_suspended boolean,
  profile_id uuid, provisioning_url text, fallback_urls text[], trust_anchors text,
  delivery text, redelivery text, window_hours integer, armed_at timestamptz,
  once_started_at timestamptz, delivered_at timestamptz, sealed_password bytea,
  sealed_key_id integer, password_version integer, pending_sealed_password bytea,
  pending_key_id integer, pending_version integer)
language plpgsql stable security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
begin
  return query
  select i.ordinal, x.status, d.mac, d.serial_number,
    m.name, m.format, m.authentication, m.encrypt_answers, m.tls_floor, m.password_alphabet,
    m.admin_user, c.id, c.version, c.state, c.claimed_at, t.id, t.suspended,
    p.id, p.provisioning_url, p.fallback_urls, p.trust_anchors, p.delivery, p.redelivery,
    p.window_hours, c.armed_at, c.once_started_at, c.delivered_at, c.sealed_password,
    c.sealed_key_id, c.password_version, c.pending_sealed_password, c.pending_key_id,
    c.pending_version
  from unnest($1) with ordinality i (fingerprint, ordinal)
  cross join lateral (
    select e.mac, e.status from certificate e where e.fingerprint = i.fingerprint limit 1) x
  cross join lateral (select e.* from device e where e.mac = x.mac limit 1) d
  cross join lateral (select e.* from device_model e where e.name = d.model limit 1) m
  left join lateral (
    select e.* from claim e where e.mac = d.mac and e.state <> 'released' limit 1) c on true
  left join lateral (select e.* from itsp e where e.id = c.itsp_id limit 1) t on true
  left join lateral (
    select e.* from provisioning_profile e where e.id = c.profile_id limit 1) p on true
  -- Out here: within the limit it would make a walk along the index of live ones look cheap.
  where x.status = 'live';
end
$$;

create function events_insert(at timestamptz[], event_ids uuid[], macs macaddr[], kinds text[],
  claim_ids uuid[], password_versions bigint[], source_ips text[], details text[])
returns table (inserted bigint)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  new_macs macaddr[];
  new_at timestamptz[];
  new_claims uuid[];
  new_kinds text[];
  new_versions bigint[];
  fact record;
begin
  -- Locks phones, then claims, each in the order of their keys: two batches never wait crosswise,
  -- and neither does a batch with a claim or a release, which lock the phone first too.
  perform from device d where d.mac = any (events_insert.macs) order by d.mac for no key update;

  with given as (
    select e.*, c.id as holder_claim, c.itsp_id as holder
    from unnest(events_insert.at, event_ids, events_insert.macs, kinds, claim_ids,
      password_versions, source_ips, details)
      as e (at, event_id, mac, kind, claim_id, password_version, source_ip, detail)
    left join lateral (
      select h.id, h.itsp_id from claim h
      where h.mac = e.mac and case
        when e.claim_id is not null then h.id = e.claim_id
        else h.claimed_at <= e.at and (h.released_at is null or h.released_at > e.at) end
      order by h.claimed_at desc limit 1) c on true
  ), kept as (
    insert into device_event (at, event_id, mac, kind, claim_id, itsp_id, source_ip, detail)
    select g.at, g.event_id, g.mac, g.kind, g.holder_claim, g.holder, g.source_ip::inet,
      g.detail::jsonb
    from given g
    order by g.at, g.event_id
    on conflict (at, event_id) do nothing
    returning at, event_id
  )
  select count(*), array_agg(g.mac), array_agg(g.at), array_agg(g.holder_claim),
    array_agg(g.kind), array_agg(g.password_version)
  into inserted, new_macs, new_at, new_claims, new_kinds, new_versions
  from given g join kept k on k.at = g.at and k.event_id = g.event_id;

  for fact in
    select n.claim_id, n.mac,
      max(n.at) filter (where n.kind in ('contacted', 'delivered', 'staged')) as contacted_at,
      max(n.at) filter (where n.kind = 'delivered') as delivered_at
    from unnest(new_macs, new_at, new_claims, new_kinds) n (mac, at, claim_id, kind)
    group by n.claim_id, n.mac
    order by n.mac, n.claim_id
  loop
    continue when fact.contacted_at is null;
    update device d
    set contacted_at = greatest(d.contacted_at, fact.contacted_at),
      unclaimed_contact_at = case when fact.claim_id is null
        then greatest(d.unclaimed_contact_at, fact.contacted_at)
        else d.unclaimed_contact_at end
    where d.mac = fact.mac;
    if fact.claim_id is null then
      -- Reported late: it came before a claim that has been made meanwhile.
      update claim c set contacted_before_at = greatest(c.contacted_before_at, fact.contacted_at)
      where c.mac = fact.mac and c.state <> 'released' and fact.contacted_at < c.claimed_at;
    else
      update claim c
      set contacted_at = greatest(c.contacted_at, fact.contacted_at),
        delivered_at = greatest(c.delivered_at, fact.delivered_at)
      where c.id = fact.claim_id;
      if fact.delivered_at is not null then
        perform claim_note_delivered(fact.claim_id, n.version::integer, max(n.at))
        from unnest(new_claims, new_kinds, new_at, new_versions) n (claim_id, kind, at, version)
        where n.claim_id = fact.claim_id and n.kind = 'delivered'
        group by n.version
        order by n.version nulls first;
      end if;
    end if;
  end loop;
  return next;
end
$$;

-- The password of that version reached the phone: it is the delivered one from now on, unless a
-- newer one is already. Internal. A version of null is the present one.
create function claim_note_delivered(claim_id uuid, version integer, at timestamptz) returns void
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  held claim;
  replaced bytea;
begin
  select c.* into held from claim c where c.id = $1 and c.state <> 'released' for no key update;
  if not found or $2 < held.password_version then
    return;
  end if;
  if $2 is null or $2 = held.password_version then
    update claim c set password_delivered_at = greatest(c.password_delivered_at, $3)
    where c.id = $1;
    return;
  end if;
  if $2 = held.pending_version then
    update claim c
    set sealed_password = c.pending_sealed_password, password_version = c.pending_version,
      password_delivered_at = $3, password_purged_at = null, pending_sealed_password = null,
      pending_version = null, pending_since = null
    where c.id = $1;
  else
    select r.sealed_password into replaced from claim_password_replaced r
    where r.claim_id = $1 and r.version = $2;
    if not found then
      return;
    end if;
    update claim c
    set sealed_password = replaced, password_version = $2, password_delivered_at = $3,
      password_purged_at = null
    where c.id = $1;
  end if;
  delete from claim_password_replaced r where r.claim_id = $1 and r.version <= $2;
end
$$;

create function delivery_advance(claim_id uuid, claim_version integer, password_version integer,
  grace_s integer)
returns table (outcome text, once_started_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  held claim;
begin
  select c.* into held
  from claim c
  where c.id = $1 and c.state = 'live' and c.version = $2
    and $3 = coalesce(c.pending_version, c.password_version)
    and not exists (select from itsp t where t.id = c.itsp_id and t.suspended)
  for no key update;
  if not found then
    return query select 'changed', null::timestamptz;
  elsif held.once_started_at is null then
    update claim c set once_started_at = clock_timestamp() where c.id = $1
    returning c.once_started_at into held.once_started_at;
    return query select 'granted', held.once_started_at;
  elsif clock_timestamp() < held.once_started_at + make_interval(secs => $4) then
    return query select 'granted', held.once_started_at;
  else
    return query select 'locked', held.once_started_at;
  end if;
end
$$;
