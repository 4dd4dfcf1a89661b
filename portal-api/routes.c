/* The table of operations; openapi.json is tested against it in both directions. */
#include "portal-api/routes.h"

#include "portal-api/auth/scope.h"
#include "portal-api/http/request.h"
#include "portal-api/resources/resources.h"

enum {
	SMALL = 16 * 1024, /* a document that people write */
	PROFILE_MAX = 128 * 1024, /* with trust anchors */
	MACS_MAX = 512 * 1024, /* 10,000 MACs as JSON */
	IMPORT_MAX = 4 * 1024 * 1024, /* 10,000 rows of CSV */
	JOB_MAX = 16 * 1024 * 1024, /* 100,000 rows */
};

/*
 * A route that reads, one that has an effect, and one that needs all of its scopes for it. What
 * follows the handler (of READ) or the rebuild (of the others) are further fields by name.
 */
#define READ(audience_, id_, pattern_, scopes_, ...)                                               \
	{                                                                                          \
		.id = id_, .method = "GET", .pattern = pattern_,                                   \
		.audience = OPERATION_##audience_, .scopes = scopes_, .handle = __VA_ARGS__        \
	}
#define MUTATES(flags_, audience_, id_, method_, pattern_, scopes_, body_, max_, handle_, ...)     \
	{                                                                                          \
		.id = id_, .method = method_, .pattern = pattern_,                                 \
		.audience = OPERATION_##audience_, .scopes = scopes_, .body = BODY_##body_,        \
		.body_max = max_, .flags = OPERATION_MUTATES | (flags_), .handle = handle_,        \
		.rebuild = __VA_ARGS__                                                             \
	}
#define WRITE(...) MUTATES(0, __VA_ARGS__)
#define WRITE_ALL(...) MUTATES(OPERATION_ALL_SCOPES, __VA_ARGS__)

enum {
	PROFILES_READ = SCOPE_PROFILES_WRITE | SCOPE_CLAIMS_READ,
	JOBS_READ = SCOPE_CLAIMS_READ | SCOPE_CLAIMS_WRITE,
	/* Says where things are sent, and shows events there. */
	WEBHOOKS_WRITE = SCOPE_PROFILES_WRITE | SCOPE_EVENTS_READ,
};

