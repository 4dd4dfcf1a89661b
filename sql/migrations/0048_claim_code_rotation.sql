-- A label's claim code made anew: by an operator's command, for a label that strangers have seen, or
-- after a transfer, which makes the old code void and cannot make the next: that is the signer's.

drop function device_get(text, macaddr);
create function device_get(order_reference text, of_mac macaddr)
returns table (mac macaddr, serial_number text, model text, claim_code_epoch integer,
  has_claim_code boolean, certificate bytea, serial bytea, spki_sha256 bytea, status text,
  not_before timestamptz)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  return query
  select d.mac, d.serial_number, d.model, d.claim_code_epoch, d.claim_code_hash is not null, c.der,
    c.serial, c.spki_sha256, c.status, c.not_before
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

-- The next epoch and its code's hash, if the epoch is still the one that the caller has seen. With a
-- code on record the next is one higher; without one (a transfer moved it) it is the present.
create function claim_code_rotate(order_reference text, of_mac macaddr, known_epoch integer,
  next_epoch integer, hash bytea, actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known device;
begin
  select d.* into known from device d where d.mac = $2 for no key update;
  if not found or not exists (select from certificate c
      join production_order o on o.id = c.order_id
      where c.mac = $2 and c.status = 'live' and o.reference = $1) then
    return query select 'unknown_device';
    return;
  end if;
  if known.claim_code_epoch <> $3
      or $4 <> $3 + (known.claim_code_hash is not null)::integer then
    return query select 'epoch_moved';
    return;
  end if;
  update device d set claim_code_epoch = $4, claim_code_hash = $5 where d.mac = $2;
  perform audit_write('device.claim_code_rotate', 'device', $2::text, null,
    jsonb_build_object('claim_code_epoch', $3,
      'had_code', known.claim_code_hash is not null),
    jsonb_build_object('claim_code_epoch', $4, 'order', $1), $6, $7, $8, $9);
  return query select 'rotated';
end
$$;

-- As before, but for a phone without a code the epoch is -1: so an answer of the line shows none, and
-- not the void one of the first epoch.
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
    case when d.claim_code_hash is not null then d.claim_code_epoch
      when d.order_id is not null then -1 end
  from unnest($2, $3) with ordinality i (mac, spki, ordinal)
  left join lateral (
    select e.mac from device_key e where e.spki_sha256 = i.spki limit 1) k on true
  left join lateral (
    select e.serial_number, e.claim_code_hash, e.claim_code_epoch, e.order_id
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
