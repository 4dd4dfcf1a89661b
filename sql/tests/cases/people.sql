-- People: invitations, sign-in with codes taken once, guesses slowed down by source, own accounts.
begin;
select t.world(), t.tenant('Alpha'), t.tenant('Beta');
select set_config('firstring.itsp', t.id('Alpha')::text, true);

create function pg_temp.begin(email text, ip text) returns text language sql as $$
  select concat_ws(' ', wait_s > 0, user_id is not null, password_hash, code_wait_s > 0)
  from firstring.sign_in_begin(email, sha256(email::bytea), ip::inet) $$;
create function pg_temp.finish(who text, session text, hash text, step bigint, recovery text, ip text default '192.0.2.1')
returns text language sql as $$
  select firstring.sign_in_finish(t.id(who), sha256((who || '@alpha.example')::bytea), hash, t.digest(session), 3600,
    step, t.digest(recovery), null, 'user', t.id(who)::text, ip::inet, null) $$;
create function pg_temp.refuse(who text, ip text, reason text) returns text language sql as $$
  select firstring.sign_in_refuse(t.id(who), sha256((who || '@alpha.example')::bytea), reason, 'user', t.id(who)::text,
    ip::inet, null) $$;

-- Who is made, by whom.
select t.equal('an owner is made', (select outcome from firstring.user_create(t.id('ada'), 'ada@alpha.example', 'Ada', 'owner',
  t.digest('link ada'), 3600, 'token', 'T', null, null)), 'created');
select t.equal('an address is used once', (select outcome from firstring.user_create(t.id('x'), 'ada@alpha.example', 'X', 'owner',
  t.digest('x'), 3600, 'token', 'T', null, null)), 'email_taken');
select t.equal('a tenant has no administrator', (select outcome from firstring.user_create(t.id('x'), 'x@alpha.example', 'X',
  'administrator', t.digest('x'), 3600, 'token', 'T', null, null)), 'bad_role');
select t.equal('nor the manufacturer an owner', (select outcome from firstring.admin_user_create(t.id('x'), null, 'x@alpha.example',
  'X', 'owner', t.digest('x'), 3600, 'token', 'T', null, null)), 'bad_role');
select t.equal('an unknown ITSP', (select outcome from firstring.admin_user_create(t.id('x'), t.id('Gamma'), 'x@alpha.example',
  'X', 'owner', t.digest('x'), 3600, 'token', 'T', null, null)), 'unknown_itsp');

-- A link is used once, and a newer one replaces it.
select t.equal('no password yet', pg_temp.begin('ada@alpha.example', '192.0.2.1'), 'f t f');
select t.equal('another link', (select outcome from firstring.user_link_create(t.id('ada'), t.digest('link 2'), 3600, false,
  'token', 'T', null, null)), 'created');
select t.equal('the first is gone', firstring.user_link_use(t.digest('link ada'), 'H1', '192.0.2.1', null), 'link_not_valid');
select t.equal('the second works', firstring.user_link_use(t.digest('link 2'), 'H1', '192.0.2.1', null), 'used');
select t.equal('once', firstring.user_link_use(t.digest('link 2'), 'H2', '192.0.2.1', null), 'link_not_valid');

-- Sessions.
select t.equal('another hash than was checked', pg_temp.finish('ada', 's1', 'H0', null, null), 'refused');
select t.equal('signed in', pg_temp.finish('ada', 's1', 'H1', null, null), 'signed_in');
select t.equal('the session is hers', (select concat_ws(' ', user_id = t.id('ada'), role, has_second_factor)
  from firstring.session_authenticate(t.digest('s1'), 60)), 't owner f');
update firstring.session set last_seen_at = clock_timestamp() - interval '61 seconds';
select t.equal('idle for too long', (select count(*)::text from firstring.session_authenticate(t.digest('s1'), 60)), '0');
select t.equal('seen again where more is allowed', (select count(*)::text from firstring.session_authenticate(t.digest('s1'), 120)), '1');
select t.equal('which counts', (select count(*)::text from firstring.session_authenticate(t.digest('s1'), 60)), '1');
update firstring.session set created_at = clock_timestamp() - interval '2 hours', expires_at = clock_timestamp() - interval '1 s';
select t.equal('past its end', (select count(*)::text from firstring.session_authenticate(t.digest('s1'), 86400)), '0');
select t.equal('swept', firstring.people_sweep(100)::text, '1');

