/*
 * The handlers, one file per resource. A handler moves data between the request and the database;
 * what may be stored and what is answered is decided in pure files and in SQL functions.
 */
#ifndef FIRSTRING_PORTAL_RESOURCES_H
#define FIRSTRING_PORTAL_RESOURCES_H

struct request;

/* openapi.c, me.c */
void openapi_get(struct request *request);
void me_get(struct request *request);
/* session.c: in, out and who; account.c: one's own; links.c: by a one-time link */
void session_create(struct request *request);
void session_get(struct request *request);
void session_end(struct request *request);
void second_factor_propose(struct request *request);
void second_factor_confirm(struct request *request);
void own_password_change(struct request *request);
void link_show(struct request *request);
void link_use(struct request *request);
/* users.c: for both audiences, but for the lists */
void user_list(struct request *request);
void admin_user_list(struct request *request);
void user_create(struct request *request);
void user_get(struct request *request);
void user_patch(struct request *request);
void user_rebuild(struct request *request);
void user_remove(struct request *request);
void user_link_create(struct request *request);
/* tokens.c */
void token_list(struct request *request);
void token_create(struct request *request);
void token_revoke(struct request *request);
void token_rotate(struct request *request); /* of either audience */
void admin_token_list(struct request *request);
void admin_token_create(struct request *request);
void admin_token_revoke(struct request *request);
void itsp_token_list(struct request *request);
void itsp_token_create(struct request *request);
/* profiles.c */
void profile_list(struct request *request);
void profile_create(struct request *request);
void profile_rebuild(struct request *request);
void profile_get(struct request *request);
void profile_patch(struct request *request);
void profile_delete(struct request *request);
/* profile_preview.c */
void profile_preview(struct request *request);
/* claims.c: read and give back; claim_put.c: take; claim_change.c: change; claim_reveal.c */
void claim_list(struct request *request);
void claim_export(struct request *request);
void claim_get(struct request *request);
void claim_release(struct request *request);
void claims_release(struct request *request);
void claim_rearm(struct request *request);
void claim_put(struct request *request);
void claim_patch(struct request *request);
void claim_rotate(struct request *request);
void claim_reveal(struct request *request);
/* claim_jobs.c */
void claim_job_list(struct request *request);
void claim_job_create(struct request *request);
void claim_job_rebuild(struct request *request);
void claim_job_get(struct request *request);
void claim_job_cancel(struct request *request);
void claim_job_results(struct request *request);
/* history.c: what became of a phone */
void claim_timeline(struct request *request);
void device_history(struct request *request);
/* transfers.c: the two sides'; admin_transfers.c: the manufacturer's */
void transfer_list(struct request *request);
void transfer_request(struct request *request);
void transfer_rebuild(struct request *request);
void transfer_get(struct request *request);
void transfer_withdraw(struct request *request);
void transfer_consent(struct request *request);
void transfer_object(struct request *request);
void admin_transfer_list(struct request *request);
void admin_transfer_get(struct request *request);
void admin_transfer_decide(struct request *request);
/* events.c */
void event_list(struct request *request);
/* events_latest.c */
void event_list_latest(struct request *request);
void event_export(struct request *request);
/* event_stream.c */
void event_stream(struct request *request);
/* webhooks.c */
void webhook_list(struct request *request);
void webhook_create(struct request *request);
void webhook_get(struct request *request);
void webhook_patch(struct request *request);
void webhook_delete(struct request *request);
void webhook_attempts(struct request *request);
void webhook_rotate_secret(struct request *request);
void webhook_replay(struct request *request);
void webhook_test(struct request *request);
void webhook_test_rebuild(struct request *request);
void webhook_rebuild(struct request *request);
/* models.c */
void model_list(struct request *request);
void model_create(struct request *request);
void model_get(struct request *request);
void model_patch(struct request *request);
/* itsps.c */
void itsp_list(struct request *request);
void itsp_create(struct request *request);
void itsp_rebuild(struct request *request);
void itsp_get(struct request *request);
void itsp_patch(struct request *request);
void itsp_domain_list(struct request *request);
void itsp_domain_add(struct request *request);
void itsp_domain_remove(struct request *request);
/* shipments.c */
void shipment_list(struct request *request);
void shipment_list_all(struct request *request);
void shipment_create(struct request *request);
void shipment_withdraw(struct request *request);
/* devices.c */
void device_get(struct request *request);
void device_list(struct request *request);
void device_import(struct request *request);
/* device_secrets.c */
void device_claim_code_renew(struct request *request);
void device_credentials_renew(struct request *request);
/* Characters of the password of a phone that has no certificate. */
enum { DEVICE_PASSWORD_LEN = 24 };
/* audit.c: what is only looked at */
void audit_list(struct request *request);
void audit_export(struct request *request);
void audit_state(struct request *request);
void security_event_list(struct request *request);
void order_list(struct request *request);
void station_list(struct request *request);

#endif
