-- Role x object x verb: what is written here is granted, and nothing else is.
begin;

create temporary table expected_select (role text, relation text, columns text);
insert into expected_select values
  ('factory', 'device_model', '*'),
  ('factory', 'pki_object', '*'),
  ('status', 'pki_object', '*'),
  ('auditor', 'audit_log', '*'),
  ('auditor', 'audit_head', '*'),
  ('portal', 'claim_document', '*'),
  ('portal', 'itsp', '*'),
  ('portal', 'itsp_domain', '*'),
  ('portal', 'provisioning_profile', '*'),
  ('portal', 'api_token', 'id itsp_id name scopes created_at expires_at revoked_at last_used_at replaced_by'),
  ('portal', 'claim', 'id mac itsp_id profile_id state claimed_at released_at contacted_at '
    'contacted_before_at delivered_at armed_at once_started_at pending_since password_purged_at version'),
  ('portal', 'device', 'mac serial_number model'),
  ('portal', 'device_model', 'name format admin_user password_alphabet'),
  ('portal', 'claim_job', 'id itsp_id state dry_run atomic total prepared done failed detail rows_kept cancelled_at '
    'created_at finished_at'),
  ('portal', 'claim_job_row', 'job_id line mac status code detail profile'),
  ('portal', 'webhook', 'id itsp_id url kinds state created_at failing_since next_attempt_at version'),
  ('portal', 'webhook_attempt', '*'),
  ('portal', 'portal_user', 'id itsp_id email display_name role state has_password second_factor_at '
    'last_sign_in_at created_at version'),
  ('admin', 'portal_user', 'id itsp_id email display_name role state has_password second_factor_at '
    'last_sign_in_at created_at version'),
  ('admin', 'itsp', '*'),
  ('admin', 'itsp_domain', '*'),
  ('admin', 'device', 'mac serial_number'),
  ('admin', 'device_model', '*'),
  ('admin', 'production_order_count', '*'),
  ('admin', 'security_event', '*'),
  ('admin', 'audit_log', '*'),
  ('admin', 'api_token', 'id kind itsp_id name scopes created_at expires_at revoked_at last_used_at replaced_by'),
  ('admin', 'production_order', 'id reference model certificate_profile key_types first_mac quantity opens_at '
    'closes_at stations state created_at closed_at'),
  ('admin', 'station', 'name fingerprint state not_after created_at revoked_at');

create temporary table expected_execute (role text, functions text);
insert into expected_execute values
  ('factory', 'order_insert order_get orders_open order_close operator_upsert operator_revoke '
    'operator_by_fingerprint station_upsert station_revoke station_by_fingerprint certificates_existing '
    'certificates_store device_get certificate_revoke pki_object_put security_events_insert audit_append '
    'audit_chain audit_head_put order_extend rekey_grant_insert phone_get operators_by_name order_report '
    'order_tally_add line_certificates claim_code_rotate stations_unknown'),
  ('redirector', 'device_lookup events_insert security_events_insert delivery_advance delivery_stage'
    ' replay_beat_put replay_state'),
  ('portal', 'current_itsp token_authenticate token_create token_revoke profile_create profile_update profile_delete profile_dependents claim_compare '
    'claim_check claim_put claim_patch claim_release claim_reveal claim_rearm claim_rotate events_list events_latest audit_of_tenant '
    'idempotency_begin idempotency_effect idempotency_finish idempotency_forget claim_job_create claim_job_rows_add '
    'claim_job_queue claim_job_take claim_job_rows_next claim_job_rows_done claim_job_finish audit_append '
    'transfer_check transfer_request transfer_answer transfer_withdraw transfers_of_tenant claim_timeline '
    'webhook_create webhook_update webhook_delete webhook_rotate webhook_replay webhook_test token_rotate '
    'claims_release shipments_of_tenant claims_check claims_take claim_job_rows_take claim_job_rows_prepare claim_job_claim '
    'claim_job_cancel claim_job_give_back security_events_of_tenant '
    'claims_of_tenant tokens_authenticate claims_check_each claims_put'),
  ('admin', 'admin_token_create admin_token_revoke itsp_create itsp_patch itsp_domain_add itsp_domain_remove itsp_domain_dependents '
    'model_create model_update shipment_create shipments_of_all shipment_withdraw device_claim_code_renew device_credentials_renew devices_import device_document idempotency_begin idempotency_effect '
    'idempotency_finish idempotency_forget idempotency_sweep device_event_partitions stage_tokens_sweep '
    'passwords_purge audit_append transfer_decide transfers_advance transfers_of_all device_history'),
  ('admin', 'admin_token_rotate sealed_elsewhere sealed_replace claim_jobs_sweep audit_state'),
  ('courier', 'webhooks_take webhook_events webhook_done'),
  ('portal', 'sign_in_begin sign_in_finish sign_in_refuse session_authenticate session_end own_account '
    'own_credentials own_second_factor_propose own_second_factor_confirm own_password_change user_link_show '
    'user_link_use user_create user_patch user_remove user_link_create'),
  ('admin', 'session_end own_account own_credentials own_second_factor_propose own_second_factor_confirm '
    'own_password_change admin_user_create admin_user_patch admin_user_remove admin_user_link_create people_sweep'),
  ('status', 'certificate_status'),
  ('auditor', '');

