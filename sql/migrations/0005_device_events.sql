-- What phones did, by month.

create sequence device_event_seq;

create table device_event (
  at timestamptz not null,
  event_id uuid not null,
  mac macaddr not null,
  kind text not null check (kind ~ '^[a-z_]{1,32}$'),
  claim_id uuid,
  itsp_id uuid,
  source_ip inet,
  detail jsonb,
  xid xid8 not null default pg_current_xact_id(),
  seq bigint not null default nextval('device_event_seq'),
  primary key (at, event_id)
) partition by range (at);
alter sequence device_event_seq owned by device_event.seq;
comment on table device_event is
  'Contacts, deliveries, refusals. The key is made by the redirector, so that a replay from its '
  'spool is exactly-once. itsp_id: who held the phone at that time; null, nobody.';
comment on column device_event.xid is
  'Feeds page by (xid, seq): sequence order is not commit order, transaction order below the oldest '
  'one in flight is final.';
create index device_event_feed_idx on device_event (itsp_id, xid, seq) where itsp_id is not null;
create index device_event_mac_idx on device_event (mac, at);

-- Catches what no month was made for: a clock gone wrong, a job that did not run.
create table device_event_default partition of device_event default;

-- Makes the partitions of this month (UTC) and the next ones. Rows that wait in the default
-- partition move over. Called by sql/migrate and by whoever looks after the database.
create function device_event_partitions(months_ahead integer) returns integer
language plpgsql security definer set search_path = firstring, pg_temp set timezone = 'UTC'
as $$
declare
  month timestamptz := date_trunc('month', now());
  month_end timestamptz;
  partition text;
  made integer := 0;
begin
  for step in 0..least(greatest(months_ahead, 0), 120) loop
    month_end := month + interval '1 month';
    partition := 'device_event_' || to_char(month, 'YYYY_MM');
    if to_regclass('firstring.' || partition) is null then
      execute format('create table firstring.%I (like firstring.device_event including all)',
        partition);
      execute format('alter table firstring.%I enable row level security', partition);
      execute format('with late as (delete from firstring.device_event_default'
        ' where at >= %L and at < %L returning *) insert into firstring.%I select * from late',
        month, month_end, partition);
      execute format('alter table firstring.device_event attach partition firstring.%I'
        ' for values from (%L) to (%L)', partition, month, month_end);
      made := made + 1;
    end if;
    month := month_end;
  end loop;
  return made;
end
$$;
comment on function device_event_partitions(integer) is
  'Makes monthly partitions ahead; returns how many were missing.';

do $$ begin perform device_event_partitions(3); end $$;
