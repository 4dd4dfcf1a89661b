-- Two tenants and none: row-level security under the portal's own role, statement by statement.
begin;
select t.world(), t.phones(0, 10), t.tenant('Alpha'), t.tenant('Beta');
select set_config('firstring.itsp', t.id(n)::text, true),
  firstring.claim_put(t.id(n || ' claim'), m, 'CODE000000000', t.id(n || ' profile'), t.sealed('x'), 10, 'token', 'T', null, null),
  firstring.token_create(t.id(n || ' token'), 'one', t.digest(n || ' token'), array['claims:read'], null, 'user', 'U', null, null),
  firstring.claim_job_create(t.id(n || ' job'), false, false, 'token', 'T', null, null),
  firstring.claim_job_rows_add(t.id(n || ' job'), array[1::bigint], array['x'], array['y'], array['z']),
  firstring.events_insert(array[clock_timestamp()], array[gen_random_uuid()], array[m], array['contacted'],
    array[null::uuid], array[null::bigint], array[null], array[null])
from (values ('Alpha', '00:15:65:00:00:00'::macaddr), ('Beta', '00:15:65:00:00:01')) v (n, m);
update firstring.claim_job_row set status = 'ok', claim_code = null;
select set_config('firstring.itsp', '', true);
-- As the next transaction will see them.
update firstring.device_event set xid = '3'::xid8;

create function pg_temp.seen() returns text language sql as $$
  select concat_ws(' ',
    (select count(*) from firstring.itsp), (select count(*) from firstring.itsp_domain),
    (select count(*) from firstring.provisioning_profile), (select count(id) from firstring.api_token),
    (select count(id) from firstring.claim), (select count(mac) from firstring.device),
    (select count(*) from firstring.claim_document), (select count(id) from firstring.claim_job),
    (select count(line) from firstring.claim_job_row)) $$;
create function pg_temp.as_portal(tenant text, what text) returns text language plpgsql as $$
declare
  got text;
begin
  perform set_config('firstring.itsp', tenant, true);
  set local role firstring_portal;
  execute what into got;
  reset role;
  return got;
exception when insufficient_privilege then
  return 'denied';
end
$$;
select t.equal('nobody sees nothing', pg_temp.as_portal('', 'select pg_temp.seen()'), '0 0 0 0 0 0 0 0 0');
select t.equal('a stranger neither', pg_temp.as_portal(t.id('Gamma')::text, 'select pg_temp.seen()'), '0 0 0 0 0 0 0 0 0');
select t.equal('Alpha sees its own', pg_temp.as_portal(t.id('Alpha')::text, 'select pg_temp.seen()'), '1 1 1 1 1 1 1 1 1');
select t.equal('and they are its own', pg_temp.as_portal(t.id('Alpha')::text,
  'select (select mac from firstring.claim_document)::text || '' '' || (select name from firstring.itsp)'), '00:15:65:00:00:00 Alpha');
select t.equal('another''s by name', pg_temp.as_portal(t.id('Alpha')::text,
  format('select count(*)::text from firstring.provisioning_profile where id = %L', t.id('Beta profile'))), '0');
select t.equal('its events', pg_temp.as_portal(t.id('Alpha')::text,
  'select string_agg(kind || '' '' || mac::text, '', '') from firstring.events_list(0, 0, 100)'),
  'claimed 00:15:65:00:00:00, contacted 00:15:65:00:00:00');
select t.equal('events of nobody', pg_temp.as_portal('', 'select count(*) from firstring.events_list(0, 0, 100)'), 'denied');
select t.equal('another''s token', pg_temp.as_portal(t.id('Alpha')::text,
  format('select outcome from firstring.token_revoke(%L, ''a'', ''b'', null, null)', t.id('Beta token'))), 'not_found');
select t.equal('another''s job', pg_temp.as_portal(t.id('Alpha')::text,
  format('select outcome from firstring.claim_job_queue(%L)', t.id('Beta job'))), 'not_found');
select t.equal('another''s profile', pg_temp.as_portal(t.id('Alpha')::text,
  format('select outcome from firstring.profile_delete(%L, null, ''a'', ''b'', null, null)', t.id('Beta profile'))), 'not_found');
select t.equal('no tenant, no change', pg_temp.as_portal('',
  format('select outcome from firstring.profile_delete(%L, null, ''a'', ''b'', null, null)', t.id('Beta profile'))), 'denied');
