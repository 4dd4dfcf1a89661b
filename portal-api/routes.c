/* The table of operations; openapi.json is tested against it in both directions. */
#include "portal-api/routes.h"

#include "portal-api/auth/scope.h"
#include "portal-api/resources/resources.h"

enum {
	SMALL = 16 * 1024, /* a document that people write */
	PROFILE_MAX = 128 * 1024, /* with trust anchors */
	MACS_MAX = 512 * 1024, /* 10,000 MACs as JSON */
	IMPORT_MAX = 4 * 1024 * 1024, /* 10,000 rows of CSV */
	JOB_MAX = 16 * 1024 * 1024, /* 100,000 rows */
};

#define READS OPERATION_REPEATABLE
#define CREATES OPERATION_MUTATES
#define CHANGES (OPERATION_MUTATES | OPERATION_REPEATABLE)

#define ITSP(id, method, pattern, scopes, body, max, flags, handle)                                \
	{                                                                                          \
		id, method, pattern, OPERATION_ITSP, scopes, body, max, flags, handle              \
	}
#define ADMIN(id, method, pattern, scopes, body, max, flags, handle)                               \
	{                                                                                          \
		id, method, pattern, OPERATION_MANUFACTURER, scopes, body, max, flags, handle      \
	}

const struct operation portal_operations[] = {
    {"getOpenapi", "GET", "/openapi.json", OPERATION_PUBLIC, 0, BODY_NONE, 0, READS, openapi_get},
    {"getMe", "GET", "/v1/me", OPERATION_ANYBODY, 0, BODY_NONE, 0, READS, me_get},

    ITSP("listTokens", "GET", "/v1/tokens", SCOPE_TOKENS_WRITE, BODY_NONE, 0, READS, token_list),
    ITSP("createToken", "POST", "/v1/tokens", SCOPE_TOKENS_WRITE, BODY_JSON, SMALL, CREATES,
	token_create),
    ITSP("revokeToken", "DELETE", "/v1/tokens/{id}", SCOPE_TOKENS_WRITE, BODY_NONE, 0, CHANGES,
	token_revoke),

    ITSP("listProfiles", "GET", "/v1/profiles", SCOPE_PROFILES_WRITE | SCOPE_CLAIMS_READ, BODY_NONE,
	0, READS, profile_list),
    ITSP("createProfile", "POST", "/v1/profiles", SCOPE_PROFILES_WRITE, BODY_JSON, PROFILE_MAX,
	CREATES, profile_create),
    ITSP("getProfile", "GET", "/v1/profiles/{id}", SCOPE_PROFILES_WRITE | SCOPE_CLAIMS_READ,
	BODY_NONE, 0, READS, profile_get),
    ITSP("patchProfile", "PATCH", "/v1/profiles/{id}", SCOPE_PROFILES_WRITE, BODY_MERGE_PATCH,
	PROFILE_MAX, CHANGES, profile_patch),
    ITSP("deleteProfile", "DELETE", "/v1/profiles/{id}", SCOPE_PROFILES_WRITE, BODY_NONE, 0,
	CREATES, profile_delete),

    ITSP("listClaims", "GET", "/v1/claims", SCOPE_CLAIMS_READ, BODY_NONE, 0, READS, claim_list),
    ITSP("getClaim", "GET", "/v1/claims/{mac}", SCOPE_CLAIMS_READ, BODY_NONE, 0, READS, claim_get),
    ITSP("putClaim", "PUT", "/v1/claims/{mac}", SCOPE_CLAIMS_WRITE, BODY_JSON, SMALL, CHANGES,
	claim_put),
    ITSP("patchClaim", "PATCH", "/v1/claims/{mac}", SCOPE_CLAIMS_WRITE, BODY_MERGE_PATCH, SMALL,
	CREATES, claim_patch),
    ITSP("releaseClaim", "DELETE", "/v1/claims/{mac}", SCOPE_CLAIMS_WRITE, BODY_NONE, 0, CHANGES,
	claim_release),
    ITSP("revealClaim", "POST", "/v1/claims/{mac}/reveal", SCOPE_CLAIMS_REVEAL, BODY_NONE, 0,
	CREATES, claim_reveal),
    ITSP("rearmClaim", "POST", "/v1/claims/{mac}/rearm", SCOPE_CLAIMS_WRITE, BODY_NONE, 0, CREATES,
	claim_rearm),
    ITSP("rotateClaim", "POST", "/v1/claims/{mac}/rotate", SCOPE_CLAIMS_WRITE, BODY_NONE, 0,
	CREATES, claim_rotate),

    ITSP("createClaimJob", "POST", "/v1/claim-jobs", SCOPE_CLAIMS_WRITE, BODY_ROWS, JOB_MAX,
	CREATES, claim_job_create),
    ITSP("getClaimJob", "GET", "/v1/claim-jobs/{id}", SCOPE_CLAIMS_READ | SCOPE_CLAIMS_WRITE,
	BODY_NONE, 0, READS, claim_job_get),
    ITSP("getClaimJobResults", "GET", "/v1/claim-jobs/{id}/results",
	SCOPE_CLAIMS_READ | SCOPE_CLAIMS_WRITE, BODY_NONE, 0, READS, claim_job_results),

    ITSP("listEvents", "GET", "/v1/events", SCOPE_EVENTS_READ, BODY_NONE, 0, READS, event_list),

    ADMIN(
	"listModels", "GET", "/v1/admin/models", SCOPE_ADMIN_READ, BODY_NONE, 0, READS, model_list),
    ADMIN("createModel", "POST", "/v1/admin/models", SCOPE_ADMIN_WRITE, BODY_JSON, SMALL, CHANGES,
	model_create),
    ADMIN("listItsps", "GET", "/v1/admin/itsps", SCOPE_ADMIN_READ, BODY_NONE, 0, READS, itsp_list),
    ADMIN("createItsp", "POST", "/v1/admin/itsps", SCOPE_ADMIN_WRITE, BODY_JSON, SMALL, CREATES,
	itsp_create),
    ADMIN(
	"getItsp", "GET", "/v1/admin/itsps/{id}", SCOPE_ADMIN_READ, BODY_NONE, 0, READS, itsp_get),
    ADMIN("patchItsp", "PATCH", "/v1/admin/itsps/{id}", SCOPE_ADMIN_WRITE, BODY_MERGE_PATCH, SMALL,
	CHANGES, itsp_patch),
    ADMIN("listItspDomains", "GET", "/v1/admin/itsps/{id}/domains", SCOPE_ADMIN_READ, BODY_NONE, 0,
	READS, itsp_domain_list),
    ADMIN("addItspDomain", "POST", "/v1/admin/itsps/{id}/domains", SCOPE_ADMIN_WRITE, BODY_JSON,
	SMALL, CHANGES, itsp_domain_add),
    ADMIN("removeItspDomain", "DELETE", "/v1/admin/itsps/{id}/domains/{domain}", SCOPE_ADMIN_WRITE,
	BODY_NONE, 0, CREATES, itsp_domain_remove),
    ADMIN("listItspTokens", "GET", "/v1/admin/itsps/{id}/tokens", SCOPE_ADMIN_READ, BODY_NONE, 0,
	READS, itsp_token_list),
    ADMIN("createItspToken", "POST", "/v1/admin/itsps/{id}/tokens", SCOPE_ADMIN_WRITE, BODY_JSON,
	SMALL, CREATES, itsp_token_create),
    ADMIN("listAdminTokens", "GET", "/v1/admin/tokens", SCOPE_ADMIN_READ, BODY_NONE, 0, READS,
	admin_token_list),
    ADMIN("createAdminToken", "POST", "/v1/admin/tokens", SCOPE_ADMIN_WRITE, BODY_JSON, SMALL,
	CREATES, admin_token_create),
    ADMIN("revokeAnyToken", "DELETE", "/v1/admin/tokens/{id}", SCOPE_ADMIN_WRITE, BODY_NONE, 0,
	CHANGES, admin_token_revoke),
    ADMIN("createShipments", "POST", "/v1/admin/shipments", SCOPE_ADMIN_WRITE, BODY_JSON, MACS_MAX,
	CHANGES, shipment_create),
    ADMIN("importDevices", "POST", "/v1/admin/devices:import", SCOPE_ADMIN_WRITE, BODY_CSV,
	IMPORT_MAX, CREATES, device_import),
    ADMIN("getDevice", "GET", "/v1/admin/devices/{mac}", SCOPE_ADMIN_READ, BODY_NONE, 0, READS,
	device_get),
    ADMIN("listSecurityEvents", "GET", "/v1/admin/security-events", SCOPE_ADMIN_READ, BODY_NONE, 0,
	READS, security_event_list),
    ADMIN("listAudit", "GET", "/v1/admin/audit", SCOPE_ADMIN_READ, BODY_NONE, 0, READS, audit_list),
    ADMIN(
	"listOrders", "GET", "/v1/admin/orders", SCOPE_ADMIN_READ, BODY_NONE, 0, READS, order_list),
    ADMIN("listStations", "GET", "/v1/admin/stations", SCOPE_ADMIN_READ, BODY_NONE, 0, READS,
	station_list),
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
