-- An ITSP has so many profiles, tokens, people and approved domains, and no more: far above what anybody
-- needs, so that one token cannot fill the tables. Held by the tables, for whoever writes to them.

-- All four, or none: daemons use them meanwhile (see grants.sql).
do $$
begin
  for attempt in 1..600 loop
    begin
      perform set_config('lock_timeout', '100ms', true);
      lock table api_token, itsp_domain, portal_user, provisioning_profile in share row exclusive mode;
      perform set_config('lock_timeout', '30s', true);
      return;
    exception when lock_not_available then
      perform pg_sleep(0.1 * random());
    end;
  end loop;
  raise exception 'a table is always in use: is a long transaction running? see pg_stat_activity'
    using errcode = 'lock_not_available';
end
$$;

-- The first argument is how many; the second what they are called. What is revoked, expired or deleted does
-- not count; the token that a rotated one becomes is let through, since that one goes.
create function limit_of_itsp() returns trigger
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  there bigint;
begin
  if new.itsp_id is null then
    return new;
  end if;
  -- So that two at once do not pass the bound together.
  perform from itsp i where i.id = new.itsp_id for no key update;
  case tg_table_name
    when 'provisioning_profile' then
      select count(*) into there from provisioning_profile p
      where p.itsp_id = new.itsp_id and p.deleted_at is null;
    when 'api_token' then
      select count(*) into there from api_token t
      where t.itsp_id = new.itsp_id and t.revoked_at is null
        and (t.expires_at is null or t.expires_at > clock_timestamp());
      if exists (
        select from api_token t
        where t.itsp_id = new.itsp_id and t.replaced_by is null
          and starts_with(t.name, left(new.name, 90) || ' (until ')) then
        return new;
      end if;
    when 'portal_user' then
      select count(*) into there from portal_user u where u.itsp_id = new.itsp_id;
    when 'itsp_domain' then
      select count(*) into there from itsp_domain d where d.itsp_id = new.itsp_id;
  end case;
  if there >= tg_argv[0]::bigint then
    raise exception 'An ITSP has % % at most: remove one first.', tg_argv[0], tg_argv[1]
      using errcode = 'P0409';
  end if;
  return new;
end
$$;
create trigger limit_of_itsp before insert on provisioning_profile
  for each row execute function limit_of_itsp('1000', 'profiles');
create trigger limit_of_itsp before insert on api_token
  for each row execute function limit_of_itsp('500', 'live tokens');
create trigger limit_of_itsp before insert on portal_user
  for each row execute function limit_of_itsp('1000', 'people');
create trigger limit_of_itsp before insert on itsp_domain
  for each row execute function limit_of_itsp('200', 'approved domains');
