-- A claim's ITSP is its profile's (claim_itsp_id_profile_id_fkey, neither column is ever null), and a
-- profile's ITSP exists (provisioning_profile_itsp_id_fkey): what a third foreign key of each claim
-- said again, at the price of a look-up for each claim that is made.

-- Both tables that a foreign key lies between, or none: daemons use them meanwhile (see grants.sql).
do $$
begin
  for attempt in 1..600 loop
    begin
      perform set_config('lock_timeout', '100ms', true);
      lock table itsp, claim in access exclusive mode;
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
alter table claim drop constraint claim_itsp_id_fkey;
