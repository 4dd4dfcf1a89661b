-- Tokens, ITSPs, models, profiles, ship notices, imports. Tenant functions take the tenant from
-- the transaction (tenant_set); those of the manufacturer name it.

create function token_authenticate(token_hash bytea)
returns table (token_id uuid, kind text, itsp_id uuid, scopes text[], itsp_suspended boolean,
  name text, expires_at timestamptz)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select t.id, t.kind, t.itsp_id, t.scopes, coalesce(i.suspended, false), t.name, t.expires_at
  from api_token t
  left join itsp i on i.id = t.itsp_id
  where t.token_hash = $1 and t.revoked_at is null
    and (t.expires_at is null or t.expires_at > clock_timestamp());
end
$$;

-- Internal: both kinds of callers end here.
create function token_store(token_id uuid, itsp_id uuid, name text, token_hash bytea,
  scopes text[], expires_at timestamptz, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text, created_at timestamptz)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  violated text;
begin
  begin
    insert into api_token (id, kind, itsp_id, name, token_hash, scopes, expires_at)
    values ($1, case when $2 is null then 'admin' else 'itsp' end, $2, $3, $4, $5, $6)
    returning api_token.created_at into created_at;
  exception
    when unique_violation then
      get stacked diagnostics violated = constraint_name;
      if violated <> 'api_token_live_name_key' then
        raise;
      end if;
      return query select 'name_taken', null::timestamptz;
      return;
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      if violated not in ('scopes_of_kind', 'api_token_scopes_check') then
        raise;
      end if;
      return query select 'bad_scope', null::timestamptz;
      return;
  end;
  perform audit_write('token.create', 'token', $1::text, $2, null,
    jsonb_build_object('name', $3, 'scopes', $5, 'expires_at', $6), $7, $8, $9, $10);
  return query select 'created', created_at;
end
$$;

