-- Contested transfers: who may ask, what counts as a reset, the owner's word, silence, and the end.
begin;
select t.world(), t.phones(0, 20), t.tenant('Alpha'), t.tenant('Beta'), t.tenant('Gamma');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
create function pg_temp.claim(name text, mac macaddr, code text) returns text language sql as
$$ select pg_temp.act_as(name); select outcome from firstring.claim_put(gen_random_uuid(), mac, code,
  t.id(name || ' profile'), t.sealed('first'), 10, 'token', 'T', '192.0.2.1', 'request') $$;
create function pg_temp.ask(name text, mac macaddr, code text) returns text language sql as
$$ select pg_temp.act_as(name); select outcome from firstring.transfer_request(t.id('transfer of ' || mac), t.id('new ' || mac),
  mac, code, t.id(name || ' profile'), t.sealed('second'), 3600, 10, 'token', 'T', '192.0.2.1', 'request') $$;
create function pg_temp.answer(name text, mac macaddr, consents boolean) returns text language sql as
$$ select pg_temp.act_as(name); select outcome from firstring.transfer_answer(t.id('transfer of ' || mac), consents,
  case when not consents then 'it is ours' end, 'token', 'T', null, 'request') $$;
create function pg_temp.happens(mac macaddr, kind text, at timestamptz default clock_timestamp()) returns void language sql as
$$ select inserted from firstring.events_insert(array[at], array[gen_random_uuid()], array[mac], array[kind],
  array[null::uuid], array[null::bigint], array['192.0.2.9'], array['{}']) $$;
create function pg_temp.state(mac macaddr) returns text language sql as
$$ select state || coalesce(' ' || ended_because, '') from firstring.transfer where id = t.id('transfer of ' || $1) $$;
create function pg_temp.holder(mac macaddr) returns text language sql as
$$ select i.name || ' ' || c.proof from firstring.claim c join firstring.itsp i on i.id = c.itsp_id
where c.mac = holder.mac and c.state <> 'released' $$;
create function pg_temp.told(name text) returns text language sql as
$$ select string_agg(kind || ' ' || (detail ->> 'role'), ', ' order by seq) from firstring.device_event
where itsp_id = t.id(name) and kind like 'transfer%' $$;
-- Time: moves what a transfer remembers into the past.
create function pg_temp.pass(mac macaddr, by interval) returns void language sql as
$$ update firstring.transfer set requested_at = requested_at - by, due_at = due_at - by,
  delivered_before_at = delivered_before_at - by where id = t.id('transfer of ' || $1) $$;
create function pg_temp.advance() returns text language sql as
$$ select string_agg(step, ' ') from firstring.transfers_advance(1209600, 100) $$;

-- Who may ask.
select pg_temp.claim('Alpha', '00:15:65:00:00:00', 'CODE000000000');
select t.equal('nobody holds it', pg_temp.ask('Beta', '00:15:65:00:00:01', 'CODE000000000'), 'not_claimed');
select t.equal('one''s own', pg_temp.ask('Alpha', '00:15:65:00:00:00', 'CODE000000000'), 'own_claim');
select t.equal('a wrong code', pg_temp.ask('Beta', '00:15:65:00:00:00', 'CODE000000001'), 'possession_not_proven');
select t.equal('an unknown phone', pg_temp.ask('Beta', '00:99:99:00:00:00', 'CODE000000000'), 'possession_not_proven');
select t.equal('no code', pg_temp.ask('Beta', '00:15:65:00:00:00', null), 'possession_not_proven');
select t.equal('both are counted', (select sum(failures) from firstring.claim_failure where itsp_id = t.id('Beta'))::text, '2');

-- A first delivery is no reset, a contact before the request neither.
select pg_temp.happens('00:15:65:00:00:00', 'delivered');
select t.equal('asked', pg_temp.ask('Beta', '00:15:65:00:00:00', 'CODE000000000'), 'requested');
select t.equal('asked twice', pg_temp.ask('Beta', '00:15:65:00:00:00', 'CODE000000000'), 'existing');
select t.equal('one at a time', pg_temp.ask('Gamma', '00:15:65:00:00:00', 'CODE000000000'), 'transfer_open');
select t.equal('the owner is told', pg_temp.told('Alpha'), 'transfer_requested owner');
select t.equal('not who', (select string_agg(v::text, '') from firstring.transfers_of_tenant(null, null, 10, null) v
  where v::text like '%' || t.id('Alpha') || '%' or v::text like '%' || t.id('Gamma') || '%'), null);
