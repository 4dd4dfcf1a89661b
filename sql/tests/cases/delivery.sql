-- Deliveries that are written before they are answered, and passwords that are let go of after them.
begin;
select t.world(), t.phones(0, 5), t.tenant('Alpha'), set_config('firstring.itsp', t.id('Alpha')::text, true);
select firstring.claim_put(t.id('claim'), '00:15:65:00:00:00', 'CODE000000000', t.id('Alpha profile'), t.sealed('1'),
  10, 'token', 'T', null, null);
create function pg_temp.advance(grace int, token text default null, event text default gen_random_uuid()::text,
  certificate text default 'certificate 0', version int default null) returns text language sql as $$
  select a.outcome from firstring.claim c, firstring.delivery_advance(c.id, coalesce($5, c.version),
    coalesce(c.pending_version, c.password_version), $1, t.digest($2), t.digest($4), t.id($3), '192.0.2.7') a
  where c.id = t.id('claim') $$;
create function pg_temp.stage(token text, once boolean default false, valid_s int default 86400) returns text
language sql as $$
  select a.outcome from firstring.claim c, firstring.delivery_stage(c.id, c.version,
    coalesce(c.pending_version, c.password_version), $2, t.digest($1), t.digest('certificate 0'), $3,
    gen_random_uuid(), '192.0.2.7') a where c.id = t.id('claim') $$;
create function pg_temp.rearm(word text default null) returns text language sql as $$
  select outcome from firstring.claim_rearm('00:15:65:00:00:00', null, 'token', 'T', null, null,
    case when $1 is not null then t.id('claim') end, case when $1 is not null then t.sealed($1) end) $$;
create function pg_temp.feed() returns text language sql as $$
  select coalesce(string_agg(kind, ' ' order by at), '') from firstring.device_event
  where claim_id = t.id('claim') and itsp_id = t.id('Alpha')
    and kind not in ('claimed', 'suspended', 'resumed') $$;
create function pg_temp.fact(what text) returns text language plpgsql as $$
declare found text;
begin
  execute format('select (%s)::text from firstring.claim where id = $1', $1) into found using t.id('claim');
  return found;
end $$;

-- once
select t.equal('the first answer', pg_temp.advance(900), 'granted');
select t.equal('is the delivery', pg_temp.fact('delivered_at is not null and password_delivered_at is not null'
  ' and contacted_at is not null and once_until - once_started_at - interval ''900 s'' < interval ''1 s'''), 'true');
select t.equal('within the grace', pg_temp.advance(900) || ' ' || pg_temp.advance(900), 'repeated repeated');
select t.equal('is told once', pg_temp.feed(), 'delivered');
update firstring.claim set once_started_at = once_started_at - interval '1 hour', once_until = clock_timestamp();
select t.equal('past it', pg_temp.advance(900), 'locked');
select t.equal('a longer grace does not open it again', pg_temp.advance(90000), 'locked');
select t.equal('another policy is not bound by it', pg_temp.advance(null), 'granted');
select t.equal('re-arm', pg_temp.rearm(), 'rearmed');
select t.equal('once more', pg_temp.advance(1) || ' ' || pg_temp.advance(1), 'granted repeated');
select t.equal('another version', pg_temp.advance(900, version => 99), 'changed');
select firstring.claim_patch('00:15:65:00:00:00', null, null, true, null, null, 'token', 'T', null, null);
select t.equal('suspended', pg_temp.advance(900), 'changed');
select firstring.claim_patch('00:15:65:00:00:00', null, null, false, null, null, 'token', 'T', null, null);
update firstring.itsp set suspended = true;
select t.equal('ITSP suspended', pg_temp.advance(900), 'changed');
update firstring.itsp set suspended = false;
select t.fails('no half of it', $$ update firstring.claim set once_until = null $$, '23514');

-- A pending password becomes the delivered one with its grant.
select pg_temp.rearm();
select firstring.claim_rotate('00:15:65:00:00:00', null, t.id('claim'), t.sealed('2'), 'token', 'T', null, null);
select t.equal('of a pending one', pg_temp.advance(900), 'granted');
select t.equal('it is the delivered one', pg_temp.fact('sealed_password = t.sealed(''2'') and pending_version is null'),
  'true');
select t.equal('and the same again in its grace', pg_temp.advance(900), 'repeated');

-- staged
delete from firstring.device_event;
select pg_temp.rearm();
update firstring.claim set delivered_at = null, password_delivered_at = null;
select t.equal('stage two without stage one', pg_temp.advance(900, 'made up'), 'not_staged');
select t.equal('stage one', pg_temp.stage('token 1', true), 'staged');
select t.equal('the phone has its password', pg_temp.fact('password_delivered_at is not null and delivered_at is null'),
  'true');
select t.equal('and has not begun the grace', pg_temp.fact('once_until is null'), 'true');
select t.equal('with another phone''s certificate', pg_temp.advance(900, 'token 1', certificate => 'certificate 1'),
  'not_staged');
select t.equal('stage two', pg_temp.advance(900, 'token 1'), 'granted');
select t.equal('again', pg_temp.advance(900, 'token 1'), 'repeated');
select t.equal('the feed', pg_temp.feed(), 'staged delivered');
update firstring.claim set once_started_at = once_started_at - interval '1 hour', once_until = clock_timestamp();
select t.equal('locked for both', pg_temp.stage('token 2', true) || ' ' || pg_temp.advance(900, 'token 1'),
  'locked locked');
select t.equal('not once: each time', pg_temp.advance(null, 'token 1') || ' ' || pg_temp.advance(null, 'token 1'),
  'granted granted');
