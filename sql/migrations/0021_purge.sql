-- Passwords that are let go of once they are delivered (ITSPA rule R13).

alter table provisioning_profile
  add column purge_after_delivery boolean not null default false,
  -- With `always` a phone may come for its password at any time.
  add constraint purge_needs_an_end check (not purge_after_delivery or redelivery <> 'always');
comment on column provisioning_profile.purge_after_delivery is
  'The sealed password of a claim is let go of once it is delivered and nothing more will be.';

create index claim_purge_idx on claim (profile_id)
  where state <> 'released' and sealed_password is not null and password_delivered_at is not null;

create or replace view claim_document with (security_invoker = true) as
select c.id as claim_id, c.mac, d.model, m.format, d.serial_number, c.profile_id, c.state,
  c.claimed_at, coalesce(c.contacted_at, c.contacted_before_at) as contacted_at,
  (c.contacted_at is null and c.contacted_before_at is not null) as contacted_before_claim,
  c.delivered_at, c.armed_at, c.once_started_at, c.pending_since, c.version, c.itsp_id,
  (c.password_purged_at is not null and c.pending_since is null) as password_purged
from claim c
join device d on d.mac = c.mac
join device_model m on m.name = d.model
where c.state <> 'released';
comment on view claim_document is 'Claims that are not released, without anything sealed.';

-- Whether a claim's password was delivered, and under its profile nothing will be delivered again
-- before it is re-armed. The redirector asks the database before it delivers `once`, so that
-- once_until is final; a window's end is told to all by the same armed_at. Internal.
create function claim_is_over(held claim, profile provisioning_profile) returns boolean
language sql stable
return held.state <> 'released' and held.sealed_password is not null
  and held.password_delivered_at is not null and held.delivered_at is not null
  and case profile.redelivery
    when 'once' then coalesce(held.once_until <= clock_timestamp(), false)
    -- A minute more: the redirectors' clocks.
    when 'window' then held.armed_at + make_interval(hours => profile.window_hours, mins => 1)
      <= clock_timestamp()
    else false end;

create function passwords_purge(rows bigint) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  one record;
  held claim;
  purged bigint := 0;
begin
  for one in
    select c.id, c.mac
    from provisioning_profile p
    join claim c on c.profile_id = p.id
    where p.purge_after_delivery and c.state <> 'released' and c.sealed_password is not null
      and c.password_delivered_at is not null and claim_is_over(c, p)
    order by c.mac
    limit passwords_purge.rows
  loop
    perform from device d where d.mac = one.mac for no key update;
    select c.* into held
    from claim c
    join provisioning_profile p on p.id = c.profile_id
    where c.id = one.id and p.purge_after_delivery and claim_is_over(c, p)
    for no key update of c;
    continue when not found;
    update claim c set sealed_password = null, password_purged_at = clock_timestamp()
    where c.id = held.id;
    delete from claim_password_replaced r
    where r.claim_id = held.id and r.version <= held.password_version;
    insert into device_event (at, event_id, mac, kind, claim_id, itsp_id)
    values (clock_timestamp(), gen_random_uuid(), held.mac, 'purged', held.id, held.itsp_id);
    perform audit_write('claim.purge', 'claim', held.mac::text, held.itsp_id, null,
      jsonb_build_object('claim_id', held.id, 'password_version', held.password_version),
      'system', 'purge_after_delivery', null, null);
    purged := purged + 1;
  end loop;
  return purged;
end
$$;

drop function profile_create(uuid, text, text, text[], text, text, text, integer, text, text, inet,
  text);
create function profile_create(profile_id uuid, name text, provisioning_url text,
  fallback_urls text[], trust_anchors text, delivery text, redelivery text, window_hours integer,
  actor_kind text, actor_id text, source_ip inet, request_id text,
  purge_after_delivery boolean default false)