create function token_create(token_id uuid, name text, token_hash bytea, scopes text[],
  expires_at timestamptz, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, created_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select s.outcome, s.created_at
  from token_store($1, required_itsp(), $2, $3, $4, $5, $6, $7, $8, $9) s;
end
$$;

create function admin_token_create(token_id uuid, itsp_id uuid, name text, token_hash bytea,
  scopes text[], expires_at timestamptz, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text, created_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
begin
  if $2 is not null and not exists (select from itsp i where i.id = $2) then
    return query select 'unknown_itsp', null::timestamptz;
    return;
  end if;
  return query
  select s.outcome, s.created_at
  from token_store($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) s;
end
$$;

-- Internal. `only_itsp` null: any token.
create function token_end(token_id uuid, only_itsp uuid, actor_kind text, actor_id text,
  source_ip inet, request_id text) returns text
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known api_token;
begin
  select t.* into known from api_token t
  where t.id = $1 and ($2 is null or t.itsp_id = $2) for update;
  if not found then
    return 'not_found';
  end if;
  if known.revoked_at is not null then
    return 'already_revoked';
  end if;
  update api_token t set revoked_at = clock_timestamp() where t.id = $1;
  perform audit_write('token.revoke', 'token', $1::text, known.itsp_id,
    jsonb_build_object('name', known.name, 'scopes', known.scopes), null, $3, $4, $5, $6);
  return 'revoked';
end
$$;

create function token_revoke(token_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text) returns table (outcome text)
language sql security definer set search_path = firstring, pg_temp
as $$
  select token_end($1, required_itsp(), $2, $3, $4, $5)
$$;

create function admin_token_revoke(token_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text) returns table (outcome text)
language sql security definer set search_path = firstring, pg_temp
as $$
  select token_end($1, null, $2, $3, $4, $5)
$$;

create function itsp_create(itsp_id uuid, name text, actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (outcome text, created_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  insert into itsp (id, name) values ($1, $2)
  on conflict (name) do nothing
  returning itsp.created_at into created_at;
  if not found then
    return query select 'name_taken', null::timestamptz;
    return;
  end if;
  perform audit_write('itsp.create', 'itsp', $1::text, $1, null, jsonb_build_object('name', $2),
    $3, $4, $5, $6);
  return query select 'created', created_at;
end
$$;

create function itsp_patch(itsp_id uuid, expected_version integer, name text, suspended boolean,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, version integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known itsp;
  patched itsp;
begin
  select i.* into known from itsp i where i.id = $1 for no key update;
  if not found then
    return query select 'not_found', null::integer;
    return;
  end if;
  if $2 <> known.version then
    return query select 'version_mismatch', known.version;
    return;
  end if;
  if coalesce($3, known.name) = known.name and coalesce($4, known.suspended) = known.suspended
  then
    return query select 'same', known.version;
    return;
  end if;
  begin
    update itsp i
    set name = coalesce($3, i.name), suspended = coalesce($4, i.suspended),
      version = i.version + 1
    where i.id = $1
    returning i.* into patched;
  exception when unique_violation then
    return query select 'name_taken', known.version;
    return;
  end;
  perform audit_write('itsp.update', 'itsp', $1::text, $1,
    jsonb_build_object('name', known.name, 'suspended', known.suspended),
    jsonb_build_object('name', patched.name, 'suspended', patched.suspended), $5, $6, $7, $8);
  return query select 'updated', patched.version;
end
$$;

create function itsp_domain_add(itsp_id uuid, domain text, actor_kind text, actor_id text,
  source_ip inet, request_id text) returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  if not exists (select from itsp i where i.id = $1) then
    return query select 'unknown_itsp';
    return;
  end if;
  insert into itsp_domain (itsp_id, domain) values ($1, $2) on conflict do nothing;
  if not found then
    return query select 'existing';
    return;
  end if;
  perform audit_write('itsp.domain_add', 'itsp', $1::text, $1, null,
    jsonb_build_object('domain', $2), $3, $4, $5, $6);
  return query select 'created';
end
$$;

-- Whether the host of a URL is approved for an ITSP: a domain, or a name that ends in a dot and it.
create function is_approved_url(itsp_id uuid, url text) returns boolean
language sql stable set search_path = firstring, pg_temp
as $$
  select exists (
    select from itsp_domain d
    where d.itsp_id = $1
      and (url_host($2) = d.domain
        or right(url_host($2), length(d.domain) + 1) = '.' || d.domain))
$$;

create function are_approved_urls(itsp_id uuid, urls text[]) returns boolean
language sql stable set search_path = firstring, pg_temp
as $$
  select not exists (select from unnest($2) u where not is_approved_url($1, u))
$$;

create function itsp_domain_remove(itsp_id uuid, domain text, actor_kind text, actor_id text,
  source_ip inet, request_id text) returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  -- Profiles being written take the tenant's key share: none slips between the two checks.
  perform from itsp i where i.id = $1 for update;
  delete from itsp_domain d where d.itsp_id = $1 and d.domain = $2;
  if not found then
    return query select 'not_found';
    return;
  end if;
  if exists (select from provisioning_profile p
      where p.itsp_id = $1 and p.deleted_at is null
        and not are_approved_urls($1, p.provisioning_url || p.fallback_urls)) then
    insert into itsp_domain (itsp_id, domain) values ($1, $2);
    return query select 'in_use';
    return;
  end if;
  perform audit_write('itsp.domain_remove', 'itsp', $1::text, $1,
    jsonb_build_object('domain', $2), null, $3, $4, $5, $6);
  return query select 'removed';
end
$$;

create function model_create(name text, format text, key_types text[], authentication text,
  encrypt_answers boolean, tls_floor text, password_alphabet text, admin_user text,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, created_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  wanted device_model;
  known device_model;
begin
  if not exists (select from answer_format f where f.name = $2) then
    return query select 'unknown_format', null::timestamptz;
    return;
  end if;
  if cardinality($3) = 0 or not $3 <@ array['p256', 'p384', 'rsa2048', 'rsa3072'] then
    return query select 'bad_key_type', null::timestamptz;
    return;
  end if;
  wanted.name := $1;
  wanted.format := $2;
  wanted.key_types := $3;
  wanted.authentication := $4;
  wanted.encrypt_answers := coalesce($5, false);
  wanted.tls_floor := coalesce($6, 'modern');
  wanted.password_alphabet := $7;
  wanted.admin_user := coalesce($8, 'admin');
  wanted.created_at := clock_timestamp();
  insert into device_model values (wanted.*) on conflict (name) do nothing;
  if not found then
    select m.* into known from device_model m where m.name = $1;
    wanted.created_at := known.created_at;
    return query select case when known = wanted then 'existing' else 'name_taken' end,
      known.created_at;
    return;
  end if;
  perform audit_write('model.create', 'model', $1, null, null, to_jsonb(wanted),
    $9, $10, $11, $12);
  return query select 'created', wanted.created_at;
end
$$;

create function shipment_create(itsp_id uuid, macs macaddr[], actor_kind text, actor_id text,
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

  update shipment s set state = 'cancelled', ended_at = clock_timestamp()
  from unnest($2, outcomes) g (mac, outcome)
  where g.outcome = 'replaced' and s.mac = g.mac and s.state = 'live';
  insert into shipment (mac, itsp_id)
  select g.mac, $1 from unnest($2, outcomes) g (mac, outcome)
  where g.outcome in ('created', 'replaced')
  order by g.mac;

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

create function devices_import(macs macaddr[], serial_numbers text[], models text[],
  fingerprints bytea[], credential_users text[], credential_hashes bytea[],
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, mac macaddr, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  outcomes text[];
  attempts integer := 0;
begin
  if cardinality($1) > 10000 then
    raise exception 'up to 10,000 phones at once' using errcode = 'data_exception';
  end if;
  loop
    select array_agg(r.outcome order by r.ordinal) into outcomes
    from (
      select g.ordinal,
        case
          when row_number() over (partition by g.mac order by g.ordinal) > 1
            or g.fingerprint is not null
              and row_number() over (partition by g.fingerprint order by g.ordinal) > 1
            then 'duplicate'
          when m.name is null then 'unknown_model'
          when (m.authentication = 'certificate') <> (g.fingerprint is not null)
            then 'wrong_authentication'
          when not is_serial_number(g.serial_number) then 'bad_serial_number'
          when d.mac is not null then
            case when d.source = 'import' and d.model = g.model
                and d.serial_number = g.serial_number
                and (g.fingerprint is not distinct from c.fingerprint)
              then 'existing' else 'differs' end
          when exists (select from certificate f where f.fingerprint = g.fingerprint)
            then 'fingerprint_in_use'
          else 'created'
        end as outcome
      from unnest($1, $2, $3, $4) with ordinality
        g (mac, serial_number, model, fingerprint, ordinal)
      left join device_model m on m.name = g.model
      left join device d on d.mac = g.mac
      left join certificate c on c.mac = g.mac and c.status = 'live'
    ) r;
    begin
      insert into device (mac, serial_number, model, source, credential_user, credential_hash)
      select g.mac, g.serial_number, g.model, 'import',
        case when g.fingerprint is null then g.credential_user end,
        case when g.fingerprint is null then g.credential_hash end
      from unnest(outcomes, $1, $2, $3, $4, $5, $6) g (outcome, mac, serial_number, model,
        fingerprint, credential_user, credential_hash)
      where g.outcome = 'created'
      order by g.mac;
      insert into certificate (fingerprint, mac)
      select g.fingerprint, g.mac
      from unnest(outcomes, $4, $1) g (outcome, fingerprint, mac)
      where g.outcome = 'created' and g.fingerprint is not null
      order by g.mac;
      exit;
    exception when unique_violation then
      -- Another import was first with one of these; look again.
      attempts := attempts + 1;
      if attempts >= 5 then
        raise;
      end if;
    end;
  end loop;
  if outcomes && array['created'] then
    perform audit_write('device.import', 'device', 'import', null, null,
      jsonb_build_object('macs', (
        select jsonb_agg(g.mac order by g.ordinal)
        from unnest($1, outcomes) with ordinality g (mac, outcome, ordinal)
        where g.outcome = 'created')), $7, $8, $9, $10);
  end if;
  return query
  select g.ordinal, g.mac, g.outcome
  from unnest($1, outcomes) with ordinality g (mac, outcome, ordinal)
  order by g.ordinal;
end
$$;

create function device_document(of_mac macaddr)
returns table (mac macaddr, serial_number text, model text, source text, order_reference text,
  manufactured_at timestamptz, claim_code_epoch integer, certificate_status text,
  certificate_fingerprint bytea, certificate_serial bytea, shipped_to uuid,
  shipped_at timestamptz, itsp_id uuid, claim_state text, claimed_at timestamptz,
  contacted_at timestamptz, delivered_at timestamptz, released_at timestamptz)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select d.mac, d.serial_number, d.model, d.source, o.reference, d.manufactured_at,
    case when d.claim_code_hash is not null then d.claim_code_epoch end,
    x.status, x.fingerprint, x.serial, s.itsp_id, s.created_at,
    case when c.state <> 'released' then c.itsp_id end,
    case when c.state <> 'released' then c.state end,
    case when c.state <> 'released' then c.claimed_at end,
    d.contacted_at,
    case when c.state <> 'released' then c.delivered_at end,
    c.released_at
  from device d
  left join production_order o on o.id = d.order_id
  left join shipment s on s.mac = d.mac and s.state = 'live'
  left join lateral (
    select e.* from certificate e where e.mac = d.mac
    order by (e.status = 'live') desc, e.recorded_at desc limit 1) x on true
  left join lateral (
    select h.* from claim h where h.mac = d.mac order by h.claimed_at desc limit 1) c on true
  where d.mac = $1;
end
$$;

create function profile_create(profile_id uuid, name text, provisioning_url text,
  fallback_urls text[], trust_anchors text, delivery text, redelivery text, window_hours integer,
  actor_kind text, actor_id text, source_ip inet, request_id text)
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
    trust_anchors, delivery, redelivery, window_hours)
  values ($1, tenant, $2, $3, coalesce($4, '{}'), $5, coalesce($6, 'direct'),
    coalesce($7, 'always'), $8)
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

create function profile_update(profile_id uuid, expected_version integer, name text,
  provisioning_url text, fallback_urls text[], trust_anchors text, delivery text,
  redelivery text, window_hours integer, actor_kind text, actor_id text, source_ip inet,
  request_id text)
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
      known.delivery, known.redelivery, known.window_hours)
    is not distinct from ($3, $4, coalesce($5, '{}'), $6, $7, $8, $9) then
    return query select 'same', known.version, known.updated_at;
    return;
  end if;
  begin
    update provisioning_profile p
    set name = $3, provisioning_url = $4, fallback_urls = coalesce($5, '{}'),
      trust_anchors = $6, delivery = $7, redelivery = $8, window_hours = $9,
      version = p.version + 1, updated_at = clock_timestamp()
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

create function profile_delete(profile_id uuid, expected_version integer, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  known provisioning_profile;
begin
  -- Claims take the profile's key share: none slips in after the check.
  select p.* into known from provisioning_profile p
  where p.id = $1 and p.itsp_id = tenant and p.deleted_at is null for update;
  if not found then
    return query select 'not_found';
  elsif $2 <> known.version then
    return query select 'version_mismatch';
  elsif exists (select from claim c where c.profile_id = $1 and c.state <> 'released') then
    return query select 'in_use';
  else
    update provisioning_profile p set deleted_at = clock_timestamp() where p.id = $1;
    perform audit_write('profile.delete', 'profile', $1::text, tenant, to_jsonb(known), null,
      $3, $4, $5, $6);
    return query select 'deleted';
  end if;
end
$$;

-- A key's life is 24 hours; a request that never came back holds its key for a minute.
create function idempotency_begin(principal uuid, route text, key text, request_hash bytea)
returns table (outcome text, object_id text, status integer, response text, had_secret boolean)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known idempotency;
begin
  delete from idempotency i
  where i.principal = $1 and i.route = $2 and i.key = $3
    and i.created_at < clock_timestamp() - case
      when i.state = 'in_progress' and i.request_hash = $4 then interval '60 seconds'
      else interval '24 hours' end;
  insert into idempotency (principal, route, key, request_hash) values ($1, $2, $3, $4)
  on conflict do nothing;
  if found then
    return query select 'new', null::text, null::integer, null::text, false;
    return;
  end if;
  select i.* into known from idempotency i
  where i.principal = $1 and i.route = $2 and i.key = $3;
  return query select
    case
      when known.request_hash is distinct from $4 then 'differs'
      when known.state = 'in_progress' then 'in_progress'
      when known.state = 'effect' then 'effect_done'
      else 'replay'
    end,
    case when known.request_hash = $4 then known.object_id end,
    case when known.request_hash = $4 then known.status end,
    case when known.request_hash = $4 then known.response end,
    coalesce(known.request_hash = $4 and known.had_secret, false);
end
$$;

create function idempotency_effect(principal uuid, route text, key text) returns boolean
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  effect text := nullif(current_setting('firstring.effect', true), '');
begin
  if effect is null then
    return false;
  end if;
  update idempotency i set state = 'effect', object_id = effect
  where i.principal = $1 and i.route = $2 and i.key = $3 and i.state = 'in_progress';
  if not found then
    -- The key went to somebody else while this request slept: its effect must not stand twice.
    raise exception 'the idempotency key is no longer held' using errcode = '40001';
  end if;
  return true;
end
$$;

create function idempotency_finish(principal uuid, route text, key text, status integer,
  response text, had_secret boolean) returns boolean
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  update idempotency i
  set state = 'done', status = $4, response = $5, had_secret = coalesce($6, false)
  where i.principal = $1 and i.route = $2 and i.key = $3 and i.state <> 'done';
  return found;
end
$$;

create function idempotency_forget(principal uuid, route text, key text) returns boolean
language plpgsql security definer set search_path = firstring, pg_temp
as $$
begin
  delete from idempotency i
  where i.principal = $1 and i.route = $2 and i.key = $3 and i.state = 'in_progress';
  return found;
end
$$;

create function idempotency_sweep(rows bigint) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  swept bigint;
begin
  delete from idempotency i
  where (i.principal, i.route, i.key) in (
    select o.principal, o.route, o.key from idempotency o
    where o.created_at < clock_timestamp() - interval '24 hours'
    order by o.created_at limit $1);
  get diagnostics swept = row_count;
  return swept;
end
$$;
