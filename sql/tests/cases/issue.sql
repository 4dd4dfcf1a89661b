-- factory-ca's record: orders, batches, one key one phone, one live certificate per MAC.
begin;
select t.world();

-- Orders.
select t.equal('the same statement again', (select outcome from firstring.order_insert('O', 'M',
  'device-v1', array['p256'], '00:15:65:00:00:00', 1000, null, null, '{}', 'statement O', 'other',
  t.digest('operator'), 'test', 'test', null, null)), 'existing');
select t.equal('another statement', (select outcome from firstring.order_insert('O', 'M',
  'device-v1', array['p256'], '00:15:65:00:00:00', 999, null, null, '{}', 'statement P', 'other',
  t.digest('operator'), 'test', 'test', null, null)), 'differs');
select t.equal('overlap at the last MAC', (select outcome || ' ' || conflicting_reference
  from firstring.order_insert('P', 'M', 'device-v1', array['p256'], '00:15:65:00:03:e7', 5, null, null,
  '{}', 'statement P', 'sig', t.digest('operator'), 'test', 'test', null, null)), 'overlap O');
select t.equal('the next range', (select outcome from firstring.order_insert('P', 'M', 'device-v1',
  array['p256'], '00:15:65:00:03:e8', 5, now() - interval '1 hour', now() + interval '1 hour',
  array['line-2'], 'statement P', 'sig', t.digest('operator'), 'test', 'test', null, null)), 'created');
select t.equal('unknown operator', (select outcome from firstring.order_insert('Q', 'M', 'device-v1',
  array['p256'], '00:15:66:00:00:00', 5, null, null, '{}', 's', 's', t.digest('nobody'), 'test', 'test',
  null, null)), 'unknown_operator');
select t.equal('unknown model', (select outcome from firstring.order_insert('Q', 'X', 'device-v1',
  array['p256'], '00:15:66:00:00:00', 5, null, null, '{}', 's', 's', t.digest('operator'), 'test', 'test',
  null, null)), 'unknown_model');
select t.equal('a key type the model has not', (select outcome from firstring.order_insert('Q', 'M',
  'device-v1', array['p384'], '00:15:66:00:00:00', 5, null, null, '{}', 's', 's', t.digest('operator'),
  'test', 'test', null, null)), 'key_types');
select t.fails('a range past the last MAC', $$select firstring.order_insert('Q', 'M', 'device-v1',
  array['p256'], 'ff:ff:ff:ff:ff:f0', 17, null, null, '{}', 's', 's', t.digest('operator'), 'test', 'test',
  null, null)$$, '23514');

-- One call with every kind of row.
select t.phones(0, 10);
create temporary table batch (line int, mac macaddr, serial_number text, key text, certificate text);
insert into batch values
  (1, '00:15:65:00:00:00', 'SN0', 'key 0', 'another signature'),   -- on record: the winner's
  (2, '00:15:65:00:00:01', 'SN1', 'key 99', 'c'),                  -- another key
  (3, '00:15:65:00:00:50', 'SN80', 'key 2', 'd'),                  -- another phone's key
  (4, '00:15:66:00:00:00', 'SN', 'key 100', 'e'),                  -- outside
  (5, '00:15:65:00:00:20', 'SN32', 'key 32', 'f'),                 -- good
  (6, '00:15:65:00:00:20', 'SN32', 'key 33', 'g'),                 -- the same MAC, another key
  (7, '00:15:65:00:00:21', 'SN33', 'key 33', 'h'),                 -- good: line 6 got nothing
  (8, '00:15:65:00:00:20', 'SN32', 'key 32', 'i'),                 -- the same phone again
  (9, '00:15:65:00:00:22', 'SN/34', 'key 34', 'j'),                -- a serial number nobody can parse
  (10, '00:15:65:00:00:23', 'SN35', 'key 35', 'serial 3');         -- a serial on record
create function pg_temp.store(reference text, station text) returns text language sql as $$
  select string_agg(s.outcome || coalesce(':' || convert_from(s.certificate, 'UTF8'), ''), ' '
    order by s.ordinal)
  from (select array_agg(mac order by line) m, array_agg(serial_number order by line) n,
      array_agg(t.digest(key) order by line) k,
      array_agg(substring(t.digest(case when certificate like 'serial%' then certificate
        else 'serial of ' || certificate end) for 16) order by line) s,
      array_agg(convert_to(certificate, 'UTF8') order by line) d,
      array_agg(t.digest(certificate) order by line) f, array_agg(now() order by line) b,
      array_agg(t.digest('code') order by line) h, array_agg(0::bigint order by line) e
    from batch) a,
  firstring.certificates_store(reference, t.digest(station), m, n, k, s, d, f, b, h, e, 'station',
    station, '192.0.2.1', 'request') s
