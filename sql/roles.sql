-- Who may log in, and within which limits. Cluster-wide and idempotent; what each role may do in
-- the database is in grants.sql. Run by sql/migrate as a superuser, or a role that may make roles.
-- No passwords here: the socket's peer map, certificates or a secret store say who is who.

do $$
declare
  role text;
begin
  if not exists (select from pg_roles where rolname = 'firstring_owner') then
    create role firstring_owner;
  end if;
  foreach role in array array['firstring_factory', 'firstring_redirector', 'firstring_portal',
    'firstring_admin', 'firstring_status', 'firstring_courier', 'firstring_auditor']
  loop
    if not exists (select from pg_roles where rolname = role) then
      execute format('create role %I', role);
    end if;
    execute format('alter role %I login noinherit nosuperuser nocreatedb nocreaterole'
      ' noreplication nobypassrls', role);
    -- Names are qualified in every statement; this is for people at a prompt.
    execute format('alter role %I set search_path = firstring', role);
    execute format('alter role %I set timezone = %L', role, 'UTC');
    -- A transaction is one submission: nothing waits for a client in the middle of it.
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', role, '10s');
    execute format('alter role %I set default_transaction_isolation = %L', role,
      'read committed');
    -- The statements are short; compiling one costs more than it saves.
    execute format('alter role %I set jit = off', role);
  end loop;
end
$$;
alter role firstring_owner nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;

-- Each of their statements is a lookup by key: a plan made while a table was small must not become
-- a scan when it has grown faster than its statistics.
alter role firstring_factory set enable_seqscan = off;
alter role firstring_redirector set enable_seqscan = off;
alter role firstring_portal set enable_seqscan = off;

alter role firstring_factory set statement_timeout = '10s';
alter role firstring_factory set lock_timeout = '5s';
alter role firstring_redirector set statement_timeout = '2s';
alter role firstring_redirector set lock_timeout = '1s';
alter role firstring_portal set statement_timeout = '10s';
alter role firstring_portal set lock_timeout = '3s';
alter role firstring_admin set statement_timeout = '30s';
alter role firstring_admin set lock_timeout = '3s';
alter role firstring_auditor set statement_timeout = '60s';
alter role firstring_auditor set lock_timeout = '3s';
alter role firstring_status set statement_timeout = '2s';
alter role firstring_status set lock_timeout = '1s';
alter role firstring_courier set statement_timeout = '10s';
alter role firstring_courier set lock_timeout = '3s';
