-- So many profiles, tokens, people and domains of an ITSP; of another as many again.
begin;
select t.tenant('Alpha'), t.tenant('Beta');
insert into firstring.provisioning_profile (id, itsp_id, name, provisioning_url)
select gen_random_uuid(), t.id('Alpha'), 'p' || n, 'https://itsp.example/' from generate_series(1, 999) n;
select t.fails('one profile more', $$insert into firstring.provisioning_profile (id, itsp_id, name, provisioning_url)
  values (gen_random_uuid(), t.id('Alpha'), 'more', 'https://itsp.example/')$$, 'P0409');
update firstring.provisioning_profile set deleted_at = now() where name = 'p7';
insert into firstring.provisioning_profile (id, itsp_id, name, provisioning_url)
values (gen_random_uuid(), t.id('Alpha'), 'in its place', 'https://itsp.example/'), (gen_random_uuid(), t.id('Beta'), 'more', 'https://itsp.example/');

insert into firstring.itsp_domain (itsp_id, domain) select t.id('Alpha'), 'd' || n || '.example' from generate_series(1, 199) n;
select t.fails('one domain more', $$insert into firstring.itsp_domain (itsp_id, domain) values (t.id('Alpha'), 'more.example')$$, 'P0409');
insert into firstring.portal_user (id, itsp_id, email, display_name, role)
select gen_random_uuid(), t.id('Alpha'), 'u' || n || '@itsp.example', 'U', 'engineer' from generate_series(1, 1000) n;
select t.fails('one person more', $$insert into firstring.portal_user (id, itsp_id, email, display_name, role)
  values (gen_random_uuid(), t.id('Alpha'), 'more@itsp.example', 'U', 'engineer')$$, 'P0409');
insert into firstring.portal_user (id, itsp_id, email, display_name, role) values (gen_random_uuid(), null, 'm@maker.example', 'M', 'auditor');

insert into firstring.api_token (id, kind, itsp_id, name, token_hash, scopes)
select t.id('token ' || n), 'itsp', t.id('Alpha'), 't' || n, t.digest('t' || n), array['claims:read'] from generate_series(1, 500) n;
select t.fails('one token more', $$insert into firstring.api_token (id, kind, itsp_id, name, token_hash, scopes)
  values (gen_random_uuid(), 'itsp', t.id('Alpha'), 'more', t.digest('more'), array['claims:read'])$$, 'P0409');
select set_config('firstring.itsp', t.id('Alpha')::text, true);
select t.equal('one is rotated all the same', (select outcome from firstring.token_rotate(t.id('token 1'), t.id('token 1 anew'), t.digest('anew'),
  3600, 'token', 'T', null, null)), 'rotated');
update firstring.api_token set revoked_at = now() where id in (t.id('token 2'), t.id('token 3'));
insert into firstring.api_token (id, kind, itsp_id, name, token_hash, scopes)
values (gen_random_uuid(), 'itsp', t.id('Alpha'), 'in its place', t.digest('place'), array['claims:read']);
rollback;