$$;
select t.equal('each row its own outcome', pg_temp.store('O', 'line-1'),
  'existing:der 0 mac_has_other_key key_reused out_of_range stored mac_has_other_key stored '
  'existing:f bad_serial_number serial_reused');
select t.equal('counted', (select issued::text from firstring.order_get('O')), '12');
select t.equal('audited', (select after ->> 'stored' from firstring.audit_log
  where request_id = 'request'), '2');
select t.equal('nothing of refused rows stays', (select count(*)::text from firstring.device
  where mac in ('00:15:65:00:00:50', '00:15:65:00:00:22', '00:15:65:00:00:23')), '0');
select t.equal('nor their keys', (select count(*)::text from firstring.device_key
  where spki_sha256 in (t.digest('key 99'), t.digest('key 100'), t.digest('key 35'))), '0');
select t.equal('the same call again', pg_temp.store('O', 'line-1'),
  'existing:der 0 mac_has_other_key key_reused out_of_range stored key_reused stored '
  'existing:f bad_serial_number serial_reused');
select t.equal('not counted twice', (select issued::text from firstring.order_get('O')), '12');
select t.equal('an unknown order', split_part(pg_temp.store('none', 'line-1'), ' ', 10),
  'unknown_order');
select t.equal('a station that the order does not name', split_part(pg_temp.store('P', 'line-1'), ' ', 4),
  'station_not_allowed');
select t.equal('another order''s phone', split_part(pg_temp.store('P', 'line-2'), ' ', 5),
  'mac_in_other_order');
select t.equal('an unknown station', split_part(pg_temp.store('O', 'line-9'), ' ', 5),
  'station_not_allowed');

-- Phones that nobody knows: looked at in one go, and each its own outcome all the same.
create temporary table kept as table batch;
truncate batch;
insert into batch values
  (1, '00:15:65:00:00:60', 'SN96', 'key n1', 'n1'),
  (2, '00:15:65:00:03:e8', 'SN', 'key n2', 'n2'),                  -- one past the order's last
  (3, '00:15:65:00:03:e7', 'SN999', 'key n3', 'n3'),               -- its last
  (4, '00:15:64:ff:ff:ff', 'SN', 'key n4', 'n4'),                  -- one before its first
  (5, '00:15:65:00:00:61', 'SN/97', 'key n5', 'n5');
select t.equal('news, each row', pg_temp.store('O', 'line-1'),
  'stored out_of_range stored out_of_range bad_serial_number');
select t.equal('news counted', (select issued::text from firstring.order_get('O')), '14');
truncate batch;
insert into batch values
  (1, '00:15:65:00:00:62', 'SN98', 'key n6', 'n6'),
  (2, '00:15:65:00:00:63', 'SN99', 'key n7', 'serial 3');          -- a serial on record
select t.equal('news with a serial on record', pg_temp.store('O', 'line-1'), 'stored serial_reused');
truncate batch;
insert into batch values
  (1, '00:15:65:00:00:64', 'SN100', 'key n8', 'n8'),
  (2, '00:15:65:00:00:64', 'SN100', 'key n9', 'n9'),               -- twins by MAC
  (3, '00:15:65:00:00:65', 'SN101', 'key n8', 'n10');              -- and by key
select t.equal('news with twins', pg_temp.store('O', 'line-1'), 'stored mac_has_other_key key_reused');
truncate batch;
insert into batch values
  (1, '00:15:65:00:00:66', 'SN102', 'key n11', 'n11'),
  (2, '00:15:65:00:00:67', 'SN103', 'key n12', 'n11');             -- one certificate for two phones
select t.fails('news with one certificate twice', $$select pg_temp.store('O', 'line-1')$$, '40001');
truncate batch;
insert into batch table kept;
select t.equal('all of them unknown', (select string_agg(outcome || ordinal, ' ') from
  firstring.certificates_existing('O', array['00:15:65:00:00:99', '00:15:65:00:00:98']::macaddr[],
  array[t.digest('key 1001'), t.digest('key 1002')])), 'none1 none2');
select t.equal('of an unknown order', (select count(*)::text from
  firstring.certificates_existing('none', array['00:15:65:00:00:99']::macaddr[],
  array[t.digest('key 1001')])), '0');

-- What the front asks first.
select t.equal('existing', (select string_agg(outcome, ' ') from firstring.certificates_existing('O',
  array['00:15:65:00:00:00', '00:15:65:00:00:00', '00:15:65:00:00:99', '00:15:65:00:00:98']::macaddr[],
  array[t.digest('key 0'), t.digest('key 1000'), t.digest('key 1001'), t.digest('key 3')])),
  'existing mac_has_other_key none key_reused');
select t.equal('by MAC', (select convert_from(certificate, 'UTF8') || ' ' || serial_number
  from firstring.device_get('O', '00:15:65:00:00:20')), 'f SN32');