const struct operation portal_operations[] = {
    READ(PUBLIC, "getOpenapi", "/openapi.json", 0, openapi_get),
    READ(ANYBODY, "getMe", "/v1/me", 0, me_get),
    WRITE(PUBLIC, "signIn", "POST", "/v1/session", 0, JSON, SMALL, session_create, NULL),
    READ(PERSON, "getSession", "/v1/session", 0, session_get),
    WRITE(PERSON, "signOut", "DELETE", "/v1/session", 0, NONE, 0, session_end, request_reply_empty),
    WRITE(PERSON, "proposeSecondFactor", "POST", "/v1/session/second-factor", 0, JSON, SMALL,
	second_factor_propose, NULL),
    WRITE(PERSON, "confirmSecondFactor", "POST", "/v1/session/second-factor/confirm", 0, JSON,
	SMALL, second_factor_confirm, NULL),
    WRITE(PERSON, "changeOwnPassword", "POST", "/v1/session/password", 0, JSON, SMALL,
	own_password_change, NULL),
    WRITE(PUBLIC, "showLink", "POST", "/v1/links", 0, JSON, SMALL, link_show, NULL),
    WRITE(PUBLIC, "useLink", "POST", "/v1/links/use", 0, JSON, SMALL, link_use, NULL),
    READ(ITSP, "listUsers", "/v1/users", SCOPE_USERS_WRITE, user_list, .query = "limit cursor"),
    WRITE(
	ITSP, "createUser", "POST", "/v1/users", SCOPE_USERS_WRITE, JSON, SMALL, user_create, NULL),
    READ(ITSP, "getUser", "/v1/users/{id}", SCOPE_USERS_WRITE, user_get),
    WRITE(ITSP, "patchUser", "PATCH", "/v1/users/{id}", SCOPE_USERS_WRITE, MERGE_PATCH, SMALL,
	user_patch, user_rebuild, .heeds_if_match = 1),
    WRITE(ITSP, "removeUser", "DELETE", "/v1/users/{id}", SCOPE_USERS_WRITE, NONE, 0, user_remove,
	request_reply_empty, .heeds_if_match = 1),
    WRITE(ITSP, "createUserLink", "POST", "/v1/users/{id}/link", SCOPE_USERS_WRITE, JSON, SMALL,
	user_link_create, NULL),
    READ(ITSP, "listOwnAudit", "/v1/audit", SCOPE_USERS_WRITE, audit_list,
	.query = "limit cursor object_kind object_id"),
    READ(ITSP, "exportOwnAudit", "/v1/audit:export", SCOPE_USERS_WRITE, audit_export,
	.query = "format cursor object_kind object_id"),
    READ(ITSP, "listTokens", "/v1/tokens", SCOPE_TOKENS_WRITE, token_list),
    WRITE(ITSP, "createToken", "POST", "/v1/tokens", SCOPE_TOKENS_WRITE, JSON, SMALL, token_create,
	NULL),
    WRITE(ITSP, "revokeToken", "DELETE", "/v1/tokens/{id}", SCOPE_TOKENS_WRITE, NONE, 0,
	token_revoke, request_reply_empty),
    WRITE(ITSP, "rotateToken", "POST", "/v1/tokens/{id}/rotate", SCOPE_TOKENS_WRITE, JSON, SMALL,
	token_rotate, NULL),
    READ(
	ITSP, "listProfiles", "/v1/profiles", PROFILES_READ, profile_list, .query = "limit cursor"),
    WRITE(ITSP, "createProfile", "POST", "/v1/profiles", SCOPE_PROFILES_WRITE, JSON, PROFILE_MAX,
	profile_create, profile_rebuild),
    WRITE(ITSP, "previewProfile", "POST", "/v1/profiles/preview", PROFILES_READ, JSON, PROFILE_MAX,
	profile_preview, profile_preview),
    READ(ITSP, "getProfile", "/v1/profiles/{id}", PROFILES_READ, profile_get),
    WRITE(ITSP, "patchProfile", "PATCH", "/v1/profiles/{id}", SCOPE_PROFILES_WRITE, MERGE_PATCH,
	PROFILE_MAX, profile_patch, profile_rebuild, .heeds_if_match = 1),
    WRITE(ITSP, "deleteProfile", "DELETE", "/v1/profiles/{id}", SCOPE_PROFILES_WRITE, NONE, 0,
	profile_delete, request_reply_empty, .heeds_if_match = 1),
    READ(ITSP, "listClaims", "/v1/claims", SCOPE_CLAIMS_READ, claim_list,
	.query = "limit cursor state progress mac_prefix profile_id serial_number"),
    READ(ITSP, "exportClaims", "/v1/claims:export", SCOPE_CLAIMS_READ, claim_export,
	.query = "format cursor state progress mac_prefix profile_id"),
    WRITE(ITSP, "releaseClaims", "POST", "/v1/claims:release", SCOPE_CLAIMS_WRITE, JSON, MACS_MAX,
	claims_release, claims_release),
    READ(ITSP, "getClaim", "/v1/claims/{mac}", SCOPE_CLAIMS_READ, claim_get),
    WRITE(ITSP, "putClaim", "PUT", "/v1/claims/{mac}", SCOPE_CLAIMS_WRITE, JSON, SMALL, claim_put,
	claim_get, .heeds_if_match = 1),
    WRITE(ITSP, "patchClaim", "PATCH", "/v1/claims/{mac}", SCOPE_CLAIMS_WRITE, MERGE_PATCH, SMALL,
	claim_patch, claim_get, .heeds_if_match = 1),
    WRITE(ITSP, "releaseClaim", "DELETE", "/v1/claims/{mac}", SCOPE_CLAIMS_WRITE, NONE, 0,
	claim_release, request_reply_empty, .heeds_if_match = 1),
    WRITE(ITSP, "revealClaim", "POST", "/v1/claims/{mac}/reveal", SCOPE_CLAIMS_REVEAL, NONE, 0,
	claim_reveal, NULL),
    WRITE(ITSP, "rearmClaim", "POST", "/v1/claims/{mac}/rearm", SCOPE_CLAIMS_WRITE, NONE, 0,
	claim_rearm, claim_get, .heeds_if_match = 1),
    WRITE(ITSP, "rotateClaim", "POST", "/v1/claims/{mac}/rotate", SCOPE_CLAIMS_WRITE, NONE, 0,
	claim_rotate, claim_get, .heeds_if_match = 1),
    READ(ITSP, "listClaimJobs", "/v1/claim-jobs", JOBS_READ, claim_job_list,
	.query = "limit cursor"),
    WRITE(ITSP, "createClaimJob", "POST", "/v1/claim-jobs", SCOPE_CLAIMS_WRITE, ROWS, JOB_MAX,
	claim_job_create, claim_job_rebuild, .query = "dry_run atomic"),
    READ(ITSP, "getClaimJob", "/v1/claim-jobs/{id}", JOBS_READ, claim_job_get),
    WRITE(ITSP, "cancelClaimJob", "DELETE", "/v1/claim-jobs/{id}", SCOPE_CLAIMS_WRITE, NONE, 0,
	claim_job_cancel, request_reply_empty),
    READ(ITSP, "getClaimJobResults", "/v1/claim-jobs/{id}/results", JOBS_READ, claim_job_results),
    READ(ITSP, "getClaimTimeline", "/v1/claims/{mac}/timeline", SCOPE_CLAIMS_READ, claim_timeline),
    READ(ITSP, "listShipments", "/v1/shipments", SCOPE_CLAIMS_READ, shipment_list,
	.query = "limit cursor state"),
    READ(ITSP, "listTransfers", "/v1/transfers", SCOPE_CLAIMS_READ, transfer_list,
	.query = "limit cursor state"),
    WRITE(ITSP, "requestTransfer", "POST", "/v1/transfers", SCOPE_CLAIMS_WRITE, JSON, SMALL,
	transfer_request, transfer_rebuild),
    READ(ITSP, "getTransfer", "/v1/transfers/{id}", SCOPE_CLAIMS_READ, transfer_get),
    WRITE(ITSP, "withdrawTransfer", "DELETE", "/v1/transfers/{id}", SCOPE_CLAIMS_WRITE, NONE, 0,
	transfer_withdraw, request_reply_empty),
    WRITE(ITSP, "consentToTransfer", "POST", "/v1/transfers/{id}/consent", SCOPE_CLAIMS_WRITE, NONE,
	0, transfer_consent, transfer_get),
    WRITE(ITSP, "objectToTransfer", "POST", "/v1/transfers/{id}/object", SCOPE_CLAIMS_WRITE, JSON,
	SMALL, transfer_object, transfer_get),
    READ(ITSP, "listEvents", "/v1/events", SCOPE_EVENTS_READ, event_list, .query = "limit after"),
    READ(ITSP, "listLatestEvents", "/v1/events/latest", SCOPE_EVENTS_READ, event_list_latest,
	.query = "limit cursor"),
    READ(ITSP, "exportEvents", "/v1/events:export", SCOPE_EVENTS_READ, event_export,
	.query = "format cursor"),
    READ(ITSP, "streamEvents", "/v1/events/stream", SCOPE_EVENTS_READ, event_stream,
	.query = "after"),
    READ(ITSP, "listOwnSecurityEvents", "/v1/security-events", SCOPE_EVENTS_READ,
	security_event_list, .query = "limit cursor kind mac"),
    READ(ITSP, "listWebhooks", "/v1/webhooks", SCOPE_EVENTS_READ, webhook_list),
    WRITE_ALL(ITSP, "createWebhook", "POST", "/v1/webhooks", WEBHOOKS_WRITE, JSON, SMALL,
	webhook_create, NULL),
    READ(ITSP, "getWebhook", "/v1/webhooks/{id}", SCOPE_EVENTS_READ, webhook_get),
    WRITE_ALL(ITSP, "patchWebhook", "PATCH", "/v1/webhooks/{id}", WEBHOOKS_WRITE, MERGE_PATCH,
	SMALL, webhook_patch, webhook_rebuild, .heeds_if_match = 1),
    WRITE_ALL(ITSP, "deleteWebhook", "DELETE", "/v1/webhooks/{id}", WEBHOOKS_WRITE, NONE, 0,
	webhook_delete, request_reply_empty, .heeds_if_match = 1),
    READ(ITSP, "listWebhookAttempts", "/v1/webhooks/{id}/attempts", SCOPE_EVENTS_READ,
	webhook_attempts),
    WRITE_ALL(ITSP, "rotateWebhookSecret", "POST", "/v1/webhooks/{id}/rotate-secret",
	WEBHOOKS_WRITE, NONE, 0, webhook_rotate_secret, NULL),
    WRITE_ALL(ITSP, "replayWebhook", "POST", "/v1/webhooks/{id}/replay", WEBHOOKS_WRITE, JSON,
	SMALL, webhook_replay, webhook_rebuild),
    WRITE_ALL(ITSP, "testWebhook", "POST", "/v1/webhooks/{id}/test", WEBHOOKS_WRITE, NONE, 0,
	webhook_test, webhook_test_rebuild),
    READ(MANUFACTURER, "listModels", "/v1/admin/models", SCOPE_ADMIN_READ, model_list,
	.query = "limit cursor"),
    WRITE(MANUFACTURER, "createModel", "POST", "/v1/admin/models", SCOPE_ADMIN_WRITE, JSON, SMALL,
	model_create, model_create),
    READ(MANUFACTURER, "getModel", "/v1/admin/models/{name}", SCOPE_ADMIN_READ, model_get),
    WRITE(MANUFACTURER, "patchModel", "PATCH", "/v1/admin/models/{name}", SCOPE_ADMIN_WRITE,
	MERGE_PATCH, SMALL, model_patch, model_get, .heeds_if_match = 1),
    READ(MANUFACTURER, "listItsps", "/v1/admin/itsps", SCOPE_ADMIN_READ, itsp_list,
	.query = "limit cursor"),
    WRITE(MANUFACTURER, "createItsp", "POST", "/v1/admin/itsps", SCOPE_ADMIN_WRITE, JSON, SMALL,
	itsp_create, itsp_rebuild),
    READ(MANUFACTURER, "getItsp", "/v1/admin/itsps/{id}", SCOPE_ADMIN_READ, itsp_get),
    WRITE(MANUFACTURER, "patchItsp", "PATCH", "/v1/admin/itsps/{id}", SCOPE_ADMIN_WRITE,
	MERGE_PATCH, SMALL, itsp_patch, itsp_rebuild, .heeds_if_match = 1),
    READ(MANUFACTURER, "listItspDomains", "/v1/admin/itsps/{id}/domains", SCOPE_ADMIN_READ,
	itsp_domain_list),
    WRITE(MANUFACTURER, "addItspDomain", "POST", "/v1/admin/itsps/{id}/domains", SCOPE_ADMIN_WRITE,
	JSON, SMALL, itsp_domain_add, itsp_domain_add),
    WRITE(MANUFACTURER, "removeItspDomain", "DELETE", "/v1/admin/itsps/{id}/domains/{domain}",
	SCOPE_ADMIN_WRITE, NONE, 0, itsp_domain_remove, request_reply_empty),
    READ(MANUFACTURER, "listItspTokens", "/v1/admin/itsps/{id}/tokens", SCOPE_ADMIN_READ,
	itsp_token_list),
    WRITE(MANUFACTURER, "createItspToken", "POST", "/v1/admin/itsps/{id}/tokens", SCOPE_ADMIN_WRITE,
	JSON, SMALL, itsp_token_create, NULL),
    READ(MANUFACTURER, "listAdminTokens", "/v1/admin/tokens", SCOPE_ADMIN_READ, admin_token_list),
    WRITE(MANUFACTURER, "createAdminToken", "POST", "/v1/admin/tokens", SCOPE_ADMIN_WRITE, JSON,
	SMALL, admin_token_create, NULL),
    WRITE(MANUFACTURER, "revokeAnyToken", "DELETE", "/v1/admin/tokens/{id}", SCOPE_ADMIN_WRITE,
	NONE, 0, admin_token_revoke, request_reply_empty),
    READ(MANUFACTURER, "listAdminUsers", "/v1/admin/users", SCOPE_ADMIN_READ, admin_user_list,
	.query = "limit cursor itsp_id"),
    WRITE(MANUFACTURER, "createAdminUser", "POST", "/v1/admin/users", SCOPE_ADMIN_WRITE, JSON,
	SMALL, user_create, NULL),
    READ(MANUFACTURER, "getAdminUser", "/v1/admin/users/{id}", SCOPE_ADMIN_READ, user_get),
    WRITE(MANUFACTURER, "patchAdminUser", "PATCH", "/v1/admin/users/{id}", SCOPE_ADMIN_WRITE,
	MERGE_PATCH, SMALL, user_patch, user_rebuild, .heeds_if_match = 1),
    WRITE(MANUFACTURER, "removeAdminUser", "DELETE", "/v1/admin/users/{id}", SCOPE_ADMIN_WRITE,
	NONE, 0, user_remove, request_reply_empty, .heeds_if_match = 1),
    WRITE(MANUFACTURER, "createAdminUserLink", "POST", "/v1/admin/users/{id}/link",
	SCOPE_ADMIN_WRITE, JSON, SMALL, user_link_create, NULL),
    WRITE(MANUFACTURER, "rotateAnyToken", "POST", "/v1/admin/tokens/{id}/rotate", SCOPE_ADMIN_WRITE,
	JSON, SMALL, token_rotate, NULL),
    WRITE(MANUFACTURER, "createShipments", "POST", "/v1/admin/shipments", SCOPE_ADMIN_WRITE, JSON,
	MACS_MAX, shipment_create, shipment_create),
    READ(MANUFACTURER, "listAllShipments", "/v1/admin/shipments", SCOPE_ADMIN_READ,
	shipment_list_all, .query = "limit cursor itsp_id state"),
    WRITE(MANUFACTURER, "withdrawShipment", "DELETE", "/v1/admin/shipments/{mac}",
	SCOPE_ADMIN_WRITE, NONE, 0, shipment_withdraw, request_reply_empty),
    WRITE(MANUFACTURER, "importDevices", "POST", "/v1/admin/devices:import", SCOPE_ADMIN_WRITE, CSV,
	IMPORT_MAX, device_import, NULL),
    READ(MANUFACTURER, "listDevices", "/v1/admin/devices", SCOPE_ADMIN_READ, device_list,
	.query = "limit cursor serial_number"),
    READ(MANUFACTURER, "getDevice", "/v1/admin/devices/{mac}", SCOPE_ADMIN_READ, device_get),
    WRITE(MANUFACTURER, "renewClaimCode", "POST", "/v1/admin/devices/{mac}/claim-code",
	SCOPE_ADMIN_WRITE, NONE, 0, device_claim_code_renew, NULL),
    WRITE(MANUFACTURER, "renewCredentials", "POST", "/v1/admin/devices/{mac}/credentials",
	SCOPE_ADMIN_WRITE, NONE, 0, device_credentials_renew, NULL),
    READ(MANUFACTURER, "getDeviceHistory", "/v1/admin/devices/{mac}/history", SCOPE_ADMIN_READ,
	device_history),
    READ(MANUFACTURER, "listAllTransfers", "/v1/admin/transfers", SCOPE_ADMIN_READ,
	admin_transfer_list, .query = "limit cursor state"),
    READ(MANUFACTURER, "getAnyTransfer", "/v1/admin/transfers/{id}", SCOPE_ADMIN_READ,
	admin_transfer_get),
    WRITE(MANUFACTURER, "decideTransfer", "POST", "/v1/admin/transfers/{id}/decide",
	SCOPE_ADMIN_WRITE, JSON, SMALL, admin_transfer_decide, admin_transfer_get),
    READ(MANUFACTURER, "listSecurityEvents", "/v1/admin/security-events", SCOPE_ADMIN_READ,
	security_event_list, .query = "limit cursor kind mac"),
    READ(MANUFACTURER, "listAudit", "/v1/admin/audit", SCOPE_ADMIN_READ, audit_list,
	.query = "limit cursor object_kind object_id"),
    READ(MANUFACTURER, "exportAudit", "/v1/admin/audit:export", SCOPE_ADMIN_READ, audit_export,
	.query = "format cursor object_kind object_id"),
    READ(MANUFACTURER, "getAuditState", "/v1/admin/audit/state", SCOPE_ADMIN_READ, audit_state),
    READ(MANUFACTURER, "listOrders", "/v1/admin/orders", SCOPE_ADMIN_READ, order_list,
	.query = "limit cursor"),
    READ(MANUFACTURER, "listStations", "/v1/admin/stations", SCOPE_ADMIN_READ, station_list,
	.query = "limit"),
};

enum { OPERATION_COUNT = sizeof(portal_operations) / sizeof(portal_operations[0]) };
const size_t portal_operation_count = OPERATION_COUNT;

const struct route *portal_routes(size_t *count)
{
	static struct route routes[OPERATION_COUNT];
	for (size_t i = 0; !routes[OPERATION_COUNT - 1].method && i < OPERATION_COUNT; i++)
		routes[i] = (struct route){portal_operations[i].method,
		    portal_operations[i].pattern, &portal_operations[i]};
	*count = OPERATION_COUNT;
	return routes;
}
