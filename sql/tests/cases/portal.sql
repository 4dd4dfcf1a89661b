-- The manufacturer's calls, imports, idempotency keys, jobs.
begin;
select t.world(), t.phones(0, 3), t.tenant('Alpha');
select t.equal('a model again', (select outcome from firstring.model_create('M', 'yealink', array['p256', 'rsa2048'],
  'certificate', null, null, null, null, 'user', 'U', null, null)), 'existing');
select t.equal('another one of its name', (select outcome from firstring.model_create('M', 'snom', array['p256'],
  'certificate', null, null, null, null, 'user', 'U', null, null)), 'name_taken');
select t.equal('unknown format', (select outcome from firstring.model_create('N', 'tftp', array['p256'],
  'certificate', null, null, null, null, 'user', 'U', null, null)), 'unknown_format');
select t.equal('unknown key type', (select outcome from firstring.model_create('N', 'snom', array['p256', 'rsa1024'],
  'certificate', null, null, null, null, 'user', 'U', null, null)), 'bad_key_type');
select t.equal('an old model', (select outcome from firstring.model_create('Old', 'snom', array['rsa2048'],
  'password', null, null, null, null, 'user', 'U', null, null)), 'created');
select t.fails('a model name that breaks a subject', $$select firstring.model_create('N,O=x', 'snom', array['p256'],
  'certificate', null, null, null, null, 'user', 'U', null, null)$$, '23514');
select t.equal('an ITSP of the same name', (select outcome from firstring.itsp_create(gen_random_uuid(), 'Alpha', 'user', 'U',
  null, null)), 'name_taken');
select t.equal('suspend, again, with an old version', (
  select string_agg(outcome || version, ' ' order by n) from (values (1, 1), (2, 2), (3, 1)) v (n, expected),
  lateral firstring.itsp_patch(t.id('Alpha'), expected, null, true, 'user', 'U', null, null)), 'updated2 same2 version_mismatch2');
select t.equal('suspended tokens say so', (select outcome from firstring.admin_token_create(gen_random_uuid(), t.id('Alpha'), 'x',
  t.digest('x'), array['claims:read'], null, 'user', 'U', null, null)), 'created');
select t.equal('suspended', (select itsp_suspended::text from firstring.token_authenticate(t.digest('x'))), 'true');
select firstring.itsp_patch(t.id('Alpha'), null, null, false, 'user', 'U', null, null);
select t.equal('domain again', (select outcome from firstring.itsp_domain_add(t.id('Alpha'), 'itsp.example', 'user', 'U', null, null)),
  'existing');
select t.fails('a single label', $$select firstring.itsp_domain_add(t.id('Alpha'), 'localhost', 'user', 'U', null, null)$$, '23514');
select t.fails('upper case', $$select firstring.itsp_domain_add(t.id('Alpha'), 'Itsp.example', 'user', 'U', null, null)$$, '23514');
select t.equal('a domain not used', (select a.outcome || ' ' || r.outcome from
  firstring.itsp_domain_add(t.id('Alpha'), 'other.example', 'user', 'U', null, null) a,
  lateral firstring.itsp_domain_remove(t.id('Alpha'), case when a.outcome = 'created' then 'other.example' end, 'user', 'U', null,
  null) r), 'created removed');

-- Phones made elsewhere.
create function pg_temp.import() returns text language sql as $$
  select string_agg(outcome, ' ' order by ordinal) from firstring.devices_import(
    array['00:0e:00:00:00:01', '00:0e:00:00:00:02', '00:0e:00:00:00:03', '00:0e:00:00:00:01', '00:15:65:00:00:00',
      '00:0e:00:00:00:05', '00:0e:00:00:00:06', '00:0e:00:00:00:07', '00:0e:00:00:00:08']::macaddr[],
    array['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I+'],
    array['M', 'Old', 'none', 'M', 'M', 'M', 'Old', 'M', 'M'],
    array[t.digest('imported'), null, t.digest('x'), t.digest('y'), t.digest('z'), null, t.digest('w'),
      t.digest('certificate 1'), t.digest('v')],
    array[null, 'user-b', null, null, null, null, null, null, null],
    array[null, t.digest('password'), null, null, null, null, null, null, null],
    array_fill(t.digest('code'), array[9]), 'user', 'U', null, null) $$;
select t.equal('each its outcome', pg_temp.import(), 'created created unknown_model duplicate differs wrong_authentication '
  'created fingerprint_in_use bad_serial_number');
select t.equal('again', pg_temp.import(), 'existing existing unknown_model duplicate differs wrong_authentication '
  'existing fingerprint_in_use bad_serial_number');
select t.equal('found by its certificate', (select mac::text || ' ' || model from firstring.device_lookup(array[t.digest('imported')])),
  '00:0e:00:00:00:01 M');
select t.equal('the separate facts', (select concat_ws(' ', serial_number, model, source, order_reference, certificate_status)
  from firstring.device_document('00:15:65:00:00:01')), 'SN1 M factory O live');

