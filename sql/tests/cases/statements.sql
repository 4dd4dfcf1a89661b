-- Statements after an order was opened: extension, re-key grant, revocation; the yield of an order.
begin;
select t.world();
select t.phones(0, 3);

create function pg_temp.extend(reference text, quantity integer, closes timestamptz, statement text)
returns text language sql as $$
  select concat_ws(' ', outcome, conflicting_reference)
  from firstring.order_extend(reference, quantity, closes, statement::bytea, 'signatures',
    t.digest('operator'), 'operator', 'Olga', null, null)
$$;
select t.equal('no such order', pg_temp.extend('X', 1, null, 'x'), 'unknown_order');
select t.equal('fewer', pg_temp.extend('O', 999, null, 'e1'), 'order_narrower');
select t.equal('an end where there was none', pg_temp.extend('O', 1000, now() + interval '9 years', 'e2'),
  'order_narrower');
select t.equal('more', pg_temp.extend('O', 1001, null, 'e3'), 'extended');
select t.equal('the same again', pg_temp.extend('O', 1001, null, 'e3'), 'existing');
select t.equal('what the order is now', (select quantity::text from firstring.order_get('O')), '1001');
select t.equal('into a neighbour', (select outcome from firstring.order_insert('N', 'M', 'device-v1',
  array['p256'], '00:15:65:00:03:e9', 5, null, null, '{}', 'n', 's', t.digest('operator'), 'test', 'test',
  null, null)), 'created');
select t.equal('no further', pg_temp.extend('O', 1002, null, 'e4'), 'order_overlaps N');

-- Stations that an order may name.
select t.equal('who is no station, in the order asked', (select string_agg(name, ' ')
  from firstring.stations_unknown(array['line-y', 'line-1', 'line-x', 'LINE-1'])), 'line-y line-x LINE-1');
select t.equal('any', (select count(*)::text from firstring.stations_unknown('{}')), '0');
select firstring.station_revoke(null, 'line-2', 'test', 'test', 'test', null, null);
select t.equal('one that is revoked', (select string_agg(name, ' ')
  from firstring.stations_unknown(array['line-1', 'line-2'])), 'line-2');

create function pg_temp.grant(mac macaddr, statement text) returns text language sql as $$
  select outcome from firstring.rekey_grant_insert(mac, 'board replaced', statement::bytea, 's',
    t.digest('operator'), 'operator', 'Olga', null, null)
$$;
-- One row: phone n with a key and a certificate of that number; by station, for a key made by the signer.
create function pg_temp.store(n integer, key integer, station text default 'line-1',
  server_key boolean default false) returns text language sql as $$
  select outcome from firstring.certificates_store('O', t.digest(station),
    array[t.mac(firstring.mac_number('00:15:65:00:00:00') + n)], array['SN' || n],
    array[t.digest('key ' || key)], array[substring(t.digest('serial ' || key) for 16)],
    array[('der ' || key)::bytea], array[t.digest('certificate ' || key)], array[now()],
    array[t.digest('code')], array[0::bigint], 'station', station, null, null, server_key)
$$;
create function pg_temp.status(key integer) returns text language sql as $$
  select status || coalesce(' ' || revoke_reason, '') from firstring.certificate
  where fingerprint = t.digest('certificate ' || key)
$$;
select t.equal('another key', pg_temp.store(0, 100), 'mac_has_other_key');
select t.equal('a MAC nobody made', pg_temp.grant('00:15:65:00:00:aa', 'g0'), 'unknown_device');
select t.equal('a grant', pg_temp.grant('00:15:65:00:00:00', 'g1'), 'granted');
select t.equal('a second beside it', pg_temp.grant('00:15:65:00:00:00', 'g2'), 'existing');
select t.equal('the signer is asked then', (select outcome from firstring.certificates_existing('O',
  array['00:15:65:00:00:00'::macaddr], array[t.digest('key 100')])), 'none');
select t.equal('the key that was first is still there', (select outcome from firstring.certificates_existing('O',
  array['00:15:65:00:00:00'::macaddr], array[t.digest('key 0')])), 'existing');
