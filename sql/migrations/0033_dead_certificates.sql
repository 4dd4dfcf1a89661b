-- A certificate that dies is dead where it is looked up: whoever hears of the commit hears of it
-- after the synchronous standbys, if there are any, have applied it.

create function certificate_death_applied() returns trigger
language plpgsql set search_path = firstring, pg_temp
as $$
begin
  -- Until the end of this transaction; without synchronous standbys it means what "on" does.
  perform set_config('synchronous_commit', 'remote_apply', true);
  return null;
end
$$;

create trigger death_applied after update of status on certificate
for each row when (old.status = 'live' and new.status <> 'live')
execute function certificate_death_applied();