-- Revoked is for ever: neither shown as existing, nor issued again under the same key or another.
select t.equal('revoke', (select outcome from firstring.certificate_revoke(null, '00:15:65:00:00:00',
  'keyCompromise', 's', 's', 'operator', 'Olga', null, null)), 'revoked');
select t.equal('revoke again', (select outcome from firstring.certificate_revoke(null,
  '00:15:65:00:00:00', 'keyCompromise', 's', 's', 'operator', 'Olga', null, null)), 'already_revoked');
select t.equal('revoked on record', split_part(pg_temp.store('O', 'line-1'), ' ', 1), 'revoked');
update batch set key = 'key new', certificate = 'new' where line = 1;
select t.equal('another key after revocation', split_part(pg_temp.store('O', 'line-1'), ' ', 1),
  'mac_has_other_key');
select t.equal('status', (select status || ' ' || reason from firstring.certificate_status(
  substring(t.digest('serial 0') for 16))), 'revoked keyCompromise');

-- The window, and closing.
truncate batch;
insert into batch values (1, '00:15:65:00:03:e8', 'A', 'key a', 'a');
update firstring.production_order set closes_at = now() - interval '1 minute' where reference = 'P';
select t.equal('past its window', pg_temp.store('P', 'line-2'), 'order_closed');
update firstring.production_order set closes_at = null where reference = 'P';
select t.equal('within', pg_temp.store('P', 'line-2'), 'stored');
select t.equal('close', (select outcome from firstring.order_close('P', 's', 's', t.digest('operator'),
  'operator', 'Olga', null, null)), 'closed');
select t.equal('close again', (select outcome from firstring.order_close('P', 's', 's',
  t.digest('operator'), 'operator', 'Olga', null, null)), 'already_closed');
insert into batch values (2, '00:15:65:00:03:e9', 'B', 'key b', 'b');
update batch set certificate = 'a again' where line = 1;
select t.equal('existing also after the order closed', pg_temp.store('P', 'line-2'),
  'existing:a order_closed');
select t.equal('a closed range may be opened again', (select outcome from firstring.order_insert('R', 'M',
  'device-v1', array['p256'], '00:15:65:00:03:e8', 5, null, null, '{}', 'statement R', 'sig',
  t.digest('operator'), 'test', 'test', null, null)), 'created');

-- The walls behind the functions.
select t.fails('two live certificates for a MAC', $$insert into firstring.certificate (fingerprint, mac)
  values (t.digest('second'), '00:15:65:00:00:01')$$, '23505');
select t.fails('a key for two phones', $$insert into firstring.device_key values
  (t.digest('key 1'), '00:15:65:00:00:02')$$, '23505');
select t.fails('overlapping orders', $$insert into firstring.production_order (reference, model,
  certificate_profile, key_types, first_mac, quantity, statement, signatures, operator_fingerprint)
  values ('Z', 'M', 'p', array['p256'], '00:15:65:00:00:05', 1, 's', 's', t.digest('operator'))$$, '23P01');

-- Stations and operators never come back.
select t.equal('revoke a station', (select outcome || count from firstring.station_revoke(null, 'line-1',
  'lost', 'operator', 'Olga', null, null)), 'revoked1');
select t.equal('again', (select outcome || count from firstring.station_revoke(null, 'line-1',
  'lost', 'operator', 'Olga', null, null)), 'already_revoked0');
select t.equal('nobody named', (select outcome || count from firstring.station_revoke(null, null,
  'lost', 'operator', 'Olga', null, null)), 'unknown_station0');
select t.equal('a revoked station added', (select outcome from firstring.station_upsert(
  t.digest('line-1'), 'line-1', 'der', now(), 'operator', 'Olga', null, null)), 'revoked');
select t.equal('revoke an operator', (select outcome from firstring.operator_revoke(t.digest('operator'),
  null, null, 'operator', 'Olga', null, null)), 'revoked');
select t.equal('a revoked operator added', (select outcome from firstring.operator_upsert(
  t.digest('operator'), 'Olga', 'operator', 'der', 'operator', 'Olga', null, null)), 'revoked');

-- Published objects move forward only.
create function pg_temp.publish(kind text, content text, number bigint) returns text language sql as
$$ select outcome from firstring.pki_object_put(kind, 0, content::bytea, number, now(), 'a', 'b', null, null) $$;
select t.equal('a CRL', pg_temp.publish('issuing_crl', 'one', 1), 'created');
select t.equal('again', pg_temp.publish('issuing_crl', 'one', 1), 'same');
select t.equal('newer', pg_temp.publish('issuing_crl', 'three', 3), 'updated');
select t.equal('older', pg_temp.publish('issuing_crl', 'two', 2), 'stale');
select t.equal('a certificate', pg_temp.publish('root_certificate', 'x', null), 'created');
