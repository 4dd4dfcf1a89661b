-- A long transaction that writes no event holds no feed back.
--
-- Feeds show events of transactions older than the oldest in flight, since one that commits later
-- may still insert behind a cursor. An atomic claim job may last many seconds and writes no event:
-- it says so by an advisory lock that carries its transaction id, and feeds do not wait for it.
-- Where the lock is not seen yet, they wait: that is never wrong.

-- This transaction writes no event. Internal.
create function events_not_from_here() returns void
language sql volatile set search_path = firstring, pg_temp
as $$
  select pg_advisory_xact_lock(hashtext('firstring writes no event'), (
    pg_current_xact_id()::text::numeric % 4294967296 - 2147483648)::integer)
$$;

-- Events of transactions below this are all there. Internal.
create function events_settled_before() returns xid8
language plpgsql stable set search_path = firstring, pg_temp
as $$
declare
  now_ pg_snapshot := pg_current_snapshot();
begin
  if pg_snapshot_xmin(now_) = pg_snapshot_xmax(now_) then
    return pg_snapshot_xmax(now_);
  end if;
  return coalesce((
    select x.xid from pg_snapshot_xip(now_) x (xid)
    where not exists (
      select from pg_locks l
      where l.locktype = 'advisory' and l.granted and l.objsubid = 2
        and l.database = (select d.oid from pg_database d where d.datname = current_database())
        and l.classid = (hashtext('firstring writes no event')::bigint & 4294967295)::oid
        and l.objid = (((x.xid::text::numeric % 4294967296)::bigint - 2147483648)
          & 4294967295)::oid)
    order by x.xid::text::numeric
    limit 1), pg_snapshot_xmax(now_));
end
$$;

create or replace function events_list(after_xid bigint, after_seq bigint, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  after xid8 := greatest($1, 0)::text::xid8;
  oldest_in_flight xid8 := events_settled_before();
begin
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail
  from device_event e
  where e.itsp_id = tenant and (e.xid, e.seq) > (after, $2) and e.xid < oldest_in_flight
  order by e.xid, e.seq
  limit $3;
end
$$;

create or replace function events_latest(before_xid bigint, before_seq bigint, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  before xid8 := coalesce($1, 9223372036854775807)::text::xid8;
  oldest_in_flight xid8 := events_settled_before();
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

create or replace function webhooks_take(worker text, lease_s integer, "limit" bigint)
returns table (webhook_id uuid, itsp_id uuid, url text, secret_sealed bytea,
  old_secret_sealed bytea, is_test boolean, attempts integer, after_xid bigint, after_seq bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  oldest_in_flight xid8 := events_settled_before();
begin
  return query
  update webhook w
  set worker = $1, lease_until = clock_timestamp() + make_interval(secs => $2)
  where w.id in (
    select d.id from webhook d
    join itsp i on i.id = d.itsp_id
    where (d.lease_until is null or d.lease_until < clock_timestamp())
      and (d.test_requested_at is not null
        or d.state = 'live' and d.next_attempt_at <= clock_timestamp() and not i.suspended
          and exists (select from device_event e
            where e.itsp_id = d.itsp_id and (e.xid, e.seq) > (d.after_xid, d.after_seq)
              and e.xid < oldest_in_flight))
    order by d.next_attempt_at
    limit $3
    for update of d skip locked)
  returning w.id, w.itsp_id, w.url, w.secret_sealed,
    case when w.old_secret_until > clock_timestamp() then w.old_secret_sealed end,
    w.test_requested_at is not null, w.attempts, w.after_xid::text::bigint, w.after_seq;
end
$$;

create or replace function webhook_events(webhook_id uuid, worker text, "limit" bigint)
returns table (xid bigint, seq bigint, id uuid, at timestamptz, mac macaddr, kind text,
  source_ip inet, detail jsonb, wanted boolean)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  hook webhook;
  oldest_in_flight xid8 := events_settled_before();
begin
  select w.* into hook from webhook w where w.id = $1 and w.worker = $2;
  if not found then
    return;
  end if;
  return query
  select e.xid::text::bigint, e.seq, e.event_id, e.at, e.mac, e.kind, e.source_ip, e.detail,
    cardinality(hook.kinds) = 0 or e.kind = any (hook.kinds)
  from device_event e
  where e.itsp_id = hook.itsp_id and (e.xid, e.seq) > (hook.after_xid, hook.after_seq)
    and e.xid < oldest_in_flight
  order by e.xid, e.seq
  limit $3;
end
$$;
