-- Lists of claims answer from an index, whatever they are narrowed down to.

-- How far a claim is changes twice in its life, so that a delivery still writes no index (0052).
alter table claim add column progress smallint not null generated always as (case
  when delivered_at is not null then 2
  when contacted_at is not null or contacted_before_at is not null then 1
  else 0 end) stored;
comment on column claim.progress is '0: waits for the phone; 1: it came and was delivered nothing; 2: delivered.';

-- Two indexes in the place of two: each answers for all of a tenant or a profile in three parts.
drop index claim_itsp_mac_idx, claim_profile_idx;
create index claim_itsp_idx on claim (itsp_id, progress, mac) where state <> 'released';
create index claim_profile_idx on claim (profile_id, progress, mac) where state <> 'released';
create index claim_suspended_idx on claim (itsp_id, mac) where state = 'suspended';

-- The next claims of a tenant above a MAC, in the order of the MACs; what is null is not asked for.
-- Each statement reads the front of one index, or of its three parts. Where it begins is said by comparing
-- rows, where it ends by one column, since what is equal to one value counts for nothing in an order: the
-- planner would take any index that has the MACs in order, and read all tenants' claims. Internal.
create function claims_from(tenant uuid, above macaddr, "limit" bigint, of_state text, of_profile uuid,
  of_progress smallint)
returns setof claim
language plpgsql stable set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  parts smallint[] := case when $6 is null then '{0,1,2}' else array[$6] end;
begin
  if of_state = 'suspended' then
    return query
    select c.* from claim c
    where c.state = 'suspended' and (c.itsp_id, c.mac) > ($1, $2) and c.itsp_id <= $1
      and coalesce(c.profile_id = $5, true) and coalesce(c.progress = $6, true)
    order by c.itsp_id, c.mac limit $3;
  elsif of_profile is not null then
    return query
    select c.* from unnest(parts) part (progress)
    cross join lateral (
      select e.* from claim e
      where e.state <> 'released' and e.profile_id = $5
        and (e.progress, e.mac) > (part.progress, $2) and e.progress <= part.progress
        and e.itsp_id = any (array[$1]) and coalesce(e.state = $4, true)
      order by e.progress, e.mac limit $3) c
    order by c.mac limit $3;
  else
    return query
    select c.* from unnest(parts) part (progress)
    cross join lateral (
      select e.* from claim e
      where e.state <> 'released' and e.itsp_id = $1
        and (e.progress, e.mac) > (part.progress, $2) and e.progress <= part.progress
        and coalesce(e.state = $4, true)
      order by e.progress, e.mac limit $3) c
    order by c.mac limit $3;
  end if;
end
$$;

-- The tenant's claims that are not released, as claim_document tells them.
create function claims_of_tenant(above macaddr, "limit" bigint, of_state text, of_profile uuid, of_progress text)
returns table (claim_id uuid, mac macaddr, model text, format text, serial_number text, profile_id uuid,
  state text, claimed_at timestamptz, contacted_at timestamptz, contacted_before_claim boolean,
  delivered_at timestamptz, armed_at timestamptz, once_started_at timestamptz,
  pending_since timestamptz, version integer)
language plpgsql stable security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  return query
  select c.id, c.mac, d.model, m.format, d.serial_number, c.profile_id, c.state, c.claimed_at,
    coalesce(c.contacted_at, c.contacted_before_at),
    c.contacted_at is null and c.contacted_before_at is not null,
    c.delivered_at, c.armed_at, c.once_started_at, c.pending_since, c.version
  from claims_from(tenant, coalesce($1, '00:00:00:00:00:00'), $2, $3, $4,
    case $5 when 'waiting' then 0 when 'contacted' then 1 when 'delivered' then 2 end::smallint) c
  cross join lateral (
    select e.model, e.serial_number from device e where e.mac = c.mac limit 1) d
  join device_model m on m.name = d.model
  order by c.mac;
end
$$;

-- As before, but the claim is looked for by its order, as in claims_decide (0051): a plan made while the
-- table is empty could choose the index of a profile's claims, which holds the MACs as well.
create or replace function device_lookup(fingerprints bytea[])
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
    (select e.mac, e.status from certificate e where e.fingerprint = i.fingerprint limit 1)
    union all
    (select e.mac, case when exists (select from certificate f where f.mac = e.mac)
        then 'has_certificate' else 'credential' end
      from device e
      where credential_key(e.credential_user, e.credential_hash) = i.fingerprint
        and e.credential_user is not null
      limit 1)
    limit 1) x
  cross join lateral (select e.* from device e where e.mac = x.mac limit 1) d
  cross join lateral (select e.* from device_model e where e.name = d.model limit 1) m
  left join lateral (
    select e.* from claim e where e.mac between d.mac and d.mac and e.state <> 'released'
      and x.status in ('live', 'credential') order by e.mac limit 1) c on true
  left join lateral (select e.* from itsp e where e.id = c.itsp_id limit 1) t on true
  left join lateral (
    select e.* from provisioning_profile e where e.id = c.profile_id limit 1) p on true;
end
$$;
