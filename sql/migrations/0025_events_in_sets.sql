-- A batch of events is one statement a table, not one a phone: each UPDATE by itself reads all checks
-- of its table again, which cost four times what it changed.

-- Room for a new version of a row beside the old one, so that no index is written.
alter table device set (fillfactor = 85);
alter table claim set (fillfactor = 80);

create or replace function events_insert(at timestamptz[], event_ids uuid[], macs macaddr[], kinds text[],
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
  others uuid[];
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
  select count(*),
    array_agg(g.mac) filter (where g.is_contact), array_agg(g.at) filter (where g.is_contact),
    array_agg(g.holder_claim) filter (where g.is_contact), array_agg(g.kind) filter (where g.is_contact),
    array_agg(g.password_version) filter (where g.is_contact)
  into inserted, new_macs, new_at, new_claims, new_kinds, new_versions
  from (select *, kind in ('contacted', 'delivered', 'staged') as is_contact from given) g
  join kept k on k.at = g.at and k.event_id = g.event_id;
  if new_macs is null then
    return next;
    return;
  end if;

  update device d
  set contacted_at = greatest(d.contacted_at, n.at),
    unclaimed_contact_at = greatest(d.unclaimed_contact_at, n.unclaimed_at)
  from (
    select f.mac, max(f.at) as at, max(f.at) filter (where f.claim_id is null) as unclaimed_at
    from unnest(new_macs, new_at, new_claims) f (mac, at, claim_id)
    group by f.mac) n
  where d.mac = n.mac;

  -- The password that the claim has was delivered, as it nearly always is: told in the same stroke.
  update claim c
  set contacted_at = greatest(c.contacted_at, n.at),
    delivered_at = greatest(c.delivered_at, n.delivered_at),
    password_delivered_at = case
      when c.state <> 'released' and coalesce(n.first_version, c.password_version) = c.password_version
        and coalesce(n.last_version, c.password_version) = c.password_version
      then greatest(c.password_delivered_at, n.delivered_at)
      else c.password_delivered_at end
  from (
    select f.claim_id, max(f.at) as at, max(f.at) filter (where f.kind = 'delivered') as delivered_at,
      min(f.version) as first_version, max(f.version) as last_version
    from unnest(new_at, new_claims, new_kinds, new_versions) f (at, claim_id, kind, version)
    where f.claim_id is not null
    group by f.claim_id) n
  where c.id = n.claim_id;

  -- Another one than it has.
  select array_agg(distinct f.claim_id) into others
  from unnest(new_claims, new_kinds, new_versions) f (claim_id, kind, version)
  join claim c on c.id = f.claim_id
  where f.kind = 'delivered' and f.version <> c.password_version;
  if others is not null then
    perform claim_note_delivered(n.claim_id, n.version::integer, n.at)
    from (
      select f.claim_id, f.version, max(f.at) as at
      from unnest(new_at, new_claims, new_kinds, new_versions) f (at, claim_id, kind, version)
      where f.kind = 'delivered' and f.claim_id = any (others)
      group by f.claim_id, f.version
      order by f.claim_id, f.version nulls first) n;
  end if;

  -- Reported late: it came before a claim that has been made meanwhile.
  update claim c set contacted_before_at = greatest(c.contacted_before_at, n.at)
  from (
    select f.mac, max(f.at) as at from unnest(new_macs, new_at, new_claims) f (mac, at, claim_id)
    where f.claim_id is null
    group by f.mac) n
  where c.mac = n.mac and c.state <> 'released' and n.at < c.claimed_at;
  return next;
end
$$;