returns table (outcome text, created_at timestamptz, version integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  made provisioning_profile;
begin
  perform from itsp i where i.id = tenant for key share;
  if not are_approved_urls(tenant, $3 || coalesce($4, '{}')) then
    return query select 'url_not_approved', null::timestamptz, null::integer;
    return;
  end if;
  insert into provisioning_profile (id, itsp_id, name, provisioning_url, fallback_urls,
    trust_anchors, delivery, redelivery, window_hours, purge_after_delivery)
  values ($1, tenant, $2, $3, coalesce($4, '{}'), $5, coalesce($6, 'direct'),
    coalesce($7, 'always'), $8, coalesce($13, false))
  on conflict (itsp_id, name) where deleted_at is null do nothing
  returning * into made;
  if not found then
    return query select 'name_taken', null::timestamptz, null::integer;
    return;
  end if;
  perform audit_write('profile.create', 'profile', $1::text, tenant, null, to_jsonb(made),
    $9, $10, $11, $12);
  return query select 'created', made.created_at, made.version;
end
$$;

drop function profile_update(uuid, integer, text, text, text[], text, text, text, integer, text,
  text, inet, text);
create function profile_update(profile_id uuid, expected_version integer, name text,
  provisioning_url text, fallback_urls text[], trust_anchors text, delivery text,
  redelivery text, window_hours integer, actor_kind text, actor_id text, source_ip inet,
  request_id text, purge_after_delivery boolean default false)
returns table (outcome text, version integer, updated_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  known provisioning_profile;
  changed provisioning_profile;
begin
  perform from itsp i where i.id = tenant for key share;
  select p.* into known from provisioning_profile p
  where p.id = $1 and p.itsp_id = tenant and p.deleted_at is null for no key update;
  if not found then
    return query select 'not_found', null::integer, null::timestamptz;
    return;
  end if;
  if $2 <> known.version then
    return query select 'version_mismatch', known.version, known.updated_at;
    return;
  end if;
  if not are_approved_urls(tenant, $4 || coalesce($5, '{}')) then
    return query select 'url_not_approved', known.version, known.updated_at;
    return;
  end if;
  if (known.name, known.provisioning_url, known.fallback_urls, known.trust_anchors,
      known.delivery, known.redelivery, known.window_hours, known.purge_after_delivery)
    is not distinct from ($3, $4, coalesce($5, '{}'), $6, $7, $8, $9, coalesce($14, false)) then
    return query select 'same', known.version, known.updated_at;
    return;
  end if;
  begin
    update provisioning_profile p
    set name = $3, provisioning_url = $4, fallback_urls = coalesce($5, '{}'),
      trust_anchors = $6, delivery = $7, redelivery = $8, window_hours = $9,
      purge_after_delivery = coalesce($14, false), version = p.version + 1,
      updated_at = clock_timestamp()
    where p.id = $1
    returning p.* into changed;
  exception when unique_violation then
    return query select 'name_taken', known.version, known.updated_at;
    return;
  end;
  perform audit_write('profile.update', 'profile', $1::text, tenant, to_jsonb(known),
    to_jsonb(changed), $10, $11, $12, $13);
  return query select 'updated', changed.version, changed.updated_at;
end
$$;

-- A claim whose password was let go of needs a new one with it: without, needs_password.
drop function claim_rearm(macaddr, integer, text, text, inet, text);
create function claim_rearm(of_mac macaddr, expected_version integer, actor_kind text,
  actor_id text, source_ip inet, request_id text, of_claim_id uuid default null,
  sealed_password bytea default null)
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
  needs_password boolean := held.sealed_password is null and held.pending_version is null;
  outcome text := case
    when held.id is null then 'not_found'
    when $2 <> held.version or $7 <> held.id then 'version_mismatch'
    when needs_password and ($7 is null or $8 is null) then 'needs_password'
    else 'rearmed'
  end;
begin
  if outcome = 'rearmed' then
    if needs_password then
      perform claim_set_pending(held, $8);
    end if;
    update claim c
    set armed_at = clock_timestamp(), once_started_at = null, once_until = null,
      version = c.version + 1
    where c.id = held.id;
    perform audit_write('claim.rearm', 'claim', $1::text, tenant,
      jsonb_build_object('claim_id', held.id, 'armed_at', held.armed_at),
      jsonb_build_object('claim_id', held.id, 'makes_password', needs_password), $3, $4, $5, $6);
  end if;
  return query
  select outcome, c.claim_id, c.mac, c.model, c.format, c.serial_number, c.profile_id, c.state,
    c.claimed_at, c.contacted_at, c.contacted_before_claim, c.delivered_at, c.armed_at,
    c.once_started_at, c.pending_since, c.version
  from (values (1)) always
  left join claim_document c on c.claim_id = held.id;
end
$$;