select t.equal('another phone''s key all the same', pg_temp.store(0, 1), 'key_reused');
select outcome from firstring.order_close('O', 'close', 's', t.digest('operator'), 'test', 'test', null, null);
select t.equal('nobody died so far', current_setting('synchronous_commit'), 'on');
select t.equal('the granted key, in a closed order too', pg_temp.store(0, 100), 'stored');
select t.equal('whoever hears of it hears of a death that is applied', current_setting('synchronous_commit'),
  'remote_apply');
select t.equal('the old one', pg_temp.status(0), 'superseded superseded');
select t.equal('the new one', pg_temp.status(100), 'live');
select t.equal('repeated', pg_temp.store(0, 100), 'stored');
select t.equal('a third key', pg_temp.store(0, 101), 'mac_has_other_key');
select t.equal('the old key', pg_temp.store(0, 0), 'revoked');
select t.equal('the grant is used', (select count(*)::text from firstring.rekey_grant
  where used_by = t.digest('certificate 100')), '1');
select t.equal('a MAC counts once', (select issued::text from firstring.order_get('O')), '3');

select t.equal('revoked as scrap', (select outcome from firstring.certificate_revoke(
  substring(t.digest('serial 1') for 16), '00:15:65:00:00:01', 'cessationOfOperation', 's', 's', 'test', 'test',
  null, null)), 'revoked');
select t.equal('again', (select outcome from firstring.certificate_revoke(
  substring(t.digest('serial 1') for 16), '00:15:65:00:00:01', 'cessationOfOperation', 's', 's', 'test', 'test',
  null, null)), 'already_revoked');
select t.equal('of another phone', (select outcome from firstring.certificate_revoke(
  substring(t.digest('serial 2') for 16), '00:15:65:00:00:01', 'keyCompromise', 's', 's', 'test', 'test',
  null, null)), 'unknown_certificate');
select t.equal('a phone by its serial', (select mac || ' ' || status || ' ' || revoke_reason
  from firstring.phone_get(null, substring(t.digest('serial 1') for 16))),
  '00:15:65:00:00:01 revoked cessationOfOperation');

-- Keys made by the signer: again for the same station, in place of the one before.
select outcome from firstring.order_insert('S', 'M', 'device-v1', array['p256'], '00:15:70:00:00:00', 5, null, null,
  '{}', 'S', 's', t.digest('operator'), 'test', 'test', null, null);
create function pg_temp.made(key integer, station text, server_key boolean default true)
returns text language sql as $$
  select outcome from firstring.certificates_store('S', t.digest(station), array['00:15:70:00:00:00'::macaddr],
    array['SN'], array[t.digest('key ' || key)], array[substring(t.digest('serial ' || key) for 16)],
    array[('der ' || key)::bytea], array[t.digest('certificate ' || key)], array[now()],
    array[t.digest('code')], array[0::bigint], 'station', station, null, null, server_key)
$$;
select t.equal('the first', pg_temp.made(200, 'line-1'), 'stored');
select t.equal('again', pg_temp.made(201, 'line-1'), 'stored');
select t.equal('the one before', pg_temp.status(200), 'superseded superseded');
select t.equal('for another station', pg_temp.made(202, 'line-2'), 'mac_has_other_key');
select t.equal('a key of the phone''s own', pg_temp.made(203, 'line-1', false), 'mac_has_other_key');

select added from firstring.order_tally_add('O', array['existing', 'refused_bad_csr'], array[3, 2]);
select added from firstring.order_tally_add('O', array['existing'], array[1]);
select t.equal('the yield of O', (select string_agg(kind || '=' || count, ' ' order by kind)
  from firstring.order_report('O')), 'existing=4 issued=3 refused_bad_csr=2 reworked=1 scrapped=1');
select t.equal('the yield of S', (select string_agg(kind || '=' || count, ' ' order by kind)
  from firstring.order_report('S')), 'issued=1 key_repeated=1');
select t.equal('of no order', (select count(*)::text from firstring.order_report('none')), '0');
rollback;