select t.equal('the owner is served', pg_temp.holder('00:15:65:00:00:00'), 'Alpha code');
select t.equal('nothing yet', pg_temp.advance(), null);
select pg_temp.act_as('Gamma');
select t.equal('strangers see none', (select count(*) from firstring.transfers_of_tenant(null, null, 10, null))::text, '0');
select t.equal('nor answer', pg_temp.answer('Gamma', '00:15:65:00:00:00', true), 'not_found');
select t.equal('the requester does not consent for the owner', pg_temp.answer('Beta', '00:15:65:00:00:00', true), 'not_the_owner');

-- The reset, then silence.
select pg_temp.happens('00:15:65:00:00:00', 'contacted');
select t.equal('reset seen', pg_temp.advance(), 'seen_reset');
select pg_temp.pass('00:15:65:00:00:00', '13 days 23 hours');
select t.equal('not before 14 days', pg_temp.advance(), null);
select t.equal('served until then', pg_temp.holder('00:15:65:00:00:00'), 'Alpha code');
select pg_temp.pass('00:15:65:00:00:00', '1 hour 1 minute');
select t.equal('silence', pg_temp.advance(), 'done');
select t.equal('gone over', pg_temp.holder('00:15:65:00:00:00'), 'Beta transfer');
select t.equal('both are told', pg_temp.told('Alpha'), 'transfer_requested owner, transfer_seen_reset owner, transfer_done owner');
select t.equal('both are told, requester', pg_temp.told('Beta'),
  'transfer_requested requester, transfer_seen_reset requester, transfer_done requester');
select t.equal('the epoch moved on', (select claim_code_epoch || coalesce(claim_code_hash::text, ' none')
  from firstring.device where mac = '00:15:65:00:00:00'), '1 none');
select t.equal('the old code opens nothing', pg_temp.ask('Alpha', '00:15:65:00:00:00', 'CODE000000000'), 'possession_not_proven');
select t.equal('no password is kept', (select count(*) from firstring.transfer where sealed_password is not null)::text, '0');
select t.equal('every step is audited', (select string_agg(action, ' ' order by id) from firstring.audit_log
  where action like '%transfer%'),
  'transfer.request transfer.seen_reset claim.transfer_out claim.transfer_in transfer.done');
select t.equal('without secrets', (select count(*) from firstring.audit_log
  where before::text || after::text like '%sealed%')::text, '0');
select t.equal('nothing again', pg_temp.advance(), null);

-- A phone that was not delivered to yet: its first delivery is no reset, what follows at once neither.
select pg_temp.claim('Alpha', '00:15:65:00:00:02', 'CODE000000000'), pg_temp.ask('Beta', '00:15:65:00:00:02', 'CODE000000000');
select pg_temp.pass('00:15:65:00:00:02', '50 minutes');
update firstring.claim set claimed_at = claimed_at - interval '1 hour' where mac = '00:15:65:00:00:02';
select pg_temp.happens('00:15:65:00:00:02', 'delivered', clock_timestamp() - interval '40 minutes'),
  pg_temp.happens('00:15:65:00:00:02', 'delivered', clock_timestamp() - interval '39 minutes');
select t.equal('a first boot is no reset', pg_temp.advance(), null);
select pg_temp.happens('00:15:65:00:00:02', 'delivered');
select t.equal('the next is', pg_temp.advance(), 'seen_reset');

-- A new code for the label, of the epoch that the transfer left without one; then one more.
create function pg_temp.rotate(order_reference text, mac macaddr, known integer, next integer, code text) returns text language sql as
$$ select outcome from firstring.claim_code_rotate(order_reference, mac, known, next, t.code_hash(mac, code, next), 'operator',
  'Olga', '192.0.2.1', 'request') $$;
create function pg_temp.code(mac macaddr) returns text language sql as
$$ select claim_code_epoch || ' ' || has_claim_code from firstring.device_get('O', mac) $$;
select t.equal('shown as having none', pg_temp.code('00:15:65:00:00:00'), '1 false');
select t.equal('the line is told', (select string_agg(outcome || ' ' || claim_code_epoch, ', ') from firstring.certificates_existing('O',
  array['00:15:65:00:00:00', '00:15:65:00:00:01']::macaddr[], array[t.digest('key 0'), t.digest('key 1')])), 'existing -1, existing 0');
