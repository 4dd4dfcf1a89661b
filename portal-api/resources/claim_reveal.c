/* POST /v1/claims/{mac}/reveal: the admin password, to the claim's holder, audited before it is
 * opened. */
#include <string.h>

#include "portal-api/claims/claims.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"admin_user", "admin_user", ROW_TEXT},
    {"delivered_at", "password_delivered_at", ROW_TIME},
};
static const struct row_field pending_fields[] = {{"pending_since", "pending_since", ROW_TIME}};

static json_t *secret_json(const struct secret *secret)
{
	return secret->len ? json_stringn((const char *)secret->bytes, secret->len) : json_null();
}

static void on_revealed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	const char *outcome = row_text(rows, 0, row_column(rows, "outcome"));
	struct secret password = {0}, pending = {0};
	uint8_t claim_id[UUID_LEN];
	struct mac mac;
	CHECK(count == 1);
	if (strcmp(outcome, "revealed") != 0) {
		request_fail_outcome(request, outcome);
		return;
	}
	CHECK(
	    mac_parse(request->match.params[0], strlen(request->match.params[0]), &mac) == ERR_OK);
	row_uuid(rows, 0, row_column(rows, "claim_id"), claim_id);
	if (claim_open(request, &mac, claim_id, rows, "sealed_password", &password) ||
	    claim_open(request, &mac, claim_id, rows, "pending_sealed_password", &pending)) {
		request_fail(request, PROBLEM_INTERNAL,
		    "The stored password does not open. Tell the operator the request's id; rotate "
		    "makes a new one.");
		goto out;
	}
	json_t *document = row_object(rows, 0, fields, sizeof(fields) / sizeof(fields[0]));
	json_object_set_new(document, "admin_password", secret_json(&password));
	if (pending.len) {
		json_object_update_new(document, row_object(rows, 0, pending_fields, 1));
		json_object_set_new(document, "pending_password", secret_json(&pending));
	}
	request->holds_secret = 1;
	request_reply_json(request, 200, document);
out:
	secret_free(&password);
	secret_free(&pending);
}

void claim_reveal(struct request *request)
{
	struct mac mac;
	if (request_mac(request, 0, &mac))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &mac);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){&query_claim_reveal, params}, 1, on_revealed);
}
