-- Ship notices are to look at, by whom they were made for and by the manufacturer, who may take one back.

alter table device_event validate constraint device_event_kind_check;

create index shipment_itsp_idx on shipment (itsp_id, state, id);
create index shipment_state_idx on shipment (state, id);

-- The tenant's own, newest first. Of a cancelled one it is told no more than that it was. `= any` keeps the planner
-- from taking the tenant for a constant: else it may walk everybody's notices in the order of their numbers.
create function shipments_of_tenant(before_number bigint, "limit" bigint, of_state text)
returns table (number bigint, mac macaddr, model text, serial_number text, state text,
  shipped_at timestamptz, ended_at timestamptz)
language plpgsql stable security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
begin
  return query
  select s.id, s.mac, case when s.state <> 'cancelled' then d.model end,
    case when s.state <> 'cancelled' then d.serial_number end, s.state, s.created_at, s.ended_at
  from (
    select e.* from shipment e
    where e.itsp_id = any (array[tenant]) and e.state = $3
      and e.id < coalesce($1, 9223372036854775807)
    order by e.itsp_id desc, e.id desc
    limit $2) s
  cross join lateral (
    select e.model, e.serial_number from device e where e.mac = s.mac limit 1) d
  order by s.id desc;
end
$$;

create function shipments_of_all(before_number bigint, "limit" bigint, of_itsp uuid, of_state text)
returns table (number bigint, mac macaddr, model text, serial_number text, itsp_id uuid, itsp text,
  state text, shipped_at timestamptz, ended_at timestamptz)
language plpgsql stable security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  before bigint := coalesce($1, 9223372036854775807);
  numbers bigint[];
begin
  if $3 is null then
    numbers := array(select s.id from shipment s
      where s.state = any (array[$4]) and s.id < before order by s.state desc, s.id desc limit $2);
  else
    numbers := array(select s.id from shipment s
      where s.itsp_id = any (array[$3]) and s.state = $4 and s.id < before
      order by s.itsp_id desc, s.id desc limit $2);
  end if;
  return query
  select s.id, s.mac, d.model, d.serial_number, s.itsp_id, i.name, s.state, s.created_at, s.ended_at
  from shipment s
  cross join lateral (
    select e.model, e.serial_number from device e where e.mac = s.mac limit 1) d
  join itsp i on i.id = s.itsp_id
  where s.id = any (numbers)
  order by s.id desc;
end
$$;

-- Takes back a notice that was not claimed under. The ITSP is told; a code still opens the phone.
create function shipment_withdraw(of_mac macaddr, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  ended shipment;
begin
  perform from device d where d.mac = $1 for no key update;
  update shipment s set state = 'cancelled', ended_at = clock_timestamp()
  where s.mac = $1 and s.state = 'live'
  returning s.* into ended;
  if not found then
    return query select 'not_found';
    return;
  end if;
  perform audit_write('shipment.withdraw', 'device', $1::text, ended.itsp_id,
    jsonb_build_object('itsp_id', ended.itsp_id, 'shipped_at', ended.created_at), null,
    $2, $3, $4, $5);
  perform tenant_event(ended.itsp_id, $1, 'shipment_cancelled', null, '{"source": "manufacturer"}');
  return query select 'withdrawn';
end
$$;
