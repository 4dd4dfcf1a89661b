-- What each role may do: everything is taken away first, then given. Idempotent; sql/migrate runs
-- it after migrations, in one transaction, whenever it or they have changed.

-- Policies are dropped and made under an exclusive lock of their table, and daemons of the release before serve all the
-- while with several tables in one statement: who took the tables one after another would meet them in a deadlock. So
-- all are taken first, and given back at once when one of them is not to be had before anybody looks for a deadlock.
do $$
declare
  one regclass;
begin
  for attempt in 1..600 loop
    begin
      perform set_config('lock_timeout', '100ms', true);
      for one in select oid from pg_class where relnamespace = 'firstring'::regnamespace and relkind in ('r', 'p')
        order by oid
      loop
        execute format('lock table %s in access exclusive mode', one);
      end loop;
      perform set_config('lock_timeout', '30s', true);
      return;
    exception when lock_not_available then
      perform pg_sleep(0.1 * random());
    end;
  end loop;
  raise exception 'some table is always in use: is a long transaction running? see pg_stat_activity'
    using errcode = 'lock_not_available';
end
$$;

do $$
declare
  daemons constant text := 'firstring_factory, firstring_redirector, firstring_portal,'
    ' firstring_admin, firstring_status, firstring_courier, firstring_auditor';
  one record;
begin
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to firstring_owner, %s', current_database(),
    daemons);
  execute 'revoke all on schema firstring from public, ' || daemons;
  execute 'grant usage on schema firstring to ' || daemons;
  execute 'revoke all on all tables in schema firstring from public, ' || daemons;
  execute 'revoke all on all sequences in schema firstring from public, ' || daemons;
  execute 'revoke all on all functions in schema firstring from public, ' || daemons;
  -- Column grants are kept apart from table grants and survive the above.
  for one in
    select c.oid::regclass as name,
      string_agg(distinct quote_ident(a.attname), ', ') as columns
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attacl is not null and not a.attisdropped
    where c.relnamespace = 'firstring'::regnamespace
    group by c.oid
  loop
    execute format('revoke all (%s) on %s from public, %s', one.columns, one.name, daemons);
  end loop;
  for one in select schemaname, tablename, policyname from pg_policies
    where schemaname = 'firstring'
  loop
    execute format('drop policy %I on %I.%I', one.policyname, one.schemaname, one.tablename);
  end loop;
  -- On every table, also those that nobody may read: a grant made by mistake shows no row.
  for one in
    select c.oid::regclass as name from pg_class c
    where c.relnamespace = 'firstring'::regnamespace and c.relkind in ('r', 'p')
      and not c.relrowsecurity
  loop
    execute format('alter table %s enable row level security', one.name);
  end loop;
end
$$;

set local search_path = firstring, pg_temp;

-- factory-ca front and the operator's commands.
grant select on device_model, pki_object to firstring_factory;
create policy factory_reads on device_model for select to firstring_factory using (true);
create policy factory_reads on pki_object for select to firstring_factory using (true);
grant execute on function order_insert, order_get, orders_open, order_close, operator_upsert,
  operator_revoke, operator_by_fingerprint, station_upsert, station_revoke,
  station_by_fingerprint, certificates_existing, certificates_store, device_get,
  certificate_revoke, pki_object_put, security_events_insert, audit_append, audit_chain,
  audit_head_put, order_extend, rekey_grant_insert, phone_get, operators_by_name, order_report,
  order_tally_add, line_certificates, claim_code_rotate, stations_unknown to firstring_factory;

-- redirector: functions only, no table.
grant execute on function device_lookup, events_insert, security_events_insert,
  delivery_advance, delivery_stage, replay_beat_put, replay_state to firstring_redirector;

-- portal-api, tenant pool: its own rows, and of those nothing sealed and no hash.
grant execute on function current_itsp, token_authenticate, token_create, token_revoke,
  profile_create, profile_update, profile_delete, claim_check, claim_put, claim_patch,
  claim_release, claim_reveal, claim_rearm, claim_rotate, events_list, events_latest, audit_of_tenant, idempotency_begin,
  idempotency_effect, idempotency_finish, idempotency_forget, claim_job_create,
  claim_job_rows_add, claim_job_queue, claim_job_take, claim_job_rows_next,
  claim_job_rows_done, claim_job_finish, audit_append, transfer_check, transfer_request,
  transfer_answer, transfer_withdraw, transfers_of_tenant, claim_timeline, webhook_create,
  webhook_update, webhook_delete, webhook_rotate, webhook_replay, webhook_test, token_rotate,
  profile_dependents, claim_compare,
  claims_release, shipments_of_tenant, claims_check, claims_take, claim_job_rows_take, claim_job_rows_prepare,
  claim_job_claim, claim_job_cancel, claim_job_give_back, security_events_of_tenant,
  claims_of_tenant, tokens_authenticate, claims_check_each, claims_put
  to firstring_portal;
grant select on claim_document, itsp, itsp_domain, provisioning_profile to firstring_portal;
grant select (id, itsp_id, name, scopes, created_at, expires_at, revoked_at, last_used_at,
  replaced_by) on api_token
  to firstring_portal;
grant select (id, mac, itsp_id, profile_id, state, claimed_at, released_at, contacted_at,
  contacted_before_at, delivered_at, armed_at, once_started_at, pending_since, password_purged_at, version) on claim
  to firstring_portal;
