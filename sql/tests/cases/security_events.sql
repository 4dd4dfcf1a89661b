-- Who sees which security event: what one caused, and what was seen of a phone while one held it.
begin;
select t.world(), t.phones(0, 10), t.tenant('Alpha'), t.tenant('Beta');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
create function pg_temp.seen(name text, kind text default null, mac macaddr default null, before_id bigint default null, most bigint default 9)
returns text language sql as
$$ select pg_temp.act_as(name);
  select coalesce(string_agg(e.kind || ' ' || coalesce(e.detail ->> 'n', '-'), ', ' order by e.id desc), '')
  from firstring.security_events_of_tenant(before_id, most, kind, mac) e $$;
create function pg_temp.happens(number int, kind text, mac macaddr, at timestamptz default clock_timestamp(), fingerprint bytea default null)
returns void language sql as
$$ select firstring.security_events_insert(array[at], array[gen_random_uuid()], array[kind], array[mac], array[fingerprint],
    array['192.0.2.7'], array[format('{"n": %s}', number)]) $$;

-- A phone that was Alpha's for an hour and is Beta's now.
insert into firstring.claim (id, mac, itsp_id, profile_id, state, proof, claimed_at, released_at, sealed_password, password_purged_at)
values (t.id('c1'), '00:15:65:00:00:00', t.id('Alpha'), t.id('Alpha profile'), 'released', 'code', now() - interval '3 hours', now() - interval '2 hours',
    null, now()),
  (t.id('c2'), '00:15:65:00:00:00', t.id('Beta'), t.id('Beta profile'), 'live', 'code', now() - interval '1 hour', null, t.sealed('x'), null);
select pg_temp.happens(1, 'mac_mismatch', '00:15:65:00:00:00', now() - interval '4 hours');
select pg_temp.happens(2, 'mac_mismatch', '00:15:65:00:00:00', now() - interval '150 minutes');
select pg_temp.happens(3, 'mac_mismatch', '00:15:65:00:00:00', now() - interval '90 minutes');
select pg_temp.happens(4, 'clone_suspected', '00:15:65:00:00:00', fingerprint => t.digest('certificate 0'));
select pg_temp.happens(5, 'certificate_unknown', '00:15:65:00:00:00', fingerprint => t.digest('another phone''s'));
select pg_temp.happens(6, 'key_reused', '00:15:65:00:00:00');
select pg_temp.happens(7, 'mac_scan', null);
select pg_temp.happens(8, 'mac_mismatch', '00:15:65:00:00:01');
insert into firstring.security_event (event_id, at, kind, mac, itsp_id, detail)
values (gen_random_uuid(), now(), 'claim_code_wrong', '00:15:65:00:00:00', t.id('Alpha'), '{"n": 9}'),
  (gen_random_uuid(), now(), 'sign_in_guessing', null, t.id('Beta'), '{"n": 10}');

select t.equal('Alpha: its hour, and what it did', pg_temp.seen('Alpha'), 'claim_code_wrong 9, mac_mismatch 2');
select t.equal('Beta: since it holds the phone', pg_temp.seen('Beta'), 'sign_in_guessing 10, certificate_unknown 5, clone_suspected 4');
select t.equal('of a kind', pg_temp.seen('Alpha', 'mac_mismatch'), 'mac_mismatch 2');
select t.equal('of a phone', pg_temp.seen('Beta', null, '00:15:65:00:00:00'), 'certificate_unknown 5, clone_suspected 4');
select t.equal('of another''s', pg_temp.seen('Beta', null, '00:15:65:00:00:01'), '');
select t.equal('a page', pg_temp.seen('Beta', most => 2), 'sign_in_guessing 10, certificate_unknown 5');
select t.equal('and the next', pg_temp.seen('Beta', before_id => (select id from firstring.security_event where detail ->> 'n' = '5'), most => 2),
  'clone_suspected 4');
select t.fails('nobody', $$select set_config('firstring.itsp', '', true); select firstring.security_events_of_tenant(null, 9, null, null)$$, '42501');
select pg_temp.act_as('Beta');
select t.equal('only the phone''s own certificate is told', (select string_agg(kind, ' ') from firstring.security_events_of_tenant(null, 9, null, null)
  where fingerprint is not null), 'clone_suspected');
rollback;

-- The state of the audit log.
begin;
select t.equal('of an empty one', (select concat_ws(' ', coalesce(chained_to, -1), unchained, coalesce(head_seq, -1)) from firstring.audit_state()), '-1 0 -1');
select firstring.audit_append('test.one', 'test', '1', null, 'user', 'U', null, null), firstring.audit_append('test.two', 'test', '2', null, 'user', 'U', null, null);
select firstring.audit_chain(1);
select firstring.audit_head_put(format('firstring audit head v1 seq=1 row=%s at=2026-05-01T12:34:56Z issuer=%s previous=%s', repeat('0a', 32), repeat('0b', 32),
  repeat('00', 32)), '\x3006020101020101', 1);
select t.equal('one chained and signed, one waits', (select concat_ws(' ', chained_to, unchained, oldest_unchained_at is not null, head_seq, left(head_key, 4),
  head_signed_at at time zone 'UTC') from firstring.audit_state()), '1 1 t 1 0B0B 2026-05-01 12:34:56');
rollback;
