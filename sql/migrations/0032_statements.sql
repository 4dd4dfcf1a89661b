-- Statements beside opening and closing an order: extension, re-key grant, revocation, removal. A
-- certificate that takes another's place does so in one transaction. The yield of an order.

create table order_extension (
  statement bytea primary key,
  order_id bigint not null references production_order (id),
  quantity integer not null,
  closes_at timestamptz,
  signatures bytea not null,
  operator_fingerprint bytea not null references operator (fingerprint),
  created_at timestamptz not null default clock_timestamp()
);
comment on table order_extension is
  'What operators signed to widen an order: its quantity and end from then on.';
create index order_extension_order_idx on order_extension (order_id);
comment on table production_order is
  'A production order as operators signed it. Its state changes by another statement, quantity and '
  'end grow by extensions.';

create table order_tally (
  order_id bigint not null references production_order (id),
  kind text not null check (kind ~ '^[a-z_]{1,32}$'),
  shard smallint not null check (shard between 0 and 15),
  count bigint not null check (count > 0),
  primary key (order_id, kind, shard)
) with (fillfactor = 50);
comment on table order_tally is
  'How often what happened under an order, beside what was issued: existing, reworked, scrapped, '
  'and each reason of a refusal. In shards, as production_order_count.';

alter table certificate add column server_key boolean not null default false;
comment on column certificate.server_key is
  'The signer made the phone''s key; the same station may have it made again.';

alter table rekey_grant add column reason text not null default ''
  check (octet_length(reason) <= 120);

-- Internal: no daemon may call it.
create function order_tally_write(order_id bigint, kind text, count bigint) returns void
language sql set search_path = firstring, pg_temp
as $$
  insert into order_tally as t (order_id, kind, shard, count)
  select $1, $2, pg_backend_pid() % 16, $3 where $1 is not null and $3 > 0
  on conflict (order_id, kind, shard) do update set count = t.count + excluded.count
$$;

