-- What the factory may do. Each function is one transition with its audit row.

create function order_insert(reference text, model text, certificate_profile text,
  key_types text[], first_mac macaddr, quantity integer, opens_at timestamptz,
  closes_at timestamptz, stations text[], statement bytea, signatures bytea,
  operator_fingerprint bytea, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, state text, conflicting_reference text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known production_order;
begin
  select o.* into known from production_order o where o.reference = order_insert.reference;
  if found then
    return query select
      case when known.statement = order_insert.statement then 'existing' else 'differs' end,
      known.state, null::text;
    return;
  end if;
  if not exists (select from operator o
      where o.fingerprint = order_insert.operator_fingerprint and o.state = 'live') then
    return query select 'unknown_operator', null::text, null::text;
    return;
  end if;
  if not exists (select from device_model m where m.name = order_insert.model) then
    return query select 'unknown_model', null::text, null::text;
    return;
  end if;
  if not exists (select from device_model m
      where m.name = order_insert.model and order_insert.key_types <@ m.key_types) then
    return query select 'key_types', null::text, null::text;
    return;
  end if;
  begin
    insert into production_order (reference, model, certificate_profile, key_types, first_mac,
      quantity, opens_at, closes_at, stations, statement, signatures, operator_fingerprint)
    values (order_insert.reference, order_insert.model, order_insert.certificate_profile,
      order_insert.key_types, order_insert.first_mac, order_insert.quantity,
      order_insert.opens_at, order_insert.closes_at, coalesce(order_insert.stations, '{}'),
      order_insert.statement, order_insert.signatures, order_insert.operator_fingerprint);
  exception
    when exclusion_violation then
      return query select 'overlap', null::text, (
        select o.reference from production_order o
        where o.state <> 'closed' and o.mac_range && int8range(
          mac_number(order_insert.first_mac),
          mac_number(order_insert.first_mac) + order_insert.quantity)
        order by o.id limit 1);
      return;
    when unique_violation then
      -- Another operator's command was first; what it stored decides.
      select o.* into known from production_order o where o.reference = order_insert.reference;
      return query select
        case when known.statement = order_insert.statement then 'existing' else 'differs' end,
        known.state, null::text;
      return;
  end;
  perform audit_write('order.open', 'order', order_insert.reference, null, null,
    jsonb_build_object('model', order_insert.model,
      'certificate_profile', order_insert.certificate_profile,
      'key_types', order_insert.key_types, 'first_mac', order_insert.first_mac,
      'quantity', order_insert.quantity, 'opens_at', order_insert.opens_at,
      'closes_at', order_insert.closes_at, 'stations', order_insert.stations,
      'statement_sha256', encode(sha256(order_insert.statement), 'hex'),
      'operator', encode(order_insert.operator_fingerprint, 'hex')),
    order_insert.actor_kind, order_insert.actor_id, order_insert.source_ip,
    order_insert.request_id);
  return query select 'created', 'open', null::text;
end
$$;

create function order_get(order_reference text)
returns table (reference text, model text, certificate_profile text, key_types text[],
  first_mac macaddr, quantity integer, issued bigint, state text, opens_at timestamptz,
  closes_at timestamptz, stations text[], statement bytea, signatures bytea,
  operator_fingerprint bytea, closed_at timestamptz, close_statement bytea,
  close_signatures bytea)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select o.reference, o.model, o.certificate_profile, o.key_types, o.first_mac, o.quantity,
    coalesce((select sum(c.issued) from production_order_count c where c.order_id = o.id),
      0)::bigint,
    o.state, o.opens_at, o.closes_at, o.stations, o.statement, o.signatures,
    o.operator_fingerprint, o.closed_at, o.close_statement, o.close_signatures
  from production_order o
  where o.reference = $1;
end
$$;

create function orders_open("limit" bigint)
returns table (reference text, statement bytea, signatures bytea, operator_fingerprint bytea)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select o.reference, o.statement, o.signatures, o.operator_fingerprint
  from production_order o
  where o.state <> 'closed'
  order by o.id desc
  limit $1;
end
$$;

create function order_close(reference text, statement bytea, signatures bytea,
  operator_fingerprint bytea, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known production_order;
begin
  if not exists (select from operator o
      where o.fingerprint = order_close.operator_fingerprint and o.state = 'live') then
    return query select 'unknown_operator';
    return;
  end if;
  -- Waits for the stores in flight, which hold the order's key share.
  select o.* into known from production_order o
  where o.reference = order_close.reference for update;
  if not found then
    return query select 'unknown_order';
    return;
  end if;
  if known.state = 'closed' then
    return query select 'already_closed';
    return;
  end if;
  update production_order o
  set state = 'closed', closed_at = clock_timestamp(),
    close_statement = order_close.statement, close_signatures = order_close.signatures,
    closed_by = order_close.operator_fingerprint
  where o.id = known.id;
  perform audit_write('order.close', 'order', order_close.reference, null,
    jsonb_build_object('state', 'open'),
    jsonb_build_object('state', 'closed',
      'statement_sha256', encode(sha256(order_close.statement), 'hex'),
      'operator', encode(order_close.operator_fingerprint, 'hex')),
    order_close.actor_kind, order_close.actor_id, order_close.source_ip, order_close.request_id);
  return query select 'closed';
end
$$;

create function operator_upsert(fingerprint bytea, name text, role text, certificate bytea,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known operator;
  outcome text := 'created';
begin
  insert into operator (fingerprint, name, role, certificate)
  values (operator_upsert.fingerprint, operator_upsert.name, operator_upsert.role,
    operator_upsert.certificate)
  on conflict do nothing;
  if not found then
    select o.* into known from operator o
    where o.fingerprint = operator_upsert.fingerprint for update;
    if known.state = 'revoked' then
      return query select 'revoked';
      return;
    end if;
    if known.name = operator_upsert.name and known.role = operator_upsert.role then
      return query select 'existing';
      return;
    end if;
    update operator o set name = operator_upsert.name, role = operator_upsert.role
    where o.fingerprint = operator_upsert.fingerprint;
    outcome := 'updated';
  end if;
  perform audit_write('operator.' || case outcome when 'created' then 'add' else 'update' end,
    'operator', encode(operator_upsert.fingerprint, 'hex'), null,
    case when outcome = 'updated'
      then jsonb_build_object('name', known.name, 'role', known.role) end,
    jsonb_build_object('name', operator_upsert.name, 'role', operator_upsert.role),
    operator_upsert.actor_kind, operator_upsert.actor_id, operator_upsert.source_ip,
    operator_upsert.request_id);
  return query select outcome;
end
$$;

create function operator_revoke(fingerprint bytea, statement bytea, signatures bytea,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known operator;
begin
  select o.* into known from operator o
  where o.fingerprint = operator_revoke.fingerprint for update;
  if not found then
    return query select 'unknown_operator';
    return;
  end if;
  if known.state = 'revoked' then
    return query select 'already_revoked';
    return;
  end if;
  update operator o
  set state = 'revoked', revoked_at = clock_timestamp(),
    revoke_statement = operator_revoke.statement, revoke_signatures = operator_revoke.signatures
  where o.fingerprint = operator_revoke.fingerprint;
  perform audit_write('operator.revoke', 'operator', encode(operator_revoke.fingerprint, 'hex'),
    null, jsonb_build_object('name', known.name, 'state', 'live'),
    jsonb_build_object('name', known.name, 'state', 'revoked'),
    operator_revoke.actor_kind, operator_revoke.actor_id, operator_revoke.source_ip,
    operator_revoke.request_id);
  return query select 'revoked';
end
$$;

create function operator_by_fingerprint(of_fingerprint bytea)
returns table (fingerprint bytea, name text, role text, state text, certificate bytea)
language sql stable security definer set search_path = firstring, pg_temp
as $$
  select o.fingerprint, o.name, o.role, o.state, o.certificate
  from operator o where o.fingerprint = $1
$$;

create function station_upsert(fingerprint bytea, name text, certificate bytea,
  not_after timestamptz, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known station;
begin
  insert into station (fingerprint, name, certificate, not_after)
  values (station_upsert.fingerprint, station_upsert.name, station_upsert.certificate,
    station_upsert.not_after)
  on conflict do nothing;
  if not found then
    select s.* into known from station s where s.fingerprint = station_upsert.fingerprint;
    return query select case
      when known.state = 'revoked' then 'revoked'
      when known.name <> station_upsert.name then 'differs'
      else 'existing' end;
    return;
  end if;
  perform audit_write('station.add', 'station', encode(station_upsert.fingerprint, 'hex'), null,
    null, jsonb_build_object('name', station_upsert.name, 'not_after', station_upsert.not_after),
    station_upsert.actor_kind, station_upsert.actor_id, station_upsert.source_ip,
    station_upsert.request_id);
  return query select 'created';
end
$$;

create function station_revoke(fingerprint bytea, name text, reason text,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, count bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  revoked station;
  revoked_count bigint := 0;
begin
  for revoked in
    update station s
    set state = 'revoked', revoked_at = clock_timestamp(), revoke_reason = station_revoke.reason
    where s.state = 'live' and num_nonnulls(station_revoke.fingerprint, station_revoke.name) > 0
      and (station_revoke.fingerprint is null or s.fingerprint = station_revoke.fingerprint)
      and (station_revoke.name is null or s.name = station_revoke.name)
    returning s.*
  loop
    revoked_count := revoked_count + 1;
    perform audit_write('station.revoke', 'station', encode(revoked.fingerprint, 'hex'), null,
      jsonb_build_object('name', revoked.name, 'state', 'live'),
      jsonb_build_object('name', revoked.name, 'state', 'revoked',
        'reason', station_revoke.reason),
      station_revoke.actor_kind, station_revoke.actor_id, station_revoke.source_ip,
      station_revoke.request_id);
  end loop;
  return query select case
    when revoked_count > 0 then 'revoked'
    when exists (select from station s
      where num_nonnulls(station_revoke.fingerprint, station_revoke.name) > 0
        and (station_revoke.fingerprint is null or s.fingerprint = station_revoke.fingerprint)
        and (station_revoke.name is null or s.name = station_revoke.name)) then 'already_revoked'
    else 'unknown_station' end, revoked_count;
end
$$;

create function station_by_fingerprint(of_fingerprint bytea)
returns table (fingerprint bytea, name text, state text, not_after timestamptz)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select s.fingerprint, s.name, s.state, s.not_after
  from station s where s.fingerprint = $1;
end
$$;

-- What is on record for (MAC, key) under an order. Internal: no daemon may call it.
-- One plan for all calls, of index lookups, however full the tables were when it was made: each
-- `lateral ... limit 1` is a lookup that no join order can turn round, and planning anew for each
-- array would cost more than running it.
create function certificates_classify(order_id bigint, macs macaddr[], spki_sha256 bytea[])
returns table (ordinal bigint, outcome text, fingerprint bytea, certificate bytea,
  serial_number text, claim_code_epoch integer)
language plpgsql stable set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
begin
  return query
  select i.ordinal,
    case
      when k.mac <> i.mac then 'key_reused'
      when c.fingerprint is null then 'none'
      when c.spki_sha256 is distinct from i.spki then 'mac_has_other_key'
      when c.status <> 'live' then 'revoked'
      when c.order_id <> $1 then 'mac_in_other_order'
      else 'existing'
    end,
    c.fingerprint,
    c.der,
    d.serial_number,
    case when d.claim_code_hash is not null then d.claim_code_epoch end
  from unnest($2, $3) with ordinality i (mac, spki, ordinal)
  left join lateral (
    select e.mac from device_key e where e.spki_sha256 = i.spki limit 1) k on true
  left join lateral (
    select e.serial_number, e.claim_code_hash, e.claim_code_epoch
    from device e where e.mac = i.mac limit 1) d on true
  -- The row of this very key if there is one, the live before the dead; else any other's.
  left join lateral (
    select e.fingerprint, e.spki_sha256, e.status, e.order_id, e.der
    from certificate e
    where e.mac = i.mac
    order by (e.spki_sha256 is not distinct from i.spki) desc, (e.status = 'live') desc,
      e.recorded_at desc
    limit 1) c on true;
end
$$;

create function certificates_existing(order_reference text, macs macaddr[], spki_sha256 bytea[])
returns table (ordinal bigint, outcome text, certificate bytea, serial_number text,
  claim_code_epoch integer)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select c.ordinal, c.outcome, case when c.outcome = 'existing' then c.certificate end,
    c.serial_number, c.claim_code_epoch
  from production_order o,
    certificates_classify(o.id, $2, $3) c
  where o.reference = $1
  order by c.ordinal;
end
$$;

create function certificates_store(order_reference text, station_fingerprint bytea,
  macs macaddr[], serial_numbers text[], spki_sha256 bytea[], serials bytea[],
  certificates bytea[], fingerprints bytea[], not_before timestamptz[],
  claim_code_hashes bytea[], claim_code_epochs bigint[],
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, outcome text, certificate bytea, claim_code_epoch integer)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  target production_order;
  refused text;
  outcomes text[];
  recorded bytea[];
  epochs integer[];
  attempts integer := 0;
  look_at_serials boolean := false;
  stored bigint := 0;
  stored_digest bytea := '';
  violated text;
begin
  if cardinality(macs) > 1000 or cardinality(macs) <> all (array[cardinality(serial_numbers),
      cardinality($5), cardinality(serials), cardinality(certificates),
      cardinality(fingerprints), cardinality($9), cardinality(claim_code_hashes),
      cardinality(claim_code_epochs)]) then
    raise exception 'up to 1,000 rows, each array as long' using errcode = 'data_exception';
  end if;
  -- Holds off order_close until this transaction ends, and no other store.
  select o.* into target from production_order o
  where o.reference = order_reference for key share;
  refused := case
    when target.id is null then 'unknown_order'
    when target.state <> 'open' then 'order_closed'
    when not exists (select from station s
      where s.fingerprint = certificates_store.station_fingerprint and s.state = 'live'
        and (target.stations = '{}' or s.name = any (target.stations))) then 'station_not_allowed'
  end;
  if target.id is null then
    return query select i, refused, null::bytea, null::integer
    from generate_series(1, cardinality(macs)::bigint) i;
    return;
  end if;
  loop
    -- A row that is not the first of its MAC or key in the batch waits for a later pass, when the
    -- first one's fate is on record.
    select array_agg(r.outcome order by r.ordinal), array_agg(r.der order by r.ordinal),
      array_agg(r.epoch order by r.ordinal)
    into outcomes, recorded, epochs
    from (
      select j.ordinal,
        case
          when j.verdict = 'store' and (j.mac_turn > 1 or j.key_turn > 1) then 'wait'
          else j.verdict
        end as outcome, j.der, j.epoch
      from (
        select v.ordinal, v.verdict, v.der, v.epoch,
          row_number() over (partition by v.verdict, v.mac order by v.ordinal) as mac_turn,
          row_number() over (partition by v.verdict, v.spki order by v.ordinal) as key_turn
        from (
          select i.ordinal, i.mac, i.spki,
            case
              when c.outcome = 'existing' and c.fingerprint = i.fingerprint then 'stored'
              when c.outcome <> 'none' then c.outcome
              when refused is not null then refused
              when not mac_number(i.mac) <@ target.mac_range then 'out_of_range'
              when i.not_before < target.opens_at or i.not_before >= target.closes_at
                then 'order_closed'
              when not is_serial_number(i.serial_number) then 'bad_serial_number'
              when look_at_serials and exists (select from certificate e
                where e.serial = i.serial or e.fingerprint = i.fingerprint) then 'serial_reused'
              else 'store'
            end as verdict,
            case when c.outcome = 'existing' and c.fingerprint <> i.fingerprint
              then c.certificate end as der,
            coalesce(c.claim_code_epoch, i.epoch::integer) as epoch
          from certificates_classify(target.id, macs, $5) c
          join unnest(macs, serial_numbers, $5, serials, fingerprints, $9, claim_code_epochs)
            with ordinality i (mac, serial_number, spki, serial, fingerprint, not_before, epoch,
              ordinal) using (ordinal)
        ) v
      ) j
    ) r;

    begin
      -- In the order of their keys, so that two stores never wait crosswise.
      insert into device (mac, serial_number, model, source, order_id, claim_code_hash,
        claim_code_epoch)
      select i.mac, i.serial_number, target.model, 'factory', target.id, i.hash, i.epoch
      from unnest(outcomes, macs, serial_numbers, claim_code_hashes, claim_code_epochs)
        i (outcome, mac, serial_number, hash, epoch)
      where i.outcome = 'store'
      order by i.mac
      -- A phone that was imported without a certificate, and now gets one.
      on conflict (mac) do update
      set source = 'factory', order_id = excluded.order_id, model = excluded.model,
        serial_number = excluded.serial_number, claim_code_hash = excluded.claim_code_hash,
        claim_code_epoch = excluded.claim_code_epoch, credential_user = null,
        credential_hash = null
      where device.order_id is null;

      insert into device_key (spki_sha256, mac)
      select i.spki, i.mac
      from unnest(outcomes, $5, macs) i (outcome, spki, mac)
      where i.outcome = 'store'
      order by i.spki
      on conflict (spki_sha256) do nothing;

      insert into certificate (fingerprint, mac, serial, spki_sha256, der, order_id,
        station_fingerprint, not_before)
      select i.fingerprint, i.mac, i.serial, i.spki, i.der, target.id,
        certificates_store.station_fingerprint, i.not_before
      from unnest(outcomes, fingerprints, macs, serials, $5, certificates, $9)
        i (outcome, fingerprint, mac, serial, spki, der, not_before)
      where i.outcome = 'store'
      order by i.mac;

      -- A key that another transaction recorded meanwhile under another MAC.
      perform from unnest(outcomes, $5, macs) i (outcome, spki, mac)
      where i.outcome = 'store'
        and i.mac <> (select k.mac from device_key k where k.spki_sha256 = i.spki);
      if found then
        raise unique_violation;
      end if;
    exception when unique_violation then
      -- Somebody else was first with one of these; his rows are on record now. Look again.
      get stacked diagnostics violated = constraint_name;
      look_at_serials := look_at_serials or violated in ('certificate_serial_key',
        'certificate_pkey');
      attempts := attempts + 1;
      if attempts >= 20 then
        raise exception 'certificates_store met too many others' using errcode = '40001';
      end if;
      continue;
    end;

    select stored + count(*),
      sha256(stored_digest || coalesce(string_agg(i.fingerprint, '' order by i.ordinal), ''))
    into stored, stored_digest
    from unnest(outcomes, fingerprints) with ordinality i (outcome, fingerprint, ordinal)
    where i.outcome = 'store';
    exit when array_position(outcomes, 'wait') is null;
  end loop;

  if stored > 0 then
    insert into production_order_count (order_id, shard, issued)
    values (target.id, pg_backend_pid() % 16, stored)
    on conflict (order_id, shard) do update
    set issued = production_order_count.issued + excluded.issued;
    perform audit_write('certificates.store', 'order', order_reference, null, null,
      jsonb_build_object('stored', stored, 'fingerprints_sha256', encode(stored_digest, 'hex'),
        'station', encode(certificates_store.station_fingerprint, 'hex')),
      certificates_store.actor_kind, certificates_store.actor_id, certificates_store.source_ip,
      certificates_store.request_id);
  end if;
  return query
  select i.ordinal, case i.outcome when 'store' then 'stored' else i.outcome end, i.der,
    case when i.outcome in ('store', 'stored', 'existing') then i.epoch end
  from unnest(outcomes, recorded, epochs) with ordinality i (outcome, der, epoch, ordinal)
  order by i.ordinal;
end
$$;

create function device_get(order_reference text, of_mac macaddr)
returns table (mac macaddr, serial_number text, model text, claim_code_epoch integer,
  certificate bytea, serial bytea, spki_sha256 bytea, status text, not_before timestamptz)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select d.mac, d.serial_number, d.model, d.claim_code_epoch, c.der, c.serial, c.spki_sha256,
    c.status, c.not_before
  from production_order o
  join device d on d.mac = $2
  join lateral (
    select e.der, e.serial, e.spki_sha256, e.status, e.not_before
    from certificate e
    where e.mac = d.mac and e.order_id = o.id
    order by (e.status = 'live') desc, e.recorded_at desc
    limit 1) c on true
  where o.reference = $1;
end
$$;

create function certificate_revoke(of_serial bytea, of_mac macaddr, reason text, statement bytea,
  signatures bytea, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, serial bytea)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known certificate;
begin
  select c.* into known
  from certificate c
  where ($1 is not null or c.status = 'live')
    and ($1 is null or c.serial = $1)
    and ($2 is null or c.mac = $2)
    and num_nonnulls($1, $2) > 0
  for update;
  if not found then
    return query select
      case when $1 is null and exists (select from certificate c where c.mac = $2)
        then 'already_revoked' else 'unknown_certificate' end, null::bytea;
    return;
  end if;
  if known.status <> 'live' then
    return query select 'already_revoked', known.serial;
    return;
  end if;
  update certificate c
  set status = case certificate_revoke.reason when 'superseded' then 'superseded'
      else 'revoked' end,
    revoked_at = clock_timestamp(), revoke_reason = certificate_revoke.reason,
    revoke_statement = certificate_revoke.statement,
    revoke_signatures = certificate_revoke.signatures
  where c.fingerprint = known.fingerprint;
  perform audit_write('certificate.revoke', 'certificate', encode(known.fingerprint, 'hex'), null,
    jsonb_build_object('status', 'live'),
    jsonb_build_object('status', 'revoked', 'reason', certificate_revoke.reason,
      'mac', known.mac, 'serial', encode(known.serial, 'hex')),
    certificate_revoke.actor_kind, certificate_revoke.actor_id, certificate_revoke.source_ip,
    certificate_revoke.request_id);
  return query select 'revoked', known.serial;
end
$$;

create function pki_object_put(kind text, shard integer, content bytea, number bigint,
  next_update timestamptz, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known pki_object;
  outcome text := 'created';
begin
  insert into pki_object (kind, shard, content, number, next_update)
  values (pki_object_put.kind, pki_object_put.shard, pki_object_put.content,
    pki_object_put.number, pki_object_put.next_update)
  on conflict do nothing;
  if not found then
    select p.* into known from pki_object p
    where p.kind = pki_object_put.kind and p.shard = pki_object_put.shard for update;
    if known.content = pki_object_put.content then
      return query select 'same';
      return;
    end if;
    if pki_object_put.number <= known.number then
      return query select 'stale';
      return;
    end if;
    update pki_object p
    set content = pki_object_put.content, number = pki_object_put.number,
      next_update = pki_object_put.next_update, updated_at = clock_timestamp()
    where p.kind = pki_object_put.kind and p.shard = pki_object_put.shard;
    outcome := 'updated';
  end if;
  perform audit_write('pki.publish', 'pki_object',
    pki_object_put.kind || '/' || pki_object_put.shard, null,
    case when known.kind is not null then jsonb_build_object('number', known.number,
      'sha256', encode(sha256(known.content), 'hex')) end,
    jsonb_build_object('number', pki_object_put.number,
      'sha256', encode(sha256(pki_object_put.content), 'hex')),
    pki_object_put.actor_kind, pki_object_put.actor_id, pki_object_put.source_ip,
    pki_object_put.request_id);
  return query select outcome;
end
$$;

create function certificate_status(of_serial bytea)
returns table (status text, revoked_at timestamptz, reason text)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select c.status, c.revoked_at, c.revoke_reason
  from certificate c where c.serial = $1;
end
$$;
