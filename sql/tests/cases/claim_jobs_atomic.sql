-- Atomic claim jobs: their rows are prepared, then all are claimed in one transaction, or none.
begin;
select t.world(), t.phones(0, 10), t.tenant('Alpha'), t.tenant('Beta');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
-- A job of these phones, taken by worker w, of which `prepared` lines are prepared.
create function pg_temp.job(name text, numbers int[], codes text[], dry_run boolean default false, prepared int default 1000)
returns void language sql as
$$ select firstring.claim_job_create(t.id(name), dry_run, true, 'token', 'T', null, null);
  select firstring.claim_job_rows_add(t.id(name), array(select generate_series(1, cardinality(numbers))),
    array(select n::text from unnest(numbers) n), codes, array(select 'p' from unnest(numbers)));
  select firstring.claim_job_queue(t.id(name));
  select firstring.claim_job_take('w', 30);
  select firstring.claim_job_rows_prepare(t.id(name), array_agg(o order by o), array_agg(t.id(name || ' claim ' || o) order by o),
    array_agg(t.mac(firstring.mac_number('00:15:65:00:00:00') + n) order by o), array_agg(codes[o] order by o),
    array_agg(t.id(split_part(name, ' ', 1) || ' profile') order by o),
    array_agg(case when not dry_run then t.sealed(n::text) end order by o))
  from unnest(numbers) with ordinality r (n, o) where o <= prepared $$;
create function pg_temp.claim(name text, worker text default 'w', key int default 1) returns text language sql as
$$ select outcome from firstring.claim_job_claim(t.id(name), worker, 30, 10, key, 'because') $$;
create function pg_temp.rows(name text) returns text language sql as
$$ select string_agg(coalesce(code, case when claim_id is null then 'waiting' else 'prepared' end), ' ' order by line)
  from firstring.claim_job_row where job_id = t.id(name) $$;
create function pg_temp.counts(name text) returns text language sql as
$$ select concat_ws(' ', prepared, done, failed) from firstring.claim_job where id = t.id(name) $$;
create function pg_temp.held() returns text language sql as
$$ select count(*)::text from firstring.claim where state <> 'released' $$;

select pg_temp.act_as('Alpha');
select pg_temp.job('Alpha 1', '{2,0,1}', '{CODE000000000,CODE000000000,CODE000000000}', prepared => 2);
select t.equal('prepared', pg_temp.rows('Alpha 1') || ' ' || pg_temp.counts('Alpha 1'), 'prepared prepared waiting 2 0 0');
select t.equal('only what waits is next', (select string_agg(line::text, ' ') from firstring.claim_job_rows_next(t.id('Alpha 1'), 'w', 30, 9)), '3');
select t.equal('not while a row waits', pg_temp.claim('Alpha 1'), 'again');
select t.equal('nor for another worker', pg_temp.claim('Alpha 1', 'other'), 'lost');
select pg_temp.act_as('Beta');
select t.equal('nor for another tenant', pg_temp.claim('Alpha 1'), 'lost');
select t.fails('nor prepared by one', $$select firstring.claim_job_rows_prepare(t.id('Alpha 1'), '{}', '{}', '{}', '{}', '{}', '{}')$$, '40001');
select pg_temp.act_as('Alpha');
select firstring.claim_job_rows_done(t.id('Alpha 1'), '{3}', '{error}', '{bad_mac}', '{null}');
select t.equal('one had failed', pg_temp.claim('Alpha 1'), 'rolled_back');
select t.equal('so all have', pg_temp.rows('Alpha 1') || ' ' || pg_temp.counts('Alpha 1'), 'rolled_back rolled_back bad_mac 0 3 3');
select t.equal('nothing is claimed', pg_temp.held(), '0');

select pg_temp.job('Alpha 2', '{2,0,1}', '{CODE000000000,CODE000000000,CODE000000009}');
select t.equal('a wrong code among them', pg_temp.claim('Alpha 2'), 'again');
select t.equal('is checked again', pg_temp.rows('Alpha 2') || ' ' || pg_temp.counts('Alpha 2'), 'prepared prepared waiting 2 0 0');
select t.equal('and nothing is claimed', pg_temp.held(), '0');
select t.equal('nor audited', (select count(*)::text from firstring.audit_log where action = 'claim.create'), '0');

select pg_temp.job('Alpha 3', '{2,0,1}', '{CODE000000000,CODE000000000,CODE000000000}');
select t.equal('sealed under another key', pg_temp.claim('Alpha 3', key => 2), 'again');
select t.equal('all are prepared again', pg_temp.rows('Alpha 3') || ' ' || pg_temp.counts('Alpha 3'), 'waiting waiting waiting 0 0 0');
select t.equal('and keep nothing', (select count(sealed_password)::text from firstring.claim_job_row where job_id = t.id('Alpha 3')), '0');

select pg_temp.job('Alpha 4', '{2,0,1,0}', '{CODE000000000,CODE000000000,CODE000000000,CODE000000000}');
select t.equal('all', pg_temp.claim('Alpha 4'), 'claimed');
select t.equal('each has its result', pg_temp.rows('Alpha 4') || ' ' || pg_temp.counts('Alpha 4'), 'created created created same 0 4 0');
select t.equal('nothing stays behind', (select count(*)::text from firstring.claim_job_row where job_id = t.id('Alpha 4')
  and num_nonnulls(claim_code, phone, claim_id, proof_code, profile_id, sealed_password) > 0), '0');
select t.equal('three are held', pg_temp.held(), '3');
select t.equal('and audited', (select string_agg(actor_id || object_id, ' ' order by id) from firstring.audit_log where action = 'claim.create'),
  'T00:15:65:00:00:00 T00:15:65:00:00:01 T00:15:65:00:00:02');
select t.equal('once more is the same', pg_temp.claim('Alpha 4') || ' ' || pg_temp.counts('Alpha 4'), 'claimed 0 4 0');

select pg_temp.job('Alpha 5', '{5,6}', '{CODE000000000,CODE000000000}', true);
select t.equal('a dry run', pg_temp.claim('Alpha 5') || ' ' || pg_temp.rows('Alpha 5'), 'claimed possible possible');
select pg_temp.act_as('Beta');
select pg_temp.job('Beta 1', '{4,0}', '{CODE000000000,CODE000000000}');
select t.equal('one that is another''s', pg_temp.claim('Beta 1') || ' ' || pg_temp.rows('Beta 1'), 'again prepared waiting');
select t.equal('finish', (select outcome from firstring.claim_job_finish(t.id('Beta 1'), 'w', 'failed', null)), 'finished');
select t.equal('and nothing is kept', (select count(claim_id)::text from firstring.claim_job_row where job_id = t.id('Beta 1')), '0');
select t.equal('three are held still', pg_temp.held(), '3');
rollback;
