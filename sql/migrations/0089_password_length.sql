-- A profile says how long the passwords are that are made for its phones.

alter table provisioning_profile
  add column password_length integer check (password_length between 12 and 64);
comment on column provisioning_profile.password_length is
  'Of passwords that are made; null: as the portal''s configuration says.';

-- As before, with the length.
drop function profile_create(uuid, text, text, text[], text, text, text, integer, text, text, inet,
  text, boolean);
create function profile_create(profile_id uuid, name text, provisioning_url text,
  fallback_urls text[], trust_anchors text, delivery text, redelivery text, window_hours integer,
  actor_kind text, actor_id text, source_ip inet, request_id text,
  purge_after_delivery boolean default false,
  password_length integer default null)
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
    trust_anchors, delivery, redelivery, window_hours, purge_after_delivery,
    password_length)
  values ($1, tenant, $2, $3, coalesce($4, '{}'), $5, coalesce($6, 'direct'),
    coalesce($7, 'always'), $8, coalesce($13, false), $14)
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
  text, inet, text, boolean);
create function profile_update(profile_id uuid, expected_version integer, name text,
  provisioning_url text, fallback_urls text[], trust_anchors text, delivery text,
  redelivery text, window_hours integer, actor_kind text, actor_id text, source_ip inet,
  request_id text, purge_after_delivery boolean default false,
  password_length integer default null)
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
      known.delivery, known.redelivery, known.window_hours, known.purge_after_delivery,
      known.password_length)
    is not distinct from ($3, $4, coalesce($5, '{}'), $6, $7, $8, $9, coalesce($14, false), $15) then
    return query select 'same', known.version, known.updated_at;
    return;
  end if;
  begin
    update provisioning_profile p
    set name = $3, provisioning_url = $4, fallback_urls = coalesce($5, '{}'),
      trust_anchors = $6, delivery = $7, redelivery = $8, window_hours = $9,
      purge_after_delivery = coalesce($14, false), password_length = $15, version = p.version + 1,
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
