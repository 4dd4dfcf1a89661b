-- Claiming: the order of checks, what is told and what is not, and everything until release.
begin;
select t.world(), t.phones(0, 20), t.tenant('Alpha'), t.tenant('Beta');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
create function pg_temp.claim(mac macaddr, code text, profile text default 'Alpha profile', allowed int default 10)
returns text language sql as
$$ select outcome from firstring.claim_put(gen_random_uuid(), mac, code, t.id(profile),
  t.sealed('first'), allowed, 'token', 'T', '192.0.2.1', 'request') $$;
create function pg_temp.check_claim(mac macaddr, code text, profile text default 'Alpha profile')
returns text language sql as
$$ select outcome || coalesce(' ' || model || ' ' || format || ' ' || serial_number, '')
from firstring.claim_check(mac, code, t.id(profile), 10, 'token', 'T', '192.0.2.1', 'request') $$;

-- Without a tenant nothing goes.
select t.fails('no tenant', $$select pg_temp.claim('00:15:65:00:00:00', 'CODE000000000')$$, '42501');

select pg_temp.act_as('Alpha');
select t.equal('unknown profile', pg_temp.claim('00:15:65:00:00:00', 'CODE000000000', 'none'), 'unknown_profile');
select t.equal('another tenant''s profile', pg_temp.claim('00:15:65:00:00:00', 'CODE000000000', 'Beta profile'),
  'unknown_profile');
select t.equal('wrong code', pg_temp.claim('00:15:65:00:00:00', 'CODE000000001'), 'possession_not_proven');
select t.equal('unknown MAC', pg_temp.claim('00:99:99:00:00:00', 'CODE000000000'), 'possession_not_proven');
select t.equal('no code, no notice', pg_temp.claim('00:15:65:00:00:00', null), 'possession_not_proven');
select t.equal('wrong codes are security events, of unknown MACs too', (select string_agg(mac::text || kind || itsp_id,
  ' ' order by id) from firstring.security_event),
  '00:15:65:00:00:00claim_code_wrong' || t.id('Alpha') || ' 00:99:99:00:00:00claim_code_wrong' || t.id('Alpha'));
select t.equal('check', pg_temp.check_claim('00:15:65:00:00:00', 'CODE000000000'), 'possible M yealink SN0');
select t.equal('check tells nothing unproven', pg_temp.check_claim('00:15:65:00:00:00', 'CODE000000001'),
  'possession_not_proven');
select t.equal('right code', pg_temp.claim('00:15:65:00:00:00', 'CODE000000000'), 'created');
select t.equal('again', pg_temp.claim('00:15:65:00:00:00', 'CODE000000000'), 'same');
select t.equal('again without the code', pg_temp.claim('00:15:65:00:00:00', null), 'same');
select firstring.profile_create(t.id('Alpha second'), 'second', 'https://itsp.example/', '{}', null, null, null, null,
  'token', 'T', null, null);
select t.equal('another profile', pg_temp.claim('00:15:65:00:00:00', 'CODE000000000', 'Alpha second'), 'claim_differs');
select t.equal('audited without secrets', (select after - 'claim_id' from firstring.audit_log
  where action = 'claim.create')::text, jsonb_build_object('proof', 'code', 'profile_id', t.id('Alpha profile'))::text);

select pg_temp.act_as('Beta');
select t.equal('proven but held', pg_temp.claim('00:15:65:00:00:00', 'CODE000000000', 'Beta profile'), 'claimed_elsewhere');
select t.equal('held, not proven', pg_temp.claim('00:15:65:00:00:00', 'CODE000000001', 'Beta profile'),
  'possession_not_proven');
select t.equal('not theirs to patch', (select outcome from firstring.claim_patch('00:15:65:00:00:00', null, null, true,
  null, null, 'token', 'T', null, null)), 'not_found');
select t.equal('nor to release', (select outcome from firstring.claim_release('00:15:65:00:00:00', null, 'token', 'T',
  null, null)), 'not_found');
select t.equal('nor to compare', (select count(claim_id)::text from firstring.claim_compare('00:15:65:00:00:00', 'token', 'T', null,
  null)), '0');
select t.equal('nor to reveal', (select outcome from firstring.claim_reveal('00:15:65:00:00:00', 'token', 'T', null,
  null)), 'not_found');
select t.equal('nor to re-arm', (select outcome from firstring.claim_rearm('00:15:65:00:00:00', null, 'token', 'T',
  null, null)), 'not_found');

