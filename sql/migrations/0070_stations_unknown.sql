-- An order that names a station that there is not blocks its range, and no station can use it.

create function stations_unknown(names text[]) returns table (name text)
language sql stable security definer set search_path = firstring, pg_temp
as $$
  select asked.name from unnest(stations_unknown.names) with ordinality asked (name, ordinal)
  where not exists (select from station s where s.name = asked.name and s.state = 'live')
  order by asked.ordinal
$$;