-- The second factor: its codes and its recovery codes are taken once.
select pg_temp.finish('ada', 's2', 'H1', null, null), pg_temp.finish('ada', 's3', 'H1', null, null);
select t.equal('proposed', firstring.own_second_factor_propose(t.digest('s2'), 'H1', 'sealed', 'user', 'U', '192.0.2.1', null), 'proposed');
select t.equal('another than was proposed', firstring.own_second_factor_confirm(t.digest('s2'), t.digest('s4'), 'other', 100,
  array[t.digest('r1'), t.digest('r2')], 'user', 'U', '192.0.2.1', null), 'nothing_proposed');
select t.equal('confirmed', firstring.own_second_factor_confirm(t.digest('s2'), t.digest('s4'), 'sealed', 100,
  array[t.digest('r1'), t.digest('r2')], 'user', 'U', '192.0.2.1', null), 'confirmed');
select t.equal('a new id, and no other session', (select string_agg(s, ' ') from unnest(array['s2', 's3', 's4']) s
  where exists (select from firstring.session_authenticate(t.digest(s), 60))), 's4');
select t.equal('no code', pg_temp.finish('ada', 's5', 'H1', null, null), 'refused');
select t.equal('the code that confirmed', pg_temp.finish('ada', 's5', 'H1', 100, null), 'refused');
select t.equal('the next one', pg_temp.finish('ada', 's5', 'H1', 101, null), 'signed_in');
select t.equal('again', pg_temp.finish('ada', 's6', 'H1', 101, null), 'refused');
select t.equal('an earlier one', pg_temp.finish('ada', 's6', 'H1', 99, null), 'refused');
select t.equal('a recovery code', pg_temp.finish('ada', 's6', 'H1', null, 'r1'), 'signed_in');
select t.equal('again', pg_temp.finish('ada', 's7', 'H1', null, 'r1'), 'refused');
select t.equal('one is left', (select recovery_codes_left::text from firstring.own_account(t.digest('s6'))), '1');

-- Guesses: the source waits, nobody else does; an account that is not there behaves alike.
select pg_temp.begin('ada@alpha.example', '198.51.100.9'), pg_temp.begin('nobody@alpha.example', '198.51.100.9') from generate_series(1, 5);
select t.equal('the sixth waits', pg_temp.begin('ada@alpha.example', '198.51.100.9'), 't f f');
select t.equal('so for nobody', pg_temp.begin('nobody@alpha.example', '198.51.100.9'), 't f f');
select t.equal('another source does not', pg_temp.begin('ada@alpha.example', '198.51.100.10'), 'f t H1 f');
select pg_temp.begin('ada@alpha.example', '2001:db8:0:1::' || n) from generate_series(1, 5) n;
select t.equal('one customer of IPv6 is one source', pg_temp.begin('ada@alpha.example', '2001:db8:0:1:ffff::1'), 't f f');
update firstring.sign_in_attempt set last_at = clock_timestamp() - interval '2 seconds';
select t.equal('after the wait one more', pg_temp.begin('ada@alpha.example', '198.51.100.9'), 'f t H1 f');
select t.equal('then longer', pg_temp.begin('ada@alpha.example', '198.51.100.9'), 't f f');
update firstring.sign_in_attempt set last_at = clock_timestamp() - interval '61 minutes';
select t.equal('an hour forgets', pg_temp.begin('ada@alpha.example', '198.51.100.9'), 'f t H1 f');
-- Pressing the button again while waiting counts for nobody else.
select pg_temp.begin('ada@alpha.example', '203.0.113.4') from generate_series(1, 80);
select t.equal('another account', pg_temp.begin('other@alpha.example', '203.0.113.4'), 'f f f');
-- One source at many accounts.
select pg_temp.begin(n || '@alpha.example', '203.0.113.5') from generate_series(1, 50) n;
select t.equal('many accounts', pg_temp.begin('51@alpha.example', '203.0.113.5'), 't f f');
select pg_temp.begin('ada@alpha.example', '203.0.113.6'), pg_temp.finish('ada', 's8', 'H1', 102, null, '203.0.113.6');
select pg_temp.begin(n || '@alpha.example', '203.0.113.6') from generate_series(1, 60) n;
select t.equal('who has signed in from there goes on', pg_temp.begin('ada@alpha.example', '203.0.113.6'), 'f t H1 f');
-- Wrong codes after a right password are counted by account, against strangers: who has it is no stranger to it.
select pg_temp.refuse('ada', '203.0.113.6', 'wrong_code'), pg_temp.refuse('ada', '203.0.113.7', 'wrong_recovery_code') from generate_series(1, 10);
select t.equal('neither from where she signs in nor of recovery codes', pg_temp.begin('ada@alpha.example', '203.0.113.8'), 'f t H1 f');
select pg_temp.refuse('ada', '203.0.113.7', 'wrong_code') from generate_series(1, 10);
select t.equal('ten wrong codes', pg_temp.begin('ada@alpha.example', '203.0.113.8'), 'f t H1 t');
select t.equal('are told of once', (select string_agg(concat_ws(' ', itsp_id = t.id('Alpha'), source_ip, detail ->> 'failures'), ',')
  from firstring.security_event where kind = 'second_factor_guessing'), 't 203.0.113.7 10');
