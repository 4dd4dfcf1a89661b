-- How much of the primary a standby has: asked by the redirector before it believes one.

-- A primary where nobody commits leaves no trace in a standby's replay, so that its age could not be
-- told from one that is cut off. The redirector's workers leave one, once a second.
create table replay_beat (
  one boolean primary key default true constraint replay_beat_is_one_row check (one),
  at timestamptz not null
);
comment on table replay_beat is
  'one row: when a redirector last reached the primary; on a standby, up to when its replay has come';
insert into replay_beat (at) values (clock_timestamp());

-- Many workers ask; one a second writes. Nobody waits for a standby that is away, or for another's
-- row lock.
create function replay_beat_put() returns table (at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  perform set_config('synchronous_commit', 'off', true);
  update replay_beat b set at = clock_timestamp()
  where b.one = (
    select h.one from replay_beat h
    where h.at < clock_timestamp() - interval '900 milliseconds'
    for no key update skip locked);
  return query select b.at from replay_beat b;
end
$$;

create function replay_state() returns table (in_recovery boolean, age_ms bigint)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
begin
  if not pg_is_in_recovery() then
    return query select false, 0::bigint;
    return;
  end if;
  return query
  select true, greatest(0, extract(epoch from clock_timestamp() - b.at) * 1000)::bigint from replay_beat b;
end
$$;