update firstring.stage_token set created_at = created_at - interval '2 days', expires_at = clock_timestamp();
select t.equal('a day later', pg_temp.advance(null, 'token 1'), 'not_staged');
select t.equal('swept', firstring.stage_tokens_sweep(10)::text, '1');
select pg_temp.stage('many ' || n) from generate_series(1, 20) n;
select t.equal('a phone that asks for ever', (select count(*)::text from firstring.stage_token), '8');
select t.equal('its last places are good', pg_temp.advance(null, 'many 20') || ' ' || pg_temp.advance(null, 'many 13')
  || ' ' || pg_temp.advance(null, 'many 12'), 'granted granted not_staged');
select firstring.claim_release('00:15:65:00:00:00', null, 'token', 'T', null, null);
select t.equal('released', pg_temp.advance(null, 'many 20'), 'changed');
select firstring.claim_put(t.id('claim 2'), '00:15:65:00:00:00', 'CODE000000000', t.id('Alpha profile'), t.sealed('1'),
  10, 'token', 'T', null, null);
select t.equal('no token outlives its claim', (select outcome from firstring.delivery_advance(t.id('claim 2'), 1, 1, null,
  t.digest('many 20'), t.digest('certificate 0'), t.id('e'), null)), 'not_staged');

-- purge
select t.fails('a phone may come at any time', $$ update firstring.provisioning_profile
  set purge_after_delivery = true $$, '23514');
select firstring.profile_create(t.id('purging'), 'purging', 'https://prov.itsp.example/', '{}', null, null, 'once', null,
  'test', 'test', null, null, true);
select firstring.claim_put(t.id('kept'), '00:15:65:00:00:01', 'CODE000000000', t.id('Alpha profile'), t.sealed('1'),
  10, 'token', 'T', null, null);
select firstring.delivery_advance(t.id('kept'), 1, 1, 900, null, null, t.id('k'), null);
create function pg_temp.reveal() returns text language sql as $$
  select concat_ws(' ', outcome, case when sealed_password is not null then 'delivered' end,
    case when pending_sealed_password is not null then 'pending' end)
  from firstring.claim_reveal('00:15:65:00:00:02', 'token', 'T', null, null) $$;
create function pg_temp.put() returns void language sql as $$
  select firstring.claim_put(t.id('purged'), '00:15:65:00:00:02', 'CODE000000000', t.id('purging'), t.sealed('1'),
    10, 'token', 'T', null, null) $$;
create function pg_temp.deliver() returns text language sql as $$
  select a.outcome from firstring.claim c, firstring.delivery_advance(c.id, c.version,
    coalesce(c.pending_version, c.password_version), 900, null, null, gen_random_uuid(), null) a
  where c.id = t.id('purged') $$;
create function pg_temp.wait() returns void language sql as $$
  update firstring.claim set once_started_at = once_started_at - interval '1 hour', once_until = clock_timestamp()
  where once_until is not null $$;
create function pg_temp.rearmed(word text, claim uuid default t.id('purged')) returns text language sql as $$
  select outcome from firstring.claim_rearm('00:15:65:00:00:02', null, 'token', 'T', null, null,
    case when word is not null then claim end, t.sealed(word)) $$;
select pg_temp.put();
select t.equal('not delivered yet', firstring.passwords_purge(10)::text, '0');
select t.equal('delivered', pg_temp.deliver(), 'granted');
select t.equal('within the grace', firstring.passwords_purge(10)::text, '0');
select pg_temp.wait();
select t.equal('past it, and no profile''s but that', firstring.passwords_purge(10)::text, '1');
select t.equal('nothing is left', (select (sealed_password is null and password_purged_at is not null)::text
  from firstring.claim where id = t.id('purged')), 'true');
select t.equal('once', firstring.passwords_purge(10)::text, '0');
select t.equal('reveal', pg_temp.reveal(), 'purged');
select t.equal('shown', (select password_purged::text from firstring.claim_document where mac = '00:15:65:00:00:02'),
  'true');
select t.equal('in the feed and the audit log', (select count(*) || ' ' || (select count(*) from firstring.audit_log
  where action = 'claim.purge' and itsp_id = t.id('Alpha')) from firstring.device_event where kind = 'purged'), '1 1');
select t.equal('re-arming it needs a password', pg_temp.rearmed(null), 'needs_password');
select t.equal('one that is sealed for it', pg_temp.rearmed('2', t.id('claim 2')), 'version_mismatch');
select t.equal('with one', pg_temp.rearmed('2'), 'rearmed');
select t.equal('which waits', pg_temp.reveal(), 'revealed pending');
select t.equal('it is not replaced by the next re-arm', pg_temp.rearmed('3'), 'rearmed');
select t.equal('delivered again', pg_temp.deliver(), 'granted');
select t.equal('and held', pg_temp.reveal(), 'revealed delivered');
select t.equal('the second', (select (sealed_password = t.sealed('2'))::text from firstring.claim
  where id = t.id('purged')), 'true');
select pg_temp.wait();
select t.equal('purged again', firstring.passwords_purge(10)::text, '1');
select firstring.claim_rotate('00:15:65:00:00:02', null, t.id('purged'), t.sealed('4'), 'token', 'T', null, null);
select t.equal('rotate makes one too', pg_temp.reveal(), 'revealed pending');
select t.equal('which is not purged undelivered', firstring.passwords_purge(10)::text, '0');

-- A window that is over.
update firstring.provisioning_profile set redelivery = 'window', window_hours = 1 where id = t.id('purging');
select t.equal('re-arm', pg_temp.rearmed(null), 'rearmed');
select t.equal('delivered in the window', pg_temp.deliver(), 'granted');
select t.equal('the window is open', firstring.passwords_purge(10)::text, '0');
update firstring.claim set armed_at = armed_at - interval '61 minutes' where id = t.id('purged');
select t.equal('and over', firstring.passwords_purge(10)::text, '1');
rollback;
