-- A delivery writes no index of its claim. An index that asks whether a column is null is written
-- each time the column changes, and with it all others of the table; one that asks a column which
-- changes but once is not.

alter table claim add column password_was_delivered boolean not null
  generated always as (password_delivered_at is not null) stored;
comment on column claim.password_was_delivered is
  'For claim_purge_idx: of each delivery only the first changes it.';

drop index claim_purge_idx;
create index claim_purge_idx on claim (profile_id)
  where state <> 'released' and sealed_password is not null and password_was_delivered;

create or replace function passwords_purge(rows bigint) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  one record;
  held claim;
  purged bigint := 0;
begin
  for one in
    select c.id, c.mac
    from provisioning_profile p
    join claim c on c.profile_id = p.id
    where p.purge_after_delivery and c.state <> 'released' and c.sealed_password is not null
      and c.password_was_delivered and claim_is_over(c, p)
    order by c.mac
    limit passwords_purge.rows
  loop
    perform from device d where d.mac = one.mac for no key update;
    select c.* into held
    from claim c
    join provisioning_profile p on p.id = c.profile_id
    where c.id = one.id and p.purge_after_delivery and claim_is_over(c, p)
    for no key update of c;
    continue when not found;
    update claim c set sealed_password = null, password_purged_at = clock_timestamp()
    where c.id = held.id;
    delete from claim_password_replaced r
    where r.claim_id = held.id and r.version <= held.password_version;
    insert into device_event (at, event_id, mac, kind, claim_id, itsp_id)
    values (clock_timestamp(), gen_random_uuid(), held.mac, 'purged', held.id, held.itsp_id);
    perform audit_write('claim.purge', 'claim', held.mac::text, held.itsp_id, null,
      jsonb_build_object('claim_id', held.id, 'password_version', held.password_version),
      'system', 'purge_after_delivery', null, null);
    purged := purged + 1;
  end loop;
  return purged;
end
$$;