create temporary table deviation (what text);

-- Columns, one by one: a table grant is one on all of them.
insert into deviation
select format('%s %s %s on %s.%s', r.rolname, case when w.wanted then 'lacks' else 'has' end, v.verb, c.relname,
  a.attname)
from pg_roles r
cross join pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
cross join unnest(array['select', 'insert', 'update', 'references']) v (verb)
cross join lateral (select v.verb = 'select' and exists (
  select from expected_select e
  where 'firstring_' || e.role = r.rolname and e.relation = c.relname
    and (e.columns = '*' or a.attname = any (string_to_array(e.columns, ' ')))) as wanted) w
where r.rolname like 'firstring\_%' and r.rolname <> 'firstring_owner'
  and c.relnamespace = 'firstring'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and has_column_privilege(r.oid, c.oid, a.attnum, v.verb) <> w.wanted;

-- Whole tables, sequences, schema, database.
insert into deviation
select format('%s has %s on %s', r.rolname, v.verb, c.relname)
from pg_roles r
cross join pg_class c
cross join unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) v (verb)
where r.rolname like 'firstring\_%' and r.rolname <> 'firstring_owner'
  and c.relnamespace = 'firstring'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and has_table_privilege(r.oid, c.oid, v.verb);
insert into deviation
select format('%s has %s on sequence %s', r.rolname, v.verb, c.relname)
from pg_roles r
cross join pg_class c
cross join unnest(array['usage', 'select', 'update']) v (verb)
where r.rolname like 'firstring\_%' and r.rolname <> 'firstring_owner'
  and c.relnamespace = 'firstring'::regnamespace and c.relkind = 'S' and has_sequence_privilege(r.oid, c.oid, v.verb);
insert into deviation
select format('%s may create in schema %s', r.rolname, n.nspname)
from pg_roles r cross join pg_namespace n
where r.rolname like 'firstring\_%' and n.nspname in ('firstring', 'public')
  and r.rolname <> 'firstring_owner' and has_schema_privilege(r.oid, n.oid, 'create');
insert into deviation
select format('%s has %s on the database', r.rolname, v.verb)
from pg_roles r cross join unnest(array['create', 'temporary']) v (verb)
where r.rolname like 'firstring\_%' and has_database_privilege(r.oid, 'firstring', v.verb);

-- Functions, all of them; nobody holds one through PUBLIC.
insert into deviation
select format('%s %s %s', r.rolname, case when w.wanted then 'lacks' else 'may call' end, p.oid::regprocedure)
from pg_roles r
cross join pg_proc p
cross join lateral (select exists (
  select from expected_execute e
  where 'firstring_' || e.role = r.rolname and p.proname = any (string_to_array(e.functions, ' '))) as wanted) w
where r.rolname like 'firstring\_%' and r.rolname <> 'firstring_owner' and p.pronamespace = 'firstring'::regnamespace
  and has_function_privilege(r.oid, p.oid, 'execute') <> w.wanted;
insert into deviation
select format('public may call %s', p.oid::regprocedure)
from pg_proc p
where p.pronamespace = 'firstring'::regnamespace
  and (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0));

