-- Every state of a phone is in the feed of whom it concerns, once, and moves no fact of the phone's contacts.
begin;
select t.world(), t.phones(0, 10), t.tenant('Alpha'), t.tenant('Beta'), t.tenant('Gamma');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
create function pg_temp.feed(name text) returns text language sql as $$
  select string_agg(concat_ws(' ', right(mac::text, 2), kind, detail ->> 'source', host(source_ip)), ', ' order by seq)
  from firstring.device_event where itsp_id = t.id(name) and kind not like 'transfer%' $$;
create function pg_temp.emptied() returns void language sql as $$ delete from firstring.device_event $$;

-- Ship notices: to whom, and to whom no longer. The manufacturer's address is nobody's business.
select firstring.shipment_create(t.id('Alpha'), array['00:15:65:00:00:00', '00:15:65:00:00:01', '00:99:99:00:00:00',
  '00:15:65:00:00:00']::macaddr[], 'user', 'U', '192.0.2.1', null);
select firstring.shipment_create(t.id('Alpha'), array['00:15:65:00:00:00']::macaddr[], 'user', 'U', null, null);
select firstring.shipment_create(t.id('Beta'), array['00:15:65:00:00:01']::macaddr[], 'user', 'U', null, null);
select t.equal('shipped', pg_temp.feed('Alpha'),
  '00 shipped manufacturer, 01 shipped manufacturer, 01 shipment_cancelled manufacturer');
select t.equal('and to the other one', pg_temp.feed('Beta'), '01 shipped manufacturer');
select pg_temp.emptied();

-- One phone's life, one request at a time.
select pg_temp.act_as('Alpha');
select firstring.claim_put(t.id('claim'), '00:15:65:00:00:00', null, t.id('Alpha profile'), t.sealed('x'), 10, 'token', 'T',
  '192.0.2.2', null) from generate_series(1, 2);
select firstring.claim_patch('00:15:65:00:00:00', null, null, true, null, null, 'token', 'T', '192.0.2.3', null)
from generate_series(1, 2);
select firstring.claim_patch('00:15:65:00:00:00', null, null, false, null, null, 'token', 'T', '192.0.2.4', null);
select firstring.claim_rotate('00:15:65:00:00:00', null, t.id('claim'), t.sealed('y'), 'token', 'T', null, null);
select firstring.claim_release('00:15:65:00:00:00', null, 'token', 'T', '192.0.2.5', null) from generate_series(1, 2);
select t.equal('one phone', pg_temp.feed('Alpha'), '00 claimed shipment 192.0.2.2, 00 suspended holder 192.0.2.3, '
  '00 resumed holder 192.0.2.4, 00 released holder 192.0.2.5');
select t.equal('each with its claim', (select count(*)::text from firstring.device_event where claim_id = t.id('claim')), '4');
select t.equal('none is a contact', (select count(*)::text from firstring.claim where num_nonnulls(contacted_at,
  contacted_before_at, delivered_at) > 0), '0');
select t.equal('nor of the phone', (select count(*)::text from firstring.device where num_nonnulls(contacted_at,
  unclaimed_contact_at) > 0), '0');
select t.equal('the timeline tells each once', (select string_agg(kind, ' ' order by at, kind) from
  firstring.claim_timeline('00:15:65:00:00:00')), 'manufactured shipped claimed released');
select pg_temp.emptied();

-- Many at once: what was claimed, of what was asked.
select firstring.claims_take(array[t.id('c2'), t.id('c3'), t.id('c4')], array['00:15:65:00:00:02', '00:15:65:00:00:03',
  '00:15:65:00:00:04']::macaddr[], array['CODE000000000', 'CODE000000009', 'CODE000000000'],
  array_fill(t.id('Alpha profile'), array[3]), array_fill(t.sealed('x'), array[3]), 10, 'token', 'T', '192.0.2.6', null);
select t.equal('in a set', pg_temp.feed('Alpha'), '02 claimed code 192.0.2.6, 04 claimed code 192.0.2.6');
select t.equal('at the time of the claim', (select count(*)::text from firstring.device_event e join firstring.claim c
  on c.id = e.claim_id and e.at between c.claimed_at and c.claimed_at + interval '1 s'), '2');
select pg_temp.emptied();
select firstring.claims_release(array['00:15:65:00:00:02', '00:15:65:00:00:09']::macaddr[], 'token', 'T', '192.0.2.7', null);
select t.equal('back in a set', pg_temp.feed('Alpha'), '02 released holder 192.0.2.7');

-- A notice that waits while its holder gives the phone back.
select firstring.shipment_create(t.id('Alpha'), array['00:15:65:00:00:04']::macaddr[], 'user', 'U', null, null);
select pg_temp.emptied();
select firstring.claim_release('00:15:65:00:00:04', null, 'token', 'T', '192.0.2.8', null);
select t.equal('with the notice', pg_temp.feed('Alpha'), '04 shipment_cancelled holder 192.0.2.8, 04 released holder 192.0.2.8');

-- A transfer: each side is told its own, neither the other's address.
select firstring.claim_put(t.id('c5'), '00:15:65:00:00:05', 'CODE000000000', t.id('Alpha profile'), t.sealed('x'), 10, 'token',
  'T', null, null);
select firstring.shipment_create(t.id('Gamma'), array['00:15:65:00:00:05']::macaddr[], 'user', 'U', null, null);
select pg_temp.act_as('Beta');
select firstring.transfer_request(t.id('transfer'), t.id('c6'), '00:15:65:00:00:05', 'CODE000000000', t.id('Beta profile'),
  t.sealed('y'), 3600, 10, 'token', 'T', '192.0.2.9', null);
select pg_temp.emptied(), pg_temp.act_as('Alpha');
select firstring.transfer_answer(t.id('transfer'), true, null, 'token', 'T', '192.0.2.10', null);
select t.equal('from', pg_temp.feed('Alpha'), '05 released transfer');
select t.equal('to', pg_temp.feed('Beta'), '05 claimed transfer');
select t.equal('a notice that is void now', pg_temp.feed('Gamma'), '05 shipment_cancelled transfer');
rollback;