select t.equal('not where she has signed in', pg_temp.begin('ada@alpha.example', '203.0.113.6'), 'f t H1 f');
select t.equal('no code yet', pg_temp.begin('ada@alpha.example', '203.0.113.9'), 'f t H1 t');
select t.equal('a recovery code', pg_temp.finish('ada', 's9', 'H1', null, 'r2', '203.0.113.9'), 'signed_in');
select t.equal('makes a place known', pg_temp.begin('ada@alpha.example', '203.0.113.9'), 'f t H1 f');
select t.equal('and gives strangers nothing', pg_temp.begin('ada@alpha.example', '203.0.113.8'), 'f t H1 t');
update firstring.sign_in_attempt set succeeded_at = clock_timestamp() - interval '31 days';
select t.equal('for 30 days', pg_temp.begin('ada@alpha.example', '203.0.113.9'), 'f t H1 t');
update firstring.portal_user set second_factor_failed_at = clock_timestamp() - interval '16 minutes' where id = t.id('ada');
select t.equal('they end', pg_temp.begin('ada@alpha.example', '203.0.113.8'), 'f t H1 f');

-- Nobody changes what he himself may do; a suspended person is signed out.
select t.equal('own role', (select outcome from firstring.user_patch(t.id('ada'), null, null, 'support', null, 'user',
  t.id('ada')::text, null, null)), 'own_account');
select t.equal('own name', (select outcome from firstring.user_patch(t.id('ada'), null, 'Ada L.', null, null, 'user',
  t.id('ada')::text, null, null)), 'updated');
select t.equal('removal of an old version', (select outcome from firstring.user_remove(t.id('ada'), 'token', 'T', null, null, 99)), 'version_mismatch');
select t.equal('own removal', (select outcome from firstring.user_remove(t.id('ada'), 'user', t.id('ada')::text, null, null)), 'own_account');
select t.equal('an old version', (select outcome from firstring.user_patch(t.id('ada'), 1, 'A', null, null, 'token', 'T', null, null)),
  'version_mismatch');
select t.equal('suspended', (select outcome from firstring.user_patch(t.id('ada'), null, null, null, 'suspended', 'token', 'T', null, null)),
  'updated');
select t.equal('is signed out', (select count(*)::text from firstring.session), '0');
select t.equal('and cannot sign in', pg_temp.begin('ada@alpha.example', '203.0.113.99'), 'f f f');
select t.equal('no link for her', (select outcome from firstring.user_link_create(t.id('ada'), t.digest('l'), 60, false, 'token', 'T', null, null)),
  'user_suspended');

-- Another tenant's people are not there.
select set_config('firstring.itsp', t.id('Beta')::text, true);
select t.equal('patch', (select outcome from firstring.user_patch(t.id('ada'), null, 'B', null, null, 'token', 'T', null, null)), 'not_found');
select t.equal('remove', (select outcome from firstring.user_remove(t.id('ada'), 'token', 'T', null, null)), 'not_found');
select t.equal('link', (select outcome from firstring.user_link_create(t.id('ada'), t.digest('l'), 60, true, 'token', 'T', null, null)), 'not_found');
set local role firstring_portal;
select t.equal('list', (select count(id)::text from firstring.portal_user), '0');
reset role;
-- No hash, link or sealed value is in the audit log.
select t.equal('audit holds no secret', (select count(*)::text from firstring.audit_log
  where concat(before, after) ~ '(H1|sealed|hash|link ada)'), '0');
select t.equal('audited', (select count(distinct action)::text from firstring.audit_log where action like 'user.%'), '8');
rollback;