select t.equal('not past the present epoch', pg_temp.rotate('O', '00:15:65:00:00:00', 1, 2, 'CODE000000002'), 'epoch_moved');
select t.equal('not the epoch before', pg_temp.rotate('O', '00:15:65:00:00:00', 0, 1, 'CODE000000001'), 'epoch_moved');
select t.equal('another order', pg_temp.rotate('P', '00:15:65:00:00:00', 1, 1, 'CODE000000001'), 'unknown_device');
select t.equal('an unknown phone', pg_temp.rotate('O', '00:15:65:00:00:99', 0, 1, 'CODE000000001'), 'unknown_device');
select t.equal('nothing changed', pg_temp.code('00:15:65:00:00:00'), '1 false');
select t.equal('rotated', pg_temp.rotate('O', '00:15:65:00:00:00', 1, 1, 'CODE000000001'), 'rotated');
select t.equal('once', pg_temp.rotate('O', '00:15:65:00:00:00', 1, 1, 'CODE000000001'), 'epoch_moved');
select t.equal('it has one', pg_temp.code('00:15:65:00:00:00'), '1 true');
select t.equal('of this epoch it proves', firstring.claim_proof(t.id('Alpha'), '00:15:65:00:00:00', 'CODE000000001'), 'code');
select t.equal('a label that strangers have seen', pg_temp.rotate('O', '00:15:65:00:00:00', 1, 2, 'CODE000000002'), 'rotated');
select t.equal('no step twice', pg_temp.rotate('O', '00:15:65:00:00:00', 2, 4, 'CODE000000002'), 'epoch_moved');
select t.equal('the one before is void', pg_temp.ask('Alpha', '00:15:65:00:00:00', 'CODE000000001'), 'possession_not_proven');
select t.equal('the new one proves', firstring.claim_proof(t.id('Alpha'), '00:15:65:00:00:00', 'CODE000000002'), 'code');
select t.equal('a claim that stands, stays', pg_temp.holder('00:15:65:00:00:00'), 'Beta transfer');
select t.equal('audited', (select string_agg(actor_id || ' ' || object_id || ' ' || (before ->> 'claim_code_epoch') || '-'
    || (after ->> 'claim_code_epoch') || ' ' || (before ->> 'had_code'), ', ' order by id) from firstring.audit_log
  where action = 'device.claim_code_rotate'), 'Olga 00:15:65:00:00:00 1-1 false, Olga 00:15:65:00:00:00 1-2 true');

-- An objection: the manufacturer decides.
select t.equal('objects', pg_temp.answer('Alpha', '00:15:65:00:00:02', false), 'answered');
select t.equal('objects twice', pg_temp.answer('Alpha', '00:15:65:00:00:02', false), 'same');
select t.equal('silence counts no more', (select due_at from firstring.transfer where mac = '00:15:65:00:00:02')::text, null);
select t.equal('nothing of itself', pg_temp.advance(), null);
select t.equal('the manufacturer refuses', (select outcome from firstring.transfer_decide(t.id('transfer of 00:15:65:00:00:02'),
  false, 'the invoice says Alpha', 'token', 'T', null, 'request')), 'decided');
select t.equal('refused', pg_temp.state('00:15:65:00:00:02'), 'refused manufacturer');
select t.equal('Alpha keeps it', pg_temp.holder('00:15:65:00:00:02'), 'Alpha code');
select t.equal('decided is decided', (select outcome from firstring.transfer_decide(t.id('transfer of 00:15:65:00:00:02'),
  true, null, 'token', 'T', null, 'request')), 'transfer_decided');

-- Or grants it.
select pg_temp.claim('Alpha', '00:15:65:00:00:03', 'CODE000000000'), pg_temp.ask('Beta', '00:15:65:00:00:03', 'CODE000000000'),
  pg_temp.answer('Alpha', '00:15:65:00:00:03', false);
select t.equal('the manufacturer grants', (select outcome from firstring.transfer_decide(t.id('transfer of 00:15:65:00:00:03'),
  true, null, 'token', 'T', null, 'request')), 'decided');
select t.equal('granted', pg_temp.holder('00:15:65:00:00:03'), 'Beta transfer');

-- Consent needs no reset. A changed mind after an objection counts.
select pg_temp.claim('Alpha', '00:15:65:00:00:04', 'CODE000000000'), pg_temp.ask('Beta', '00:15:65:00:00:04', 'CODE000000000'),
  pg_temp.answer('Alpha', '00:15:65:00:00:04', false);