create function order_tally_add(reference text, kinds text[], counts bigint[])
returns table (added bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  target bigint;
  total bigint;
begin
  select o.id into target from production_order o where o.reference = $1;
  -- In the order of their names, so that two tallies never wait crosswise.
  with done as (
    select order_tally_write(target, i.kind, i.count)
    from unnest($2, $3) i (kind, count) order by i.kind)
  select count(*) into total from done;
  return query select total;
end
$$;

create function order_report(reference text)
returns table (kind text, count bigint)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select 'issued', coalesce(sum(c.issued), 0)::bigint
  from production_order o left join production_order_count c on c.order_id = o.id
  where o.reference = $1
  group by o.id
  union all
  (select t.kind, sum(t.count)::bigint
  from production_order o join order_tally t on t.order_id = o.id
  where o.reference = $1
  group by t.kind
  order by t.kind);
end
$$;

create function order_extend(reference text, quantity integer, closes_at timestamptz,
  statement bytea, signatures bytea, operator_fingerprint bytea, actor_kind text, actor_id text,
  source_ip inet, request_id text)
returns table (outcome text, conflicting_reference text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known production_order;
begin
  -- Waits for the stores in flight, which hold the order's key share.
  select o.* into known from production_order o
  where o.reference = order_extend.reference for update;
  if not found then
    return query select 'unknown_order', null::text;
    return;
  end if;
  if exists (select from order_extension e where e.statement = order_extend.statement) then
    return query select 'existing', null::text;
    return;
  end if;
  if not exists (select from operator o
      where o.fingerprint = order_extend.operator_fingerprint and o.state = 'live') then
    return query select 'unknown_operator', null::text;
    return;
  end if;
  if known.state = 'closed' then
    return query select 'order_closed', null::text;
    return;
  end if;
  if order_extend.quantity < known.quantity
    or coalesce(order_extend.closes_at, 'infinity') < coalesce(known.closes_at, 'infinity') then
    return query select 'order_narrower', null::text;
    return;
  end if;
  begin
    update production_order o
    set quantity = order_extend.quantity, closes_at = order_extend.closes_at
    where o.id = known.id;
  exception when exclusion_violation then
    return query select 'order_overlaps', (
      select o.reference from production_order o
      where o.state <> 'closed' and o.id <> known.id and o.mac_range && int8range(
        mac_number(known.first_mac), mac_number(known.first_mac) + order_extend.quantity)
      order by o.id limit 1);
    return;
  end;
  insert into order_extension (statement, order_id, quantity, closes_at, signatures,
    operator_fingerprint)
  values (order_extend.statement, known.id, order_extend.quantity, order_extend.closes_at,
    order_extend.signatures, order_extend.operator_fingerprint);
  perform audit_write('order.extend', 'order', order_extend.reference, null,
    jsonb_build_object('quantity', known.quantity, 'closes_at', known.closes_at),
    jsonb_build_object('quantity', order_extend.quantity, 'closes_at', order_extend.closes_at,
      'statement_sha256', encode(sha256(order_extend.statement), 'hex'),
      'operator', encode(order_extend.operator_fingerprint, 'hex')),
    order_extend.actor_kind, order_extend.actor_id, order_extend.source_ip,
    order_extend.request_id);
  return query select 'extended', null::text;
end
$$;

create function rekey_grant_insert(mac macaddr, reason text, statement bytea, signatures bytea,
  operator_fingerprint bytea, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  if not exists (select from device d where d.mac = rekey_grant_insert.mac) then
    return query select 'unknown_device';
    return;
  end if;
  if not exists (select from operator o
      where o.fingerprint = rekey_grant_insert.operator_fingerprint and o.state = 'live') then
    return query select 'unknown_operator';
    return;
  end if;
  -- One that waits is enough, and the same statement never counts twice.
  insert into rekey_grant (mac, reason, statement, signatures, operator_fingerprint)
  values (rekey_grant_insert.mac, rekey_grant_insert.reason, rekey_grant_insert.statement,
    rekey_grant_insert.signatures, rekey_grant_insert.operator_fingerprint)
  on conflict do nothing;
  if not found then
    return query select 'existing';
    return;
  end if;
  perform audit_write('device.rekey_grant', 'device', rekey_grant_insert.mac::text, null, null,
    jsonb_build_object('reason', rekey_grant_insert.reason,
      'statement_sha256', encode(sha256(rekey_grant_insert.statement), 'hex'),
      'operator', encode(rekey_grant_insert.operator_fingerprint, 'hex')),
    rekey_grant_insert.actor_kind, rekey_grant_insert.actor_id, rekey_grant_insert.source_ip,
    rekey_grant_insert.request_id);
  return query select 'granted';
end
$$;

-- A phone by its MAC, by the serial of one of its certificates, or by both.
create function phone_get(of_mac macaddr, of_serial bytea)
returns table (mac macaddr, serial_number text, model text, order_reference text, serial bytea,
  status text, not_before timestamptz, revoked_at timestamptz, revoke_reason text,
  rekey_granted boolean)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  found_certificate certificate;
begin
  if $2 is not null then
    select c.* into found_certificate from certificate c
    where c.serial = $2 and ($1 is null or c.mac = $1);
  else
    select c.* into found_certificate from certificate c
    where c.mac = $1
    order by (c.status = 'live') desc, c.recorded_at desc
    limit 1;
  end if;
  return query
  select d.mac, d.serial_number, d.model, o.reference, found_certificate.serial,
    found_certificate.status, found_certificate.not_before, found_certificate.revoked_at,
    found_certificate.revoke_reason,
    exists (select from rekey_grant g where g.mac = d.mac and g.used_at is null)
  from device d
  left join production_order o on o.id = found_certificate.order_id
  where d.mac = found_certificate.mac;
end
$$;

create function operators_by_name(of_name text)
returns table (fingerprint bytea, name text, state text)
language sql stable security definer set search_path = firstring, pg_temp
as $$
  select o.fingerprint, o.name, o.state from operator o
  where o.name = $1 order by o.created_at limit 64
$$;

-- What is on record for (MAC, key) under an order. Internal: no daemon may call it.
-- One plan for all calls, of index lookups, however full the tables were when it was made: each
-- `lateral ... limit 1` is a lookup that no join order can turn round, and planning anew for each
-- array would cost more than running it.
create or replace function certificates_classify(order_id bigint, macs macaddr[], spki_sha256 bytea[])
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
      when c.spki_sha256 is distinct from i.spki then
        case when c.order_id = $1 and exists (select from rekey_grant g
            where g.mac = i.mac and g.used_at is null) then 'granted'
          else 'mac_has_other_key' end
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

create or replace function certificates_existing(order_reference text, macs macaddr[], spki_sha256 bytea[])
returns table (ordinal bigint, outcome text, certificate bytea, serial_number text,
  claim_code_epoch integer)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select c.ordinal, case c.outcome when 'granted' then 'none' else c.outcome end,
    case when c.outcome = 'existing' then c.certificate end,
    c.serial_number, c.claim_code_epoch
  from production_order o,
    certificates_classify(o.id, $2, $3) c
  where o.reference = $1
  order by c.ordinal;
end
$$;

-- Whether a certificate for a key made by the signer may take the place of the MAC's live one: that
-- one's key was made by the signer too, for the same station. Internal: no daemon may call it.
create function server_key_replaces(of_mac macaddr, order_id bigint, station_fingerprint bytea,
  not_before timestamptz) returns boolean
language sql stable set search_path = firstring, pg_temp
as $$
  select exists (
    select from certificate c
    join station was on was.fingerprint = c.station_fingerprint
    join station now on now.name = was.name and now.fingerprint = $3
    where c.mac = $1 and c.status = 'live' and c.order_id = $2 and c.server_key
      and c.not_before <= $4)
$$;

drop function certificates_store(text, bytea, macaddr[], text[], bytea[], bytea[], bytea[],
  bytea[], timestamptz[], bytea[], bigint[], text, text, inet, text);

create function certificates_store(order_reference text, station_fingerprint bytea,
  macs macaddr[], serial_numbers text[], spki_sha256 bytea[], serials bytea[],
  certificates bytea[], fingerprints bytea[], not_before timestamptz[],
  claim_code_hashes bytea[], claim_code_epochs bigint[],
  actor_kind text, actor_id text, source_ip inet, request_id text,
  server_key boolean default false)
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
  granted bigint := 0;
  repeated bigint := 0;
  replacing macaddr[];
  affected bigint;
  gone certificate;
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
          when j.may_store and (j.mac_turn > 1 or j.key_turn > 1) then 'wait'
          else j.verdict
        end as outcome, j.der, j.epoch
      from (
        select v.ordinal, v.verdict, v.may_store, v.der, v.epoch,
          row_number() over (partition by v.may_store, v.mac order by v.ordinal) as mac_turn,
          row_number() over (partition by v.may_store, v.spki order by v.ordinal) as key_turn
        from (select w.*, w.verdict in ('store', 'granted', 'repeat') as may_store from (
          select i.ordinal, i.mac, i.spki,
            case
              when c.outcome = 'existing' and c.fingerprint = i.fingerprint then 'stored'
              -- An operator's grant stands above the order's window and state.
              when c.outcome = 'granted'
                then case when refused = 'station_not_allowed' then refused else 'granted' end
              when c.outcome = 'mac_has_other_key' and certificates_store.server_key
                and refused is null
                and server_key_replaces(i.mac, target.id, $2, i.not_before) then 'repeat'
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
        ) w) v
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
      where i.outcome in ('store', 'granted', 'repeat')
      order by i.spki
      on conflict (spki_sha256) do nothing;

      select array_agg(i.mac order by i.mac) into replacing
      from unnest(outcomes, macs) i (outcome, mac)
      where i.outcome in ('granted', 'repeat');
      for gone in
        update certificate c
        set status = 'superseded', revoked_at = clock_timestamp(), revoke_reason = 'superseded'
        where c.mac = any (replacing) and c.status = 'live'
        returning c.*
      loop
        perform audit_write('certificate.supersede', 'certificate',
          encode(gone.fingerprint, 'hex'), null, jsonb_build_object('status', 'live'),
          jsonb_build_object('status', 'superseded', 'mac', gone.mac,
            'serial', encode(gone.serial, 'hex')),
          certificates_store.actor_kind, certificates_store.actor_id,
          certificates_store.source_ip, certificates_store.request_id);
      end loop;

      insert into certificate (fingerprint, mac, serial, spki_sha256, der, order_id,
        station_fingerprint, not_before, server_key)
      select i.fingerprint, i.mac, i.serial, i.spki, i.der, target.id,
        certificates_store.station_fingerprint, i.not_before, certificates_store.server_key
      from unnest(outcomes, fingerprints, macs, serials, $5, certificates, $9)
        i (outcome, fingerprint, mac, serial, spki, der, not_before)
      where i.outcome in ('store', 'granted', 'repeat')
      order by i.mac;

      -- A key that another transaction recorded meanwhile under another MAC.
      perform from unnest(outcomes, $5, macs) i (outcome, spki, mac)
      where i.outcome in ('store', 'granted', 'repeat')
        and i.mac <> (select k.mac from device_key k where k.spki_sha256 = i.spki);
      if found then
        raise unique_violation;
      end if;

      if 'granted' = any (outcomes) then
        update rekey_grant g
        set used_at = clock_timestamp(), used_by = i.fingerprint
        from unnest(outcomes, macs, fingerprints) i (outcome, mac, fingerprint)
        where i.outcome = 'granted' and g.mac = i.mac and g.used_at is null;
        get diagnostics affected = row_count;
        -- Somebody else has used one of them meanwhile.
        if affected < cardinality(array_positions(outcomes, 'granted')) then
          raise unique_violation;
        end if;
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
    where i.outcome in ('store', 'granted', 'repeat');
    granted := granted + cardinality(array_positions(outcomes, 'granted'));
    repeated := repeated + cardinality(array_positions(outcomes, 'repeat'));
    exit when array_position(outcomes, 'wait') is null;
  end loop;

  -- A MAC counts once, however many certificates it has had.
  if stored > granted + repeated then
    insert into production_order_count (order_id, shard, issued)
    values (target.id, pg_backend_pid() % 16, stored - granted - repeated)
    on conflict (order_id, shard) do update
    set issued = production_order_count.issued + excluded.issued;
  end if;
  perform order_tally_write(target.id, 'reworked', granted);
  perform order_tally_write(target.id, 'key_repeated', repeated);
  if stored > 0 then
    perform audit_write('certificates.store', 'order', order_reference, null, null,
      jsonb_build_object('stored', stored, 'replaced', granted + repeated,
        'fingerprints_sha256', encode(stored_digest, 'hex'),
        'station', encode(certificates_store.station_fingerprint, 'hex')),
      certificates_store.actor_kind, certificates_store.actor_id, certificates_store.source_ip,
      certificates_store.request_id);
  end if;
  return query
  select i.ordinal, case when i.outcome in ('store', 'granted', 'repeat') then 'stored'
      else i.outcome end, i.der,
    case when i.outcome in ('store', 'granted', 'repeat', 'stored', 'existing') then i.epoch end
  from unnest(outcomes, recorded, epochs) with ordinality i (outcome, der, epoch, ordinal)
  order by i.ordinal;
end
$$;

create or replace function certificate_revoke(of_serial bytea, of_mac macaddr, reason text, statement bytea,
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
  perform order_tally_write(known.order_id, case certificate_revoke.reason
    when 'cessationOfOperation' then 'scrapped' else 'revoked' end, 1);
  perform audit_write('certificate.revoke', 'certificate', encode(known.fingerprint, 'hex'), null,
    jsonb_build_object('status', 'live'),
    jsonb_build_object('status', 'revoked', 'reason', certificate_revoke.reason,
      'mac', known.mac, 'serial', encode(known.serial, 'hex')),
    certificate_revoke.actor_kind, certificate_revoke.actor_id, certificate_revoke.source_ip,
    certificate_revoke.request_id);
  return query select 'revoked', known.serial;
end
$$;
