-- Claim jobs: how many, whose turn, cancelled, and what is let go of when.
begin;
select t.world(), t.phones(0, 10), t.tenant('Alpha'), t.tenant('Beta'), t.tenant('Gamma');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
create function pg_temp.hand_in(itsp text, name text, allowed int default 10, rows int default 3) returns text language sql as
$$ select pg_temp.act_as(itsp);
  select firstring.claim_job_create(t.id(name), false, false, 'token', 'T', null, null, allowed);
  select firstring.claim_job_rows_add(t.id(name), array(select generate_series(1, rows)),
    array(select 'x' from generate_series(1, rows)), array(select 'CODE' from generate_series(1, rows)),
    array(select 'p' from generate_series(1, rows)));
  select outcome from firstring.claim_job_queue(t.id(name), allowed) $$;
create function pg_temp.taken() returns text language sql as
$$ select coalesce((select n from firstring.claim_job_take('w', 30) j, unnest('{a1,a2,a3,b1,b2,g1}'::text[]) n
  where t.id(n) = j.job_id), 'none') $$;
create function pg_temp.cancel(itsp text, name text) returns text language sql as
$$ select pg_temp.act_as(itsp);
  select outcome from firstring.claim_job_cancel(t.id(name), 'cancelled', 'token', 'T', null, 'R') $$;
create function pg_temp.lines(name text) returns text language sql as
$$ select coalesce(string_agg(line::text, ' ' order by line), '') from firstring.claim_job_row where job_id = t.id(name) $$;

-- How many.
select t.equal('one', pg_temp.hand_in('Alpha', 'a1', 2), 'queued');
select t.equal('two', pg_temp.hand_in('Alpha', 'a2', 2), 'queued');
select t.equal('a third is not begun', (select outcome from firstring.claim_job_create(t.id('a3'), false, false, 'token', 'T', null, null, 2)),
  'too_many_jobs');
select firstring.claim_job_create(t.id('a3'), false, false, 'token', 'T', null, null, 3);
select t.equal('nor queued, when both counted the same', (select outcome from firstring.claim_job_queue(t.id('a3'), 2)), 'too_many_jobs');
select t.equal('and is gone', (select count(*)::text from firstring.claim_job where id = t.id('a3')), '0');
select t.equal('with a word in the log', (select count(*)::text from firstring.audit_log where action = 'claim_job.refuse'), '1');
select t.equal('another ITSP has its own number', pg_temp.hand_in('Beta', 'b1', 2), 'queued');
select t.equal('and one more', pg_temp.hand_in('Alpha', 'a3', 3), 'queued');
select t.equal('and its next', pg_temp.hand_in('Beta', 'b2', 2), 'queued');

-- Whose turn: of those who wait, who was served the longest ago; within an ITSP the first that came.
update firstring.claim_job set created_at = now() - interval '1 hour' + n * interval '1 minute'
from unnest('{a1,a2,a3,b1,b2}'::text[]) with ordinality j (name, n) where id = t.id(j.name);
select t.equal('the first that came', pg_temp.taken(), 'a1');
select t.equal('then the other ITSP', pg_temp.taken(), 'b1');
select t.equal('a new one', pg_temp.hand_in('Gamma', 'g1'), 'queued');
select t.equal('is before both', pg_temp.taken(), 'g1');
select t.equal('in turn', pg_temp.taken() || ' ' || pg_temp.taken() || ' ' || pg_temp.taken() || ' ' || pg_temp.taken(), 'a2 b2 a3 none');
update firstring.claim_job set lease_until = now() where id = t.id('b1');
select t.equal('one whose worker is silent', pg_temp.taken(), 'b1');

-- Cancelled.
select t.equal('not by another', pg_temp.cancel('Beta', 'a1'), 'not_found');
select pg_temp.act_as('Alpha');
select firstring.claim_job_rows_done(t.id('a1'), '{1}', '{ok}', '{created}', '{null}');
select t.equal('running', pg_temp.cancel('Alpha', 'a1'), 'cancelled');
select t.equal('again', pg_temp.cancel('Alpha', 'a1'), 'same');
select t.equal('how it stands', (select concat_ws(' ', state, done, total, detail, cancelled_at is not null, finished_at is not null)
  from firstring.claim_job where id = t.id('a1')), 'failed 1 3 cancelled t t');
select t.equal('the worker gets no row', (select count(*)::text from firstring.claim_job_rows_next(t.id('a1'), 'w', 30, 9)), '0');
select t.fails('and no result in', $$select firstring.claim_job_rows_done(t.id('a1'), '{2}', '{ok}', '{created}', '{null}')$$, '40001');
select t.equal('nor ends it', (select outcome from firstring.claim_job_finish(t.id('a1'), 'w', 'done', null)), 'lost');
select t.equal('audited', (select concat_ws(' ', before ->> 'state', after ->> 'done', after ->> 'total') from firstring.audit_log
  where action = 'claim_job.cancel'), 'running 1 3');
select firstring.claim_job_finish(t.id('a2'), 'w', 'done', null);
select t.equal('ended of itself', pg_temp.cancel('Alpha', 'a2'), 'job_ended');

-- Let go of.
select t.equal('what a cancelled one had not come to, step', firstring.claim_jobs_sweep(1)::text || ' ' || pg_temp.lines('a1'), '1 1 3');
select t.equal('by step', firstring.claim_jobs_sweep(5)::text || ' ' || pg_temp.lines('a1'), '1 1');
select t.equal('others stay', pg_temp.lines('a2') || ' ' || pg_temp.lines('b1'), '1 2 3 1 2 3');
update firstring.claim_job set finished_at = now() - interval '31 days' where id in (t.id('a1'), t.id('a2'));
select t.equal('rows of ended ones after 30 days', firstring.claim_jobs_sweep(100)::text || pg_temp.lines('a1') || pg_temp.lines('a2'), '4');
select t.equal('never those of one that runs', pg_temp.lines('b1'), '1 2 3');
select t.equal('their own lines stay', (select string_agg(rows_kept, ' ') from firstring.claim_job where itsp_id = t.id('Alpha') and finished_at is not null),
  'none none');
update firstring.claim_job set finished_at = now() - interval '366 days' where id in (t.id('a1'), t.id('a2'));
select t.equal('for a year', firstring.claim_jobs_sweep(100)::text, '2');
select t.equal('then they are gone', (select count(*)::text from firstring.claim_job where id in (t.id('a1'), t.id('a2'))), '0');
rollback;
