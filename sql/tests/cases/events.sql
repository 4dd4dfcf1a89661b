-- A batch of events: each fact where it belongs, whatever stands beside it in the batch.
begin;
select t.world(), t.phones(0, 5), t.tenant('Alpha'), set_config('firstring.itsp', t.id('Alpha')::text, true);
select firstring.claim_put(t.id('claim ' || n), t.mac(x'001565000000'::bigint + n), 'CODE000000000', t.id('Alpha profile'),
  t.sealed('1'), 10, 'token', 'T', null, null) from generate_series(0, 2) n;
select firstring.claim_rotate(t.mac(x'001565000001'::bigint), null, t.id('claim 1'), t.sealed('2'), 'token', 'T', null, null);

create temporary table batch (at timestamptz, id uuid, mac macaddr, kind text, claim uuid, version bigint);
insert into batch
select clock_timestamp() + n * interval '1 ms', t.id('event ' || n), t.mac(x'001565000000'::bigint + phone), kind,
  case when phone < 3 then t.id('claim ' || phone) end, version
from (values
  -- Twice delivered, the same password.
  (1, 0, 'contacted', null), (2, 0, 'delivered', 1), (3, 0, 'contacted', null), (4, 0, 'delivered', 1),
  -- The old one, then the pending one.
  (5, 1, 'delivered', 1), (6, 1, 'contacted', null), (7, 1, 'delivered', 2),
  -- Refused, which is no contact.
  (8, 2, 'refused', null),
  -- Unclaimed.
  (9, 3, 'contacted', null), (10, 3, 'contacted', null)) v (n, phone, kind, version);
create function pg_temp.write() returns bigint language sql as $$
  select firstring.events_insert(array_agg(at order by at), array_agg(id order by at), array_agg(mac order by at),
    array_agg(kind order by at), array_agg(claim order by at), array_agg(version order by at),
    array_agg(null::text), array_agg(null::text)) from batch $$;
create function pg_temp.facts() returns text language sql as $$
  select string_agg(concat_ws(' ', right(c.mac::text, 2), c.password_version,
    (select b.id = t.id('event 4') from batch b where b.at = c.delivered_at),
    (select string_agg(n::text, ',') from generate_series(1, 10) n join batch b on b.id = t.id('event ' || n)
      where b.at in (c.contacted_at, c.delivered_at, c.password_delivered_at)),
    c.pending_version is null), '; ' order by c.mac)
  from firstring.claim c $$;

select t.equal('all are new', pg_temp.write()::text, '10');
select t.equal('facts', pg_temp.facts(), '00 1 t 4 t; 01 2 f 7 t; 02 1 t');
select t.equal('again: none is', pg_temp.write()::text, '0');
select t.equal('the same facts', pg_temp.facts(), '00 1 t 4 t; 01 2 f 7 t; 02 1 t');
select t.equal('the unclaimed phone came', (select string_agg(right(mac::text, 2) || ' ' ||
    (unclaimed_contact_at = (select at from batch where id = t.id('event 10')))::text, ';') from firstring.device
  where unclaimed_contact_at is not null), '03 true');

-- A phone that comes again and again writes no index of its claim.
create function pg_temp.cold_updates() returns text language sql as $$
  select (n_tup_upd - n_tup_hot_upd)::text from pg_stat_xact_user_tables
  where schemaname = 'firstring' and relname = 'claim' $$;
create temporary table before as select pg_temp.cold_updates() as cold;
update batch set at = at + interval '1 s', id = t.id('later ' || id);
select t.equal('it came', pg_temp.write()::text, '10');
select t.equal('claims written with their indexes', pg_temp.cold_updates(), (select cold from before));
rollback;
