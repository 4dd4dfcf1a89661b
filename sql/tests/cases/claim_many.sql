-- Many claims in one transaction: all of them or none.
begin;
select t.world(), t.phones(0, 10), t.tenant('Alpha'), t.tenant('Beta');
create function pg_temp.act_as(name text) returns void language sql as
$$ select set_config('firstring.itsp', coalesce(t.id(name)::text, ''), true) $$;
create function pg_temp.claim(numbers int[], codes text[], profile text default 'Alpha profile')
returns text language sql as
$$ select string_agg(outcome, ' ' order by ordinal) from firstring.claims_put(
  array(select gen_random_uuid() from unnest(numbers)),
  array(select t.mac(firstring.mac_number('00:15:65:00:00:00') + n) from unnest(numbers) n), codes,
  array(select t.id(profile) from unnest(numbers)), array(select t.sealed('first') from unnest(numbers)), 10,
  'token', 'T', null, 'request') $$;

select t.fails('no tenant', $$select pg_temp.claim('{0}', '{CODE000000000}')$$, '42501');
select pg_temp.act_as('Alpha');
select t.equal('one that is not granted undoes the others', pg_temp.claim('{2,0,1}',
  '{CODE000000000,CODE000000000,CODE000000009}'), 'rolled_back rolled_back possession_not_proven');
select t.equal('nothing is claimed', (select count(*)::text from firstring.claim), '0');
select t.equal('nor audited', (select count(*)::text from firstring.audit_log where action = 'claim.create'), '0');
select t.equal('all', pg_temp.claim('{2,0,1}', '{CODE000000000,CODE000000000,CODE000000000}'), 'created created created');
select t.equal('one''s own are the same again', pg_temp.claim('{0,3}', '{null,CODE000000000}'), 'same created');
select pg_temp.act_as('Beta');
select t.equal('one that is another''s', pg_temp.claim('{4,0}', '{CODE000000000,CODE000000000}', 'Beta profile'),
  'rolled_back claimed_elsewhere');
select t.equal('four are held', (select count(*)::text from firstring.claim where state <> 'released'), '4');
select t.fails('5,001 are too many', $$select firstring.claims_put(array_fill(t.id('x'), array[5001]), '{}', '{}', '{}',
  '{}', 10, 'token', 'T', null, null)$$, '22000');
rollback;
