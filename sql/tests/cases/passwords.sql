-- Delivery and admin passwords: the one delivered is the one revealed (invariant 8), once is once.
begin;
select t.world(), t.phones(0, 5), t.tenant('Alpha'), set_config('firstring.itsp', t.id('Alpha')::text, true);
select firstring.claim_put(t.id('claim'), '00:15:65:00:00:00', 'CODE000000000', t.id('Alpha profile'), t.sealed('1'),
  10, 'token', 'T', null, null);
create function pg_temp.event(name text, kind text, version bigint default null, at timestamptz default clock_timestamp(),
  mac macaddr default '00:15:65:00:00:00', claim uuid default t.id('claim')) returns text language sql as $$
  select inserted::text from firstring.events_insert(array[at], array[t.id(name)], array[mac], array[kind], array[claim],
    array[version], array['192.0.2.7'], array['{"format":"yealink"}']) $$;
create function pg_temp.revealed() returns text language sql as $$
  select concat_ws(' ', outcome, case sealed_password when t.sealed('1') then '1' when t.sealed('2') then '2'
      when t.sealed('3') then '3' when t.sealed('4') then '4' end,
    case when password_delivered_at is null then 'undelivered' else 'delivered' end,
    'pending ' || case pending_sealed_password when t.sealed('2') then '2' when t.sealed('3') then '3'
      when t.sealed('4') then '4' end)
  from firstring.claim_reveal('00:15:65:00:00:00', 'token', 'T', null, null) $$;
create function pg_temp.rotate(word text) returns text language sql as $$
  select outcome from firstring.claim_rotate('00:15:65:00:00:00', null, t.id('claim'), t.sealed(word), 'token', 'T',
    null, null) $$;
create function pg_temp.lookup() returns table (password_version int, pending_version int, delivered boolean)
language sql as $$ select password_version, pending_version, delivered_at is not null
  from firstring.device_lookup(array[t.digest('certificate 0')]) $$;

select t.equal('before delivery', pg_temp.revealed(), 'revealed 1 undelivered');
select t.equal('delivered', pg_temp.event('d1', 'delivered', 1), '1');
select t.equal('exactly once', pg_temp.event('other', 'delivered', 1, (select at from firstring.device_event limit 1)),
  '1');
select t.equal('a replay', (select firstring.events_insert(array[at], array[event_id], array[mac], array[kind],
  array[claim_id], array[1::bigint], array[null], array[null])::text from firstring.device_event
  where event_id = t.id('d1')), '0');
select t.equal('after delivery', pg_temp.revealed(), 'revealed 1 delivered');
select t.equal('rotate', pg_temp.rotate('2'), 'rotated');
select t.equal('pending', pg_temp.revealed(), 'revealed 1 delivered pending 2');
select t.equal('the redirector sends the pending one', (select password_version || ' ' || pending_version
  from pg_temp.lookup()), '1 2');
-- The phone gets 2, and before that is reported somebody rotates again.
select pg_temp.rotate('3');
select t.equal('replaced before its delivery was reported', pg_temp.revealed(), 'revealed 1 delivered pending 3');
select pg_temp.event('d2', 'delivered', 2);
select t.equal('what the phone has is what is revealed', pg_temp.revealed(), 'revealed 2 delivered pending 3');
select pg_temp.event('d3', 'delivered', 3);
select t.equal('delivered in its turn', pg_temp.revealed(), 'revealed 3 delivered');
select pg_temp.event('d2 late', 'delivered', 2);
select t.equal('a late report does not go back', pg_temp.revealed(), 'revealed 3 delivered');
select t.equal('nothing kept in reserve', (select count(*)::text from firstring.claim_password_replaced), '0');
select t.equal('patch makes pending', (select outcome from firstring.claim_patch('00:15:65:00:00:00', null, null, null,
  t.id('claim'), t.sealed('4'), 'token', 'T', null, null)), 'updated');
select pg_temp.event('d4', 'delivered', 4);
select t.equal('delivered after a patch', pg_temp.revealed(), 'revealed 4 delivered');
select t.equal('each reveal is audited', (select count(*)::text from firstring.audit_log where action = 'claim.reveal'),
  '8');
select t.equal('no secret in the audit log', (select count(*)::text from firstring.audit_log a
  where to_jsonb(a)::text ~ encode(substring(t.sealed('1') from 3), 'hex')), '0');
update firstring.claim set sealed_password = null, password_purged_at = now();
select t.equal('reveal after a purge', pg_temp.revealed(), 'purged undelivered');

-- Contacts before a claim, and in another's time.
create function pg_temp.shown(mac macaddr) returns text language sql as $$
  select coalesce(to_char(contacted_at at time zone 'UTC', 'HH24:MI'), 'never') || ' ' || contacted_before_claim
  from firstring.claim_document c where c.mac = $1 $$;
select pg_temp.event('early', 'contacted', null, date_trunc('day', now()) - interval '14 hours', '00:15:65:00:00:01', null);
select pg_temp.event('refused', 'refused', null, date_trunc('day', now()) - interval '10 hours', '00:15:65:00:00:01', null);
select firstring.claim_put(t.id('claim 1'), '00:15:65:00:00:01', 'CODE000000000', t.id('Alpha profile'), t.sealed('1'),
  10, 'token', 'T', null, null);
set local timezone = 'UTC';
select t.equal('kept and shown', pg_temp.shown('00:15:65:00:00:01'),
  to_char(date_trunc('day', now()) - interval '14 hours', 'HH24:MI') || ' true');
select pg_temp.event('late report', 'contacted', null, date_trunc('day', now()) - interval '13 hours',
  '00:15:65:00:00:01', null);
select t.equal('reported late', pg_temp.shown('00:15:65:00:00:01'), '11:00 true');
select pg_temp.event('now', 'contacted', null, clock_timestamp(), '00:15:65:00:00:01', null);
select t.equal('in its time', pg_temp.shown('00:15:65:00:00:01'), to_char(clock_timestamp(), 'HH24:MI') || ' false');
select t.equal('by time, without a claim named', (select count(*)::text from firstring.device_event
  where event_id = t.id('now') and claim_id = t.id('claim 1') and itsp_id = t.id('Alpha')), '1');
select firstring.claim_release('00:15:65:00:00:01', null, 'token', 'T', null, null);
select t.equal('no password is kept after release', (select (sealed_password is null)::text from firstring.claim
  where id = t.id('claim 1')), 'true');
select firstring.claim_put(t.id('claim 2'), '00:15:65:00:00:01', 'CODE000000000', t.id('Alpha profile'), t.sealed('1'),
  10, 'token', 'T', null, null);
select t.equal('the next holder is not told of it', pg_temp.shown('00:15:65:00:00:01'), 'never false');

-- Who is found.
select t.equal('live, unclaimed', (select (claim_id is null)::text from firstring.device_lookup(
  array[t.digest('certificate 3')])), 'true');
select t.equal('in any order, with its number', (select string_agg(ordinal || mac::text, ' ' order by ordinal)
  from firstring.device_lookup(array[t.digest('nobody'), t.digest('certificate 3'), t.digest('certificate 2')])),
  '200:15:65:00:00:03 300:15:65:00:00:02');
select firstring.certificate_revoke(null, '00:15:65:00:00:03', 'superseded', 's', 's', 'operator', 'O', null, null);
select t.equal('dead', (select certificate_status || ' ' || (claim_id is null) from firstring.device_lookup(
  array[t.digest('certificate 3')])), 'superseded true');