select t.equal('the manufacturer''s functions', pg_temp.as_portal(t.id('Alpha')::text,
  'select outcome from firstring.itsp_patch(gen_random_uuid(), null, null, false, ''a'', ''b'', null, null)'), 'denied');
select t.equal('a released phone is no longer seen', (select outcome from (
  select set_config('firstring.itsp', t.id('Alpha')::text, true)) s,
  lateral firstring.claim_release('00:15:65:00:00:00', null, 'token', 'T', null, null)), 'released');
select t.equal('gone', pg_temp.as_portal(t.id('Alpha')::text,
  'select (select count(*) from firstring.claim_document) || '' '' || (select count(mac) from firstring.device)'), '0 0');

-- Tokens.
select t.equal('who is it', (select kind || ' ' || (itsp_id = t.id('Alpha')) || ' ' || itsp_suspended
  from firstring.token_authenticate(t.digest('Alpha token'))), 'itsp true false');
select t.equal('name taken', (select set_config('firstring.itsp', t.id('Alpha')::text, true) || outcome from firstring.token_create(
  gen_random_uuid(), 'one', t.digest('x'), array['claims:read'], null, 'user', 'U', null, null)), t.id('Alpha') || 'name_taken');
select t.equal('an administrator''s scope', (select outcome from firstring.token_create(gen_random_uuid(), 'two',
  t.digest('x'), array['claims:read', 'admin:write'], null, 'user', 'U', null, null)), 'bad_scope');
select t.equal('no scope', (select outcome from firstring.token_create(gen_random_uuid(), 'two',
  t.digest('x'), '{}', null, 'user', 'U', null, null)), 'bad_scope');
select t.equal('expired', (select outcome from firstring.token_create(gen_random_uuid(), 'old', t.digest('old'),
  array['claims:read'], clock_timestamp() - interval '1 second', 'user', 'U', null, null)), 'created');
select t.equal('several at once, in order', (select string_agg(concat_ws('/', ordinal, kind, name, itsp_id = t.id('Alpha')), ' ' order by ordinal)
  from firstring.tokens_authenticate(array[t.digest('old'), t.digest('Alpha token'), t.digest('none'), t.digest('Alpha token')])),
  '1 2/itsp/one/t 3 4/itsp/one/t');
select t.equal('that it was used is noted', (select (last_used_at > now() - interval '1 minute')::text from firstring.api_token
  where token_hash = t.digest('Alpha token')), 'true');
select t.equal('is nobody', (select count(*)::text from firstring.token_authenticate(t.digest('old'))), '0');
select t.equal('revoke', (select outcome from firstring.token_revoke(t.id('Alpha token'), 'user', 'U', null, null)), 'revoked');
select t.equal('revoked is nobody', (select count(*)::text from firstring.token_authenticate(t.digest('Alpha token'))), '0');
select t.equal('nor among others', (select string_agg(concat_ws('/', ordinal, kind), ' ' order by ordinal)
  from firstring.tokens_authenticate(array[t.digest('Alpha token')])), '1');
select t.equal('revoke again', (select outcome from firstring.token_revoke(t.id('Alpha token'), 'user', 'U', null, null)), 'already_revoked');
select t.equal('an administrator', (select outcome from firstring.admin_token_create(t.id('boss'), null, 'boss', t.digest('boss'),
  array['admin:read', 'admin:write'], null, 'user', 'U', null, null)), 'created');
select t.equal('with a tenant''s scope', (select outcome from firstring.admin_token_create(gen_random_uuid(), null, 'other',
  t.digest('o'), array['claims:read'], null, 'user', 'U', null, null)), 'bad_scope');
select t.equal('two of one name', (select outcome from firstring.admin_token_create(gen_random_uuid(), null, 'boss', t.digest('p'),
  array['admin:read'], null, 'user', 'U', null, null)), 'name_taken');
select t.equal('no such ITSP', (select outcome from firstring.admin_token_create(gen_random_uuid(), t.id('none'), 'x', t.digest('p'),
  array['claims:read'], null, 'user', 'U', null, null)), 'unknown_itsp');
select t.equal('a tenant cannot revoke it', (select outcome from firstring.token_revoke(t.id('boss'), 'user', 'U', null, null)),
  'not_found');