-- Ten wrong codes an hour do not delay a right one; past them right and wrong look alike.
select pg_temp.claim(t.mac(firstring.mac_number('00:15:65:00:00:10') + n), 'CODE000000009', 'Beta profile')
from generate_series(1, 9) n;
select t.equal('a right one after ten', pg_temp.claim('00:15:65:00:00:01', 'CODE000000000', 'Beta profile'), 'created');
select t.equal('the eleventh wrong', pg_temp.claim('00:15:65:00:00:02', 'CODE000000009', 'Beta profile'),
  'possession_not_proven');
select t.equal('then limited, wrong', pg_temp.claim('00:15:65:00:00:02', 'CODE000000009', 'Beta profile'), 'rate_limited');
select t.equal('then limited, right', pg_temp.claim('00:15:65:00:00:02', 'CODE000000000', 'Beta profile'), 'rate_limited');
select t.equal('an own claim is never limited', pg_temp.claim('00:15:65:00:00:01', 'CODE000000000', 'Beta profile'), 'same');
select pg_temp.act_as('Alpha');
select t.equal('nor another ITSP', pg_temp.claim('00:15:65:00:00:02', 'CODE000000000'), 'created');
select pg_temp.act_as('Beta');
update firstring.claim_failure set minute = minute - interval '61 minutes' where itsp_id = t.id('Beta');
select t.equal('an hour later', pg_temp.claim('00:15:65:00:00:03', 'CODE000000000', 'Beta profile'), 'created');

-- Ship notices.
select t.equal('notices', (select string_agg(outcome, ' ' order by ordinal) from firstring.shipment_create(t.id('Alpha'),
  array['00:15:65:00:00:04', '00:15:65:00:00:04', '00:99:99:00:00:00', '00:15:65:00:00:05']::macaddr[], 'user', 'U',
  null, null)), 'created duplicate unknown_device created');
select t.equal('again, and to another', (select string_agg(s.outcome, ' ') from
  firstring.shipment_create(t.id('Alpha'), array['00:15:65:00:00:04']::macaddr[], 'user', 'U', null, null) a,
  lateral (select a.outcome union all select outcome from firstring.shipment_create(t.id('Beta'),
  array['00:15:65:00:00:05']::macaddr[], 'user', 'U', null, null)) s), 'existing replaced');
select t.equal('a notice to another is no proof', pg_temp.claim('00:15:65:00:00:04', null, 'Beta profile'),
  'possession_not_proven');
select pg_temp.act_as('Alpha');
select t.equal('a replaced notice is no proof', pg_temp.claim('00:15:65:00:00:05', null), 'possession_not_proven');
select t.equal('a notice is', pg_temp.claim('00:15:65:00:00:04', null), 'created');
select t.equal('consumed', (select string_agg(state, ' ' order by id) from firstring.shipment
  where mac = '00:15:65:00:00:04'), 'consumed');
select firstring.shipment_create(t.id('Alpha'), array['00:15:65:00:00:04']::macaddr[], 'user', 'U', null, null);
select t.equal('release', (select outcome from firstring.claim_release('00:15:65:00:00:04', null, 'token', 'T', null,
  null)), 'released');
select t.equal('release again', (select outcome from firstring.claim_release('00:15:65:00:00:04', null, 'token', 'T',
  null, null)), 'already_released');
select t.equal('release cancels the notice', pg_temp.claim('00:15:65:00:00:04', null), 'possession_not_proven');
select pg_temp.act_as('Beta');
select t.equal('free for who has the code', pg_temp.claim('00:15:65:00:00:04', 'CODE000000000', 'Beta profile'), 'created');
select pg_temp.act_as('Alpha');
create temporary table before as select count(*) as audited, (select sum(version) from firstring.claim) as versions,
  (select count(*) from firstring.device_event) as events from firstring.audit_log;
select t.equal('who held it once is told the same as before', (select outcome from firstring.claim_release(
  '00:15:65:00:00:04', null, 'token', 'T', null, null)), 'already_released');
select t.equal('in bulk too', (select outcome from firstring.claims_release(array['00:15:65:00:00:04']::macaddr[],
  'token', 'T', null, null)), 'already_released');
select t.equal('and nothing is changed', (select (count(*), (select sum(version) from firstring.claim),
  (select count(*) from firstring.device_event))::text from firstring.audit_log), (select b::text from before b));
select t.equal('who never held it', (select outcome from firstring.claim_release('00:15:65:00:00:05', null, 'token',
  'T', null, null)), 'not_found');
