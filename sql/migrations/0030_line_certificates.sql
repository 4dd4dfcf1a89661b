-- Who may still work at the line and for how long: the front warns before a certificate ends.
create function line_certificates()
returns table (kind text, name text, certificate bytea)
language sql stable security definer set search_path = firstring, pg_temp
as $$
  select 'station', s.name, s.certificate from station s where s.state = 'live'
  union all
  select 'operator', o.name, o.certificate from operator o where o.state = 'live'
  limit 10000
$$;