grant select (mac, serial_number, model) on device to firstring_portal;
grant select (name, format, admin_user, password_alphabet) on device_model to firstring_portal;
grant select (id, itsp_id, state, dry_run, atomic, total, prepared, done, failed, detail, rows_kept,
  cancelled_at, created_at, finished_at) on claim_job to firstring_portal;
grant select (job_id, line, mac, status, code, detail, profile) on claim_job_row to firstring_portal;
grant select (id, itsp_id, url, kinds, state, created_at, failing_since, next_attempt_at, version)
  on webhook to firstring_portal;
grant select on webhook_attempt to firstring_portal;
create policy tenant_reads on webhook for select to firstring_portal
  using (itsp_id = current_itsp());
create policy tenant_reads on webhook_attempt for select to firstring_portal
  using (exists (select from webhook w where w.id = webhook_id and w.itsp_id = current_itsp()));
create policy tenant_reads on itsp for select to firstring_portal
  using (id = current_itsp());
create policy tenant_reads on itsp_domain for select to firstring_portal
  using (itsp_id = current_itsp());
create policy tenant_reads on provisioning_profile for select to firstring_portal
  using (itsp_id = current_itsp());
create policy tenant_reads on api_token for select to firstring_portal
  using (itsp_id = current_itsp());
-- `= any`, or a list ordered by (itsp_id, mac) would be planned along other tenants' claims.
create policy tenant_reads on claim for select to firstring_portal
  using (itsp_id = any (array[current_itsp()]));
create policy tenant_reads on device for select to firstring_portal
  using (exists (select from claim c where c.mac = device.mac and c.state <> 'released'
    and c.itsp_id = current_itsp()));
create policy tenant_reads on device_model for select to firstring_portal using (true);
create policy tenant_reads on claim_job for select to firstring_portal
  using (itsp_id = current_itsp());
create policy tenant_reads on claim_job_row for select to firstring_portal
  using (exists (select from claim_job j where j.id = job_id and j.itsp_id = current_itsp()));

-- People: those who are not signed in yet, their own accounts, and the tenant's users.
grant execute on function sign_in_begin, sign_in_finish, sign_in_refuse, session_authenticate,
  session_end, own_account, own_credentials, own_second_factor_propose, own_second_factor_confirm,
  own_password_change, user_link_show, user_link_use, user_create, user_patch, user_remove,
  user_link_create to firstring_portal;
grant select (id, itsp_id, email, display_name, role, state, has_password, second_factor_at,
  last_sign_in_at, created_at, version) on portal_user to firstring_portal, firstring_admin;
create policy tenant_reads on portal_user for select to firstring_portal
  using (itsp_id = current_itsp());

-- portal-api, the manufacturer's pool.
grant execute on function admin_token_create, admin_token_revoke, itsp_create, itsp_patch,
  itsp_domain_add, itsp_domain_remove, itsp_domain_dependents, model_create, model_update, shipment_create,
  shipments_of_all, shipment_withdraw, device_claim_code_renew, device_credentials_renew, devices_import,
  device_document, idempotency_begin, idempotency_effect, idempotency_finish,
  idempotency_forget, idempotency_sweep, device_event_partitions, stage_tokens_sweep,
  passwords_purge, audit_append, transfer_decide, transfers_advance, transfers_of_all,
  device_history, admin_token_rotate,
  sealed_elsewhere, sealed_replace, claim_jobs_sweep, audit_state to firstring_admin;
grant select on itsp, itsp_domain, device_model, production_order_count, security_event,
  audit_log to firstring_admin;
grant select (id, kind, itsp_id, name, scopes, created_at, expires_at, revoked_at, last_used_at,
  replaced_by) on api_token
  to firstring_admin;
grant select (id, reference, model, certificate_profile, key_types, first_mac, quantity,
  opens_at, closes_at, stations, state, created_at, closed_at) on production_order
  to firstring_admin;
grant select (name, fingerprint, state, not_after, created_at, revoked_at) on station
  to firstring_admin;
grant select (mac, serial_number) on device to firstring_admin;
grant execute on function session_end, own_account, own_credentials, own_second_factor_propose,
  own_second_factor_confirm, own_password_change, admin_user_create, admin_user_patch,
  admin_user_remove, admin_user_link_create, people_sweep to firstring_admin;
create policy admin_reads on portal_user for select to firstring_admin using (true);
create policy admin_reads on itsp for select to firstring_admin using (true);
create policy admin_reads on itsp_domain for select to firstring_admin using (true);
create policy admin_reads on device for select to firstring_admin using (true);
create policy admin_reads on device_model for select to firstring_admin using (true);
create policy admin_reads on production_order for select to firstring_admin using (true);
create policy admin_reads on production_order_count for select to firstring_admin using (true);
create policy admin_reads on station for select to firstring_admin using (true);
create policy admin_reads on security_event for select to firstring_admin using (true);
create policy admin_reads on audit_log for select to firstring_admin using (true);
create policy admin_reads on api_token for select to firstring_admin using (true);

-- portal-api status: what is public.
grant select on pki_object to firstring_status;
create policy status_reads on pki_object for select to firstring_status using (true);
grant execute on function certificate_status to firstring_status;

-- portal-api courier: functions only, no table.
grant execute on function webhooks_take, webhook_events, webhook_done to firstring_courier;

-- Who verifies the audit log; and nothing else.
grant select on audit_log, audit_head to firstring_auditor;
create policy auditor_reads on audit_log for select to firstring_auditor using (true);
create policy auditor_reads on audit_head for select to firstring_auditor using (true);