-- The ground the grants stand on.
insert into deviation
select format('%s is more than a plain login role', rolname) from pg_roles
where rolname like 'firstring\_%'
  and (rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication
    or rolcanlogin <> (rolname <> 'firstring_owner')
    or exists (select from pg_auth_members m where m.member = pg_roles.oid));
insert into deviation
select format('%s has no %s', r.rolname, s.name)
from pg_roles r
cross join unnest(array['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) s (name)
where r.rolname like 'firstring\_%' and r.rolname <> 'firstring_owner' and not exists (
  select from pg_db_role_setting d, unnest(d.setconfig) c where d.setrole = r.oid and c like s.name || '=%');
insert into deviation
select format('%s is not owned by firstring_owner', c.relname) from pg_class c
where c.relnamespace = 'firstring'::regnamespace and pg_get_userbyid(c.relowner) <> 'firstring_owner';
insert into deviation
select format('%s is not owned by firstring_owner', p.proname) from pg_proc p
where p.pronamespace = 'firstring'::regnamespace and pg_get_userbyid(p.proowner) <> 'firstring_owner';
insert into deviation
select format('%s has no row-level security', c.relname) from pg_class c
where c.relnamespace = 'firstring'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity;
insert into deviation
select format('%s runs as its owner without a search_path of its own', p.proname) from pg_proc p
where p.pronamespace = 'firstring'::regnamespace and p.prosecdef
  and not 'search_path=firstring, pg_temp' = any (coalesce(p.proconfig, '{}'));
insert into deviation
select format('%s has no comment', c.relname) from pg_class c
where c.relnamespace = 'firstring'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and obj_description(c.oid) is null;
insert into deviation
select format('%s: foreign key %s cascades without an index', k.conrelid::regclass, k.conname) from pg_constraint k
where k.connamespace = 'firstring'::regnamespace and k.contype = 'f'
  and k.confdeltype = 'c'
  and not exists (select from pg_index i where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1]);

do $$
declare
  found text;
begin
  select string_agg(what, E'\n' order by what) into found from deviation;
  if found is not null then
    raise exception E'not as written:\n%', found;
  end if;
end
$$;

-- The walk above asks the catalogue; these few ask the server itself.
create function pg_temp.as_role(role text, statement text) returns text language plpgsql as $$
begin
  execute format('set local role %I', role);
  execute statement;
  reset role;
  return 'done';
exception when insufficient_privilege then
  return 'denied';
end
$$;
create function pg_temp.walk(statement text) returns text language sql as $$
  select string_agg(pg_temp.as_role('firstring_' || r, statement), ' ' order by n)
  from unnest(array['factory', 'redirector', 'portal', 'admin', 'status']) with ordinality u (r, n) $$;
create function pg_temp.equal(what text, got text, wanted text) returns void language plpgsql as $$
begin if got is distinct from wanted then raise exception '%: got %, wanted %', what, got, wanted; end if; end $$;
select pg_temp.equal('certificates', pg_temp.walk('select der from firstring.certificate'),
  'denied denied denied denied denied');
select pg_temp.equal('token hashes', pg_temp.walk('select token_hash from firstring.api_token'),
  'denied denied denied denied denied');
select pg_temp.equal('sealed passwords', pg_temp.walk('select sealed_password from firstring.claim'),
  'denied denied denied denied denied');
select pg_temp.equal('code hashes', pg_temp.walk('select claim_code_hash from firstring.device'),
  'denied denied denied denied denied');
select pg_temp.equal('audit read', pg_temp.walk('select 1 from firstring.audit_log'),
  'denied denied denied done denied');
select pg_temp.equal('audit write', pg_temp.walk('insert into firstring.audit_log (actor_kind) values (null)'),
  'denied denied denied denied denied');
select pg_temp.equal('audit change', pg_temp.walk('update firstring.audit_log set action = action'),
  'denied denied denied denied denied');
select pg_temp.equal('audit delete', pg_temp.walk('delete from firstring.audit_log'),
  'denied denied denied denied denied');
select pg_temp.equal('audit truncate', pg_temp.walk('truncate firstring.audit_log'),
  'denied denied denied denied denied');