-- Idempotency keys: begin | effect + mark | finish.
create function pg_temp.begin(hash text) returns text language sql as $$
  select concat_ws(' ', outcome, object_id, status, response, had_secret)
  from firstring.idempotency_begin(t.id('P'), 'POST /v1/profiles', 'key', t.digest(hash)) $$;
select t.equal('first', pg_temp.begin('a'), 'new f');
select t.equal('meanwhile', pg_temp.begin('a'), 'in_progress f');
select t.equal('another body', pg_temp.begin('b'), 'differs f');
select set_config('firstring.effect', '', true);
select t.equal('no effect, no mark', firstring.idempotency_effect(t.id('P'), 'POST /v1/profiles', 'key')::text, 'false');
select set_config('firstring.itsp', t.id('Alpha')::text, true);
select firstring.profile_create(t.id('made'), 'made', 'https://itsp.example/', '{}', null, null, null, null, 'token', 'T', null, null);
select t.equal('marked', firstring.idempotency_effect(t.id('P'), 'POST /v1/profiles', 'key')::text, 'true');
select t.equal('never let go once done', firstring.idempotency_forget(t.id('P'), 'POST /v1/profiles', 'key')::text, 'false');
select t.equal('done, its answer lost', pg_temp.begin('a'), 'effect_done ' || t.id('made') || ' f');
select t.equal('finish', firstring.idempotency_finish(t.id('P'), 'POST /v1/profiles', 'key', 201, '{"id":1}', false)::text, 'true');
select t.equal('replay', pg_temp.begin('a'), 'replay ' || t.id('made') || ' 201 {"id":1} f');
select t.fails('a secret is not kept', $$insert into firstring.idempotency values (t.id('P'), 'r', 'k', t.digest('x'), 'done', null,
  201, 'secret', true)$$, '23514');
update firstring.idempotency set created_at = created_at - interval '25 hours';
select t.equal('a day later', pg_temp.begin('b'), 'new f');
update firstring.idempotency set created_at = created_at - interval '2 minutes';
select t.equal('the request that never came back', pg_temp.begin('b'), 'new f');
select t.equal('forget', firstring.idempotency_forget(t.id('P'), 'POST /v1/profiles', 'key')::text, 'true');
select t.fails('an effect without its key', $$select firstring.idempotency_effect(t.id('P'), 'POST /v1/profiles', 'key')$$, '40001');

-- Jobs.
select t.equal('job', (select outcome from firstring.claim_job_create(t.id('job'), false, true, 'token', 'T', null, null)), 'created');
select t.equal('rows', (select outcome || total from firstring.claim_job_rows_add(t.id('job'), array[2, 3, 4]::bigint[],
  array['001565000000', '001565000001', 'bad'], array['A', 'B', null], array['p', 'p', 'p'])), 'added3');
select t.equal('not before it is queued', (select count(*)::text from firstring.claim_job_take('w', 30)), '0');
select t.equal('queue', (select outcome from firstring.claim_job_queue(t.id('job'))), 'queued');
select t.equal('rows after that', (select outcome from firstring.claim_job_rows_add(t.id('job'), array[5]::bigint[],
  array['x'], array['A'], array['p'])), 'not_receiving');
select t.equal('take', (select job_id::text || itsp_id || atomic from firstring.claim_job_take('w', 30)),
  t.id('job')::text || t.id('Alpha') || 'true');
select t.equal('taken', (select count(*)::text from firstring.claim_job_take('other', 30)), '0');
select t.equal('next', (select string_agg(line || mac, ' ' order by line) from firstring.claim_job_rows_next(t.id('job'), 'w', 30, 2)),
  '2001565000000 3001565000001');
select t.equal('another worker gets none', (select count(*)::text from firstring.claim_job_rows_next(t.id('job'), 'other', 30, 2)), '0');
select t.equal('done', (select done || ' ' || failed from firstring.claim_job_rows_done(t.id('job'), array[2, 3]::bigint[],
  array['ok', 'error'], array['created', 'claim_differs'], array[null, 'text'])), '2 1');
select t.equal('done twice counts once', (select done || ' ' || failed from firstring.claim_job_rows_done(t.id('job'),
  array[3, 4]::bigint[], array['error', 'error'], array['x', 'bad_row'], array[null, null])), '3 2');
select t.equal('codes are wiped', (select count(claim_code)::text from firstring.claim_job_row), '0');
update firstring.claim_job set lease_until = now() - interval '1 second';
select t.equal('a silent worker loses it', (select count(*)::text from firstring.claim_job_take('other', 30)), '1');
select t.equal('and cannot finish', (select outcome from firstring.claim_job_finish(t.id('job'), 'w', 'done', null)), 'lost');
select t.equal('finish', (select outcome from firstring.claim_job_finish(t.id('job'), 'other', 'done', null)), 'finished');
