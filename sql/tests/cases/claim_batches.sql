-- Bulk claims in sets: the same outcomes as one by one, and no way round the limit of wrong codes.
begin;
select t.world(), t.phones(0, 40), t.tenant('Alpha'), t.tenant('Beta');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
create function pg_temp.macs(numbers int[]) returns macaddr[] language sql as
$$ select array_agg(t.mac(firstring.mac_number('00:15:65:00:00:00') + n) order by o) from unnest(numbers) with ordinality u (n, o) $$;
create function pg_temp.take(numbers int[], codes text[], profile text default 'Alpha profile', allowed int default 10)
returns text language sql as
$$ select string_agg(outcome, ' ' order by ordinal) from firstring.claims_take(
  array(select gen_random_uuid() from unnest(numbers)), pg_temp.macs(numbers), codes,
  array(select t.id(profile) from unnest(numbers)), array(select t.sealed('first') from unnest(numbers)), allowed,
  'token', 'T', null, 'request') $$;
create function pg_temp.check_them(numbers int[], codes text[], profiles text[], allowed int default 10) returns text language sql as
$$ select string_agg(concat_ws('/', outcome, model, serial_number), ' ' order by ordinal) from firstring.claims_check(
  pg_temp.macs(numbers), codes, profiles, allowed, 'token', 'T', null, 'request') $$;
create function pg_temp.failures(name text) returns text language sql as
$$ select coalesce(sum(failures), 0)::text from firstring.claim_failure where itsp_id = t.id(name) $$;

select t.fails('no tenant', $$select pg_temp.take('{0}', '{CODE000000000}')$$, '42501');
select pg_temp.act_as('Alpha');
select firstring.shipment_create(t.id('Alpha'), pg_temp.macs('{5,6}'), 'test', 'test', null, null);
select t.equal('checked', pg_temp.check_them('{0,5,1,2000,3}', '{CODE000000000,null,null,null,CODE000000009}',
  array['Alpha profile', t.id('Alpha profile')::text, 'Alpha profile', 'Alpha profile', 'no such']),
  'possible/M/SN0 possible/M/SN5 possession_not_proven possession_not_proven unknown_profile');
select t.equal('taken', pg_temp.take('{2,0,5,1,2000}', '{CODE000000000,CODE000000000,null,null,CODE000000000}'),
  'created created created possession_not_proven possession_not_proven');
select t.equal('the notice is consumed', (select state from firstring.shipment where mac = '00:15:65:00:00:05'), 'consumed');
select t.equal('each is audited as one by one', (select string_agg(concat_ws(' ', object_id, after ->> 'proof'), ', ' order by object_id)
  from firstring.audit_log where action = 'claim.create'),
  '00:15:65:00:00:00 code, 00:15:65:00:00:02 code, 00:15:65:00:00:05 shipment');
select t.equal('a wrong code is counted', pg_temp.failures('Alpha'), '1');
select t.equal('the same phone twice', pg_temp.take('{7,7,0}', '{CODE000000000,CODE000000000,null}'), 'created same same');
select firstring.profile_create(t.id('Alpha second'), 'second', 'https://itsp.example/', '{}', null, null, null, null, 'token', 'T',
  null, null);
select t.equal('another profile', pg_temp.take('{0}', '{null}', 'Alpha second'), 'claim_differs');
select t.equal('another tenant''s profile', pg_temp.take('{8}', '{CODE000000000}', 'Beta profile'), 'unknown_profile');
select pg_temp.act_as('Beta');
select t.equal('another''s, proven and not', pg_temp.take('{0,0,5}', '{CODE000000000,CODE000000009,null}', 'Beta profile'),
  'claimed_elsewhere possession_not_proven possession_not_proven');
select t.equal('that one was counted', pg_temp.failures('Beta'), '1');

-- Rows of several requests: each has its actor, its outcome and its document.
create function pg_temp.put(numbers int[], codes text[], profile text default 'Alpha profile') returns text language sql as
$$ select string_agg(concat_ws('/', outcome, mac, model, state, version), ' ' order by ordinal) from firstring.claims_put(
  array(select gen_random_uuid() from unnest(numbers)), pg_temp.macs(numbers), codes, array(select t.id(profile) from unnest(numbers)),
  array(select t.sealed('first') from unnest(numbers)), 10, array(select 'token' from unnest(numbers)),
  array(select 'T' || n from unnest(numbers) n), array(select ('192.0.2.' || n % 256)::inet from unnest(numbers) n),
  array(select 'request ' || n from unnest(numbers) n)) $$;
select set_config('firstring.itsp', '', true);
select t.fails('claims without a tenant', $$select pg_temp.put('{30}', '{CODE000000000}')$$, '42501');
select pg_temp.act_as('Alpha');
select t.equal('put', pg_temp.put('{30,31,0,2000,30}', '{CODE000000000,CODE000000009,null,null,null}'),
  'created/00:15:65:00:00:1e/M/live/1 possession_not_proven same/00:15:65:00:00:00/M/live/1 possession_not_proven'
  || ' same/00:15:65:00:00:1e/M/live/1');