select t.equal('reveal after release', (select outcome from firstring.claim_reveal('00:15:65:00:00:04', 'token', 'T',
  null, null)), 'not_found');

-- Versions, patching, suspending.
select t.equal('patch with the wrong version', (select outcome from firstring.claim_patch('00:15:65:00:00:00', 7, null,
  true, null, null, 'token', 'T', null, null)), 'version_mismatch');
select t.equal('patch', (select concat_ws(' ', outcome, state, version) from firstring.claim_patch('00:15:65:00:00:00',
  1, null, true, null, null, 'token', 'T', null, null)), 'updated suspended 2');
select t.equal('nothing new', (select concat_ws(' ', outcome, version) from firstring.claim_patch('00:15:65:00:00:00',
  2, null, true, null, null, 'token', 'T', null, null)), 'same 2');
select t.equal('another tenant''s profile', (select outcome from firstring.claim_patch('00:15:65:00:00:00', 2,
  t.id('Beta profile'), null, null, null, 'token', 'T', null, null)), 'unknown_profile');
select t.equal('profile and state', (select concat_ws(' ', outcome, state, version, profile_id = t.id('Alpha second'))
  from firstring.claim_patch('00:15:65:00:00:00', null, t.id('Alpha second'), false, null, null, 'token', 'T', null,
  null)), 'updated live 3 t');
select t.equal('a password sealed for another claim', (select outcome from firstring.claim_patch('00:15:65:00:00:00',
  null, null, null, gen_random_uuid(), t.sealed('x'), 'token', 'T', null, null)), 'version_mismatch');
select t.equal('a profile in use stays', (select outcome from firstring.profile_delete(t.id('Alpha second'), null,
  'token', 'T', null, null)), 'in_use');

-- A suspended ITSP claims nothing.
select firstring.itsp_patch(t.id('Alpha'), null, null, true, 'user', 'U', null, null);
select t.equal('suspended', pg_temp.claim('00:15:65:00:00:06', 'CODE000000000'), 'itsp_suspended');
select firstring.itsp_patch(t.id('Alpha'), null, null, false, 'user', 'U', null, null);

-- A code of another epoch is wrong.
update firstring.device set claim_code_epoch = 1 where mac = '00:15:65:00:00:06';
select t.equal('the old code after rotation', pg_temp.claim('00:15:65:00:00:06', 'CODE000000000'),
  'possession_not_proven');

-- The wall behind it all.
select t.fails('two live claims', $$insert into firstring.claim (id, mac, itsp_id, profile_id, proof, sealed_password)
  values (gen_random_uuid(), '00:15:65:00:00:00', t.id('Beta'), t.id('Beta profile'), 'code', t.sealed('x'))$$, '23505');
select t.fails('another tenant''s profile on a claim', $$insert into firstring.claim (id, mac, itsp_id, profile_id,
  proof, sealed_password) values (gen_random_uuid(), '00:15:65:00:00:07', t.id('Beta'), t.id('Alpha profile'), 'code',
  t.sealed('x'))$$, '23503');
select t.fails('plain http', $$update firstring.provisioning_profile set provisioning_url = 'http://itsp.example/'$$,
  '23514');
select t.fails('a line break in a URL', $$update firstring.provisioning_profile
  set fallback_urls = array[E'https://itsp.example/\nx']$$, '23514');
select t.equal('a host not approved', (select outcome from firstring.profile_create(gen_random_uuid(), 'evil',
  'https://evil-itsp.example/', '{}', null, null, null, null, 'token', 'T', null, null)), 'url_not_approved');
select t.equal('a fallback not approved', (select outcome from firstring.profile_create(gen_random_uuid(), 'evil',
  'https://itsp.example/', array['https://itsp.example.evil.org/'], null, null, null, null, 'token', 'T', null, null)),
  'url_not_approved');
select t.equal('a domain in use stays', (select outcome from firstring.itsp_domain_remove(t.id('Alpha'), 'itsp.example',
  'user', 'U', null, null)), 'in_use');
select t.equal('still there', (select count(*)::text from firstring.itsp_domain where itsp_id = t.id('Alpha')), '1');
select t.equal('the hash is of the code''s bytes as they are', (select count(*)::text from unnest(array['CODE000000000', 'a\b', '\x41',
  'Zürich', '']) code where firstring.claim_code_hash('00:15:65:00:00:01', 7, code) is distinct from
  t.code_hash('00:15:65:00:00:01', code, 7)), '0');
