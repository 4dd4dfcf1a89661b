-- Batches of phones that nobody knows, which is what a line sends, are looked at in sets and not row
-- by row; what they are told, and what is on record afterwards, is as before.

create function number_mac(number bigint) returns macaddr
language sql immutable strict parallel safe
return lpad(to_hex(number), 12, '0')::macaddr;

-- What becomes of a row whose phone and key are on no record: store, or why not. Internal: no daemon
-- may call it. `refused`: what is wrong with the order or the station, for all rows.
create function certificate_verdict(refused text, first_mac macaddr, last_mac macaddr,
  opens_at timestamptz, closes_at timestamptz, mac macaddr, serial_number text,
  not_before timestamptz) returns text
language sql immutable parallel safe
return case
  when refused is not null then refused
  when mac < first_mac or mac > last_mac then 'out_of_range'
  when not_before < opens_at or not_before >= closes_at then 'order_closed'
  when not firstring.is_serial_number(serial_number) then 'bad_serial_number'
  else 'store'
end;

-- Whether none of these phones is on record and none of these keys, and each stands there once.
-- Internal: no daemon may call it. A certificate has its device on record.
create function certificates_are_news(macs macaddr[], spki_sha256 bytea[]) returns boolean
language plpgsql stable set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
begin
  return not exists (select from device d where d.mac = any ($1))
    and not exists (select from device_key k where k.spki_sha256 = any ($2))
    and cardinality($1) = (select count(distinct mac) from unnest($1) mac)
    and cardinality($2) = (select count(distinct spki) from unnest($2) spki);
end
$$;

create or replace function certificates_existing(order_reference text, macs macaddr[], spki_sha256 bytea[])
returns table (ordinal bigint, outcome text, certificate bytea, serial_number text,
  claim_code_epoch integer)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  if certificates_are_news($2, $3) then
    return query
    select n, 'none', null::bytea, null::text, null::integer
    from production_order o, generate_series(1, cardinality($2)::bigint) n
    where o.reference = $1;
    return;
  end if;
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

create or replace function certificates_store(order_reference text, station_fingerprint bytea,
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
  last_mac macaddr;
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
  recorded_keys bigint;
  recorded_certificates bigint;
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
  last_mac := number_mac(upper(target.mac_range) - 1);
  loop
    if attempts = 0 and certificates_are_news(macs, $5) then
      select array_agg(certificate_verdict(refused, target.first_mac, last_mac,
          target.opens_at, target.closes_at, i.mac, i.serial_number, i.not_before)
          order by i.ordinal),
        array_agg(i.epoch::integer order by i.ordinal)
      into outcomes, epochs
      from unnest(macs, serial_numbers, $9, claim_code_epochs) with ordinality
        i (mac, serial_number, not_before, epoch, ordinal);
    else
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
                when look_at_serials and exists (select from certificate e
                  where e.serial = i.serial or e.fingerprint = i.fingerprint) then 'serial_reused'
                else certificate_verdict(refused, target.first_mac, last_mac, target.opens_at,
                  target.closes_at, i.mac, i.serial_number, i.not_before)
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
    end if;

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
      get diagnostics recorded_keys = row_count;

      if outcomes && array['granted', 'repeat'] then
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
      end if;

      insert into certificate (fingerprint, mac, serial, spki_sha256, der, order_id,
        station_fingerprint, not_before, server_key)
      select i.fingerprint, i.mac, i.serial, i.spki, i.der, target.id,
        certificates_store.station_fingerprint, i.not_before, certificates_store.server_key
      from unnest(outcomes, fingerprints, macs, serials, $5, certificates, $9)
        i (outcome, fingerprint, mac, serial, spki, der, not_before)
      where i.outcome in ('store', 'granted', 'repeat')
      order by i.mac;
      get diagnostics recorded_certificates = row_count;

      -- A key that was on record, of this phone or recorded meanwhile under another MAC.
      if recorded_keys < recorded_certificates then
        perform from unnest(outcomes, $5, macs) i (outcome, spki, mac)
        where i.outcome in ('store', 'granted', 'repeat')
          and i.mac <> (select k.mac from device_key k where k.spki_sha256 = i.spki);
        if found then
          raise unique_violation;
        end if;
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
  if granted + repeated > 0 then
    perform order_tally_write(target.id, 'reworked', granted);
    perform order_tally_write(target.id, 'key_repeated', repeated);
  end if;
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