select t.equal('audited as its own', (select concat_ws(' ', actor_kind, actor_id, host(source_ip), request_id) from firstring.audit_log
  where object_id = '00:15:65:00:00:1e'), 'token T30 192.0.2.30 request 30');
select t.equal('so is a wrong code', (select concat_ws(' ', host(source_ip), detail ->> 'actor_id', detail ->> 'request_id')
  from firstring.security_event where mac = '00:15:65:00:00:1f'), '192.0.2.31 T31 request 31');
select t.equal('checked, each with what its answer needs', (select string_agg(concat_ws('/', outcome, provisioning_url, delivery, model,
  serial_number), ' ' order by ordinal) from firstring.claims_check_each(pg_temp.macs('{32,30,33,2000}'),
  '{CODE000000000,null,null,null}', array[t.id('Alpha profile'), t.id('Alpha profile'), t.id('Beta profile'), t.id('Alpha profile')], 10,
  '{a,b,c,d}', '{a,b,c,d}', array[null, null, null, null]::inet[], '{a,b,c,d}')),
  'possible/https://prov.itsp.example/{mac}.cfg/direct/M/SN32 same/https://prov.itsp.example/{mac}.cfg/direct/M/SN30 unknown_profile'
  || ' possession_not_proven/https://prov.itsp.example/{mac}.cfg/direct');

-- Rows of a job: what is granted is noted as done with it, the rest is told.
select pg_temp.act_as('Alpha');
select firstring.claim_job_create(t.id('job'), false, false, 'token', 'T', null, null);
select firstring.claim_job_rows_add(t.id('job'), '{2,3,4,5}', '{20,21,20,22}', '{A,B,C,D}', '{p,p,p,p}');
select firstring.claim_job_queue(t.id('job'));
create function pg_temp.take_rows(worker text) returns text language sql as
$$ select string_agg(line || outcome, ' ') from firstring.claim_job_rows_take(t.id('job'), worker, 30, '{2,3,4}',
  array[t.id('20'), t.id('21'), t.id('20 again')], pg_temp.macs('{20,21,20}'), '{CODE000000000,CODE000000009,CODE000000000}',
  array(select t.id('Alpha profile') from generate_series(1, 3)), array(select t.sealed('first') from generate_series(1, 3)), 10) $$;
select t.fails('before the job is taken', $$select pg_temp.take_rows('w')$$, '40001');
select firstring.claim_job_take('w', 30);
select t.fails('by another worker', $$select pg_temp.take_rows('other')$$, '40001');
select t.equal('then nothing is claimed', (select count(*)::text from firstring.claim where mac = '00:15:65:00:00:14'), '0');
update firstring.claim_job set lease_until = now();
select t.equal('rows that were not granted', pg_temp.take_rows('w'), '3possession_not_proven');
select t.equal('the others have their results', (select string_agg(concat_ws(' ', line, status, code, claim_code), ', ' order by line)
  from firstring.claim_job_row where job_id = t.id('job')), '2 ok created, 3 B, 4 ok same, 5 D');
select t.equal('and the job moves on', (select concat_ws(' ', done, failed, lease_until > now() + interval '20 seconds')
  from firstring.claim_job where id = t.id('job')), '2 0 t');
select t.equal('audited as the job''s', (select concat_ws(' ', actor_kind, actor_id, request_id = t.id('job')::text)
  from firstring.audit_log where object_id = '00:15:65:00:00:14'), 'token T t');
select t.equal('next is what waits, behind a line', (select string_agg(line::text, ' ' order by line)
  from firstring.claim_job_rows_next(t.id('job'), 'w', 30, 9, 3)), '5');
select t.equal('or from the beginning', (select string_agg(line::text, ' ' order by line)
  from firstring.claim_job_rows_next(t.id('job'), 'w', 30, 9)), '3 5');
update firstring.claim_job set lease_until = now() + interval '5 seconds';
select firstring.claim_job_rows_next(t.id('job'), 'w', 30, 9);
select t.equal('reading renews a lease that runs out', (select (lease_until > now() + interval '20 seconds')::text
  from firstring.claim_job where id = t.id('job')), 'true');
select pg_temp.act_as('Beta');
select t.fails('nor by another tenant', $$select pg_temp.take_rows('w')$$, '40001');

-- Fifty guesses with the right one among them: after the eleventh wrong one no code is looked at.
select t.equal('no way round the limit', pg_temp.take(array(select 10 from generate_series(1, 50)),
  array(select case n when 40 then 'CODE000000000' else 'CODE0000' || lpad(n::text, 5, '0') end from generate_series(1, 50) n),
  'Beta profile'), array_to_string(array(select case when n <= 10 then 'possession_not_proven' else 'rate_limited' end
  from generate_series(1, 50) n), ' '));
select t.equal('nothing was claimed by guessing', (select count(*)::text from firstring.claim where itsp_id = t.id('Beta')), '0');
select t.equal('then limited', pg_temp.take('{11}', '{CODE000000000}', 'Beta profile'), 'rate_limited');
select firstring.itsp_patch(t.id('Alpha'), null, null, true, 'test', 'test', null, null);
select pg_temp.act_as('Alpha');
select t.equal('suspended', pg_temp.take('{12}', '{CODE000000000}'), 'itsp_suspended');
rollback;
