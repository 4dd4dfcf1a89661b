-- The tenant's feed from its end, for people who look at what happened last.

create function events_latest(before_xid bigint, before_seq bigint, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  before xid8 := coalesce($1, 9223372036854775807)::text::xid8;
  oldest_in_flight xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail
  from device_event e
  where e.itsp_id = tenant and (e.xid, e.seq) < (before, coalesce($2, 0))
    and e.xid < oldest_in_flight
  order by e.xid desc, e.seq desc
  limit $3;
end
$$;