select t.equal('consents', pg_temp.answer('Alpha', '00:15:65:00:00:04', true), 'answered');
select t.equal('gone over at once', pg_temp.holder('00:15:65:00:00:04'), 'Beta transfer');
select t.equal('consents again', pg_temp.answer('Alpha', '00:15:65:00:00:04', true), 'same');

-- The owner releases: it goes over; unless another one was faster.
select pg_temp.claim('Alpha', m, 'CODE000000000'), pg_temp.ask('Beta', m, 'CODE000000000'), pg_temp.act_as('Alpha'),
  (select outcome from firstring.claim_release(m, null, 'token', 'T', null, 'request'))
from unnest(array['00:15:65:00:00:05', '00:15:65:00:00:06']::macaddr[]) m;
select t.equal('a faster one', pg_temp.claim('Gamma', '00:15:65:00:00:06', 'CODE000000000'), 'created');
select t.equal('released', pg_temp.advance(), 'done overtaken');
select t.equal('released to the one that asked', pg_temp.holder('00:15:65:00:00:05'), 'Beta transfer');
select t.equal('overtaken', pg_temp.holder('00:15:65:00:00:06') || ' ' || pg_temp.state('00:15:65:00:00:06'),
  'Gamma code withdrawn overtaken');

-- No reset within the wait; withdrawn; the profile is held meanwhile.
select pg_temp.claim('Alpha', '00:15:65:00:00:07', 'CODE000000000'), pg_temp.ask('Gamma', '00:15:65:00:00:07', 'CODE000000000');
select pg_temp.claim('Alpha', '00:15:65:00:00:08', 'CODE000000000'), pg_temp.ask('Gamma', '00:15:65:00:00:08', 'CODE000000000');
select pg_temp.act_as('Alpha');
select t.equal('the owner does not withdraw', (select outcome from firstring.transfer_withdraw(
  t.id('transfer of 00:15:65:00:00:08'), 'token', 'T', null, 'r')), 'not_the_requester');
select pg_temp.act_as('Gamma');
select firstring.claim_release('00:15:65:00:00:06', null, 'token', 'T', null, 'request');
select t.equal('the profile is in use', (select outcome from firstring.profile_delete(t.id('Gamma profile'), null, 'token',
  'T', null, 'r')), 'in_use');
select t.equal('by these', (select string_agg(concat_ws(' ', kind, total, cardinality(first)), ', ')
  from firstring.profile_dependents(t.id('Gamma profile'))), 'transfer 2 2');
select pg_temp.act_as('Alpha');
select t.equal('which is told to nobody else', (select count(*)::text from firstring.profile_dependents(t.id('Gamma profile'))), '0');
select pg_temp.act_as('Gamma');
select t.equal('withdraws', (select outcome from firstring.transfer_withdraw(t.id('transfer of 00:15:65:00:00:08'), 'token', 'T',
  null, 'r')), 'withdrawn');
select t.equal('withdraws twice', (select outcome from firstring.transfer_withdraw(t.id('transfer of 00:15:65:00:00:08'),
  'token', 'T', null, 'r')), 'same');
select pg_temp.pass('00:15:65:00:00:07', '2 hours');
select t.equal('no reset came', pg_temp.advance(), 'expired');
select t.equal('it may be asked again', pg_temp.state('00:15:65:00:00:07'), 'expired no_reset');

-- The history of a phone across its owners: all of it for the manufacturer, one's own for a tenant.
select t.equal('history', (select string_agg(kind || coalesce(' ' || itsp, ''), ', ')
  from firstring.device_history('00:15:65:00:00:00') where kind not in ('contacted', 'transfer_requested')),
  'manufactured, certificate_recorded, claimed Alpha, delivered Alpha, released Alpha, claimed Beta, transfer_done Beta');
select pg_temp.act_as('Beta');
select t.equal('timeline', (select string_agg(kind || ' ' || source, ', ') from firstring.claim_timeline('00:15:65:00:00:00')
  where kind <> 'transfer_requested'), 'manufactured factory, claimed transfer, transfer_done silence');
select pg_temp.act_as('Gamma');
select t.equal('nothing for strangers', (select count(*) from firstring.claim_timeline('00:15:65:00:00:00'))::text, '0');
rollback;
