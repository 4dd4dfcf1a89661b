/*
 * PUT /v1/claims/{mac}: taking a phone.
 *
 * The order is: syntax and check symbol, profile, proof of possession, then what depends on the
 * model. Proof and holder are decided by the database (claim_check, and again under the lock in
 * claim_put); until it says that possession is proven, nothing here depends on the phone.
 */
#include <stdlib.h>
#include <string.h>

#include "portal-api/claims/claims.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

struct claim_body {
	const char *claim_code, *profile_id, *admin_password;
};

static const struct bind_field body_fields[] = {
    {.name = "claim_code",
	.type = BIND_TEXT,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct claim_body, claim_code),
	.max = 64},
    {.name = "profile_id",
	.type = BIND_UUID,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct claim_body, profile_id)},
    {.name = "admin_password",
	.type = BIND_TEXT,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct claim_body, admin_password),
	.max = 256},
};

/* A claim on its way through the database. */
struct claiming {
	struct mac mac;
	struct claim_code code;
	struct claim_body body; /* borrowed from the document */
	struct uuid claim_id;
	struct buf sealed;
};

static void claiming_free(void *state)
{
	struct claiming *claiming = state;
	buf_free(&claiming->sealed);
	bytes_wipe(&claiming->code, sizeof(claiming->code));
	free(claiming);
}

static void add_actor_and_limit(const struct request *request, struct pg_params *params)
{
	pg_param_int(params, request->portal->config->wrong_codes_per_hour);
	request_param_actor(request, params);
}

static void on_claimed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct claiming *claiming = request->state;
	const struct pg_rows *rows = results[0];
	const char *outcome = row_text(rows, 0, row_column(rows, "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "created") == 0) {
		char mac[MAC_TEXT_LEN + 1];
		mac_format(&claiming->mac, mac);
		request_set_location(request, "/v1/claims/%s", mac);
		claim_reply(request, 201, rows);
	} else if (strcmp(outcome, "same") == 0) {
		claim_reply(request, 200, rows);
	} else {
		claim_refuse(request, &claiming->mac, rows, outcome);
	}
}

static void take(struct request *request)
{
	struct claiming *claiming = request->state;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, claiming->claim_id.bytes);
	pg_param_mac(params, &claiming->mac);
	pg_param_text(params, claiming->body.claim_code ? claiming->code.symbols : NULL);
	pg_param_text(params, claiming->body.profile_id);
	pg_param_bytea(params, claiming->sealed.bytes, claiming->sealed.len);
	add_actor_and_limit(request, params);
	request_effect(request, &(struct pg_call){&query_claim_put, params}, 1, on_claimed);
}

static void prepare(
    struct request *request, const struct pg_rows *profile, const struct pg_rows *checked)
{
	struct claiming *claiming = request->state;
	if (claim_prepare(request, &claiming->mac, profile, checked, claiming->body.admin_password,
		&claiming->claim_id, &claiming->sealed) == 0)
		take(request);
}

/* Held already, and a password was sent: the same again only if it is that password. */
static void on_compared(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct claiming *claiming = request->state;
	const struct pg_rows *rows = results[0];
	struct secret delivered = {0}, pending = {0}, supplied = {0};
	uint8_t claim_id[UUID_LEN] = {0};
	CHECK(count == 2);
	secret_set(&supplied, claiming->body.admin_password, strlen(claiming->body.admin_password));
	if (!row_is_null(rows, 0, row_column(rows, "claim_id")))
		row_uuid(rows, 0, row_column(rows, "claim_id"), claim_id);
	int same = row_count(results[1]) == 1 &&
		   claim_open(request, &claiming->mac, claim_id, rows, "sealed_password",
		       &delivered) == 0 &&
		   claim_open(request, &claiming->mac, claim_id, rows, "pending_sealed_password",
		       &pending) == 0 &&
		   secret_equal(&supplied, pending.len ? &pending : &delivered);
	secret_free(&delivered);
	secret_free(&pending);
	secret_free(&supplied);
	if (same)
		claim_reply(request, 200, results[1]);
	else
		request_fail_outcome(request, "claim_differs");
}

static void on_same(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	if (row_count(results[0]) == 0)
		request_fail(request, PROBLEM_VERSION_MISMATCH,
		    "The claim was released in this very moment: ask again.");
	else
		claim_reply(request, 200, results[0]);
}

static void answer_same(struct request *request)
{
	const struct claiming *claiming = request->state;
	const struct pg_call read = claim_read_call(&claiming->mac);
	if (!claiming->body.admin_password) {
		request_query(request, &read, 1, on_same);
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &claiming->mac);
	request_param_actor(request, params);
	const struct pg_call calls[] = {{&query_claim_compare, params}, read};
	request_effect(request, calls, 2, on_compared);
}

static void on_checked(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct claiming *claiming = request->state;
	const struct pg_rows *checked = results[1];
	const char *outcome = row_text(checked, 0, row_column(checked, "outcome"));
	CHECK(count == 2);
	if (strcmp(outcome, "possible") == 0)
		prepare(request, results[0], checked);
	else if (strcmp(outcome, "same") == 0)
		answer_same(request);
	else
		claim_refuse(request, &claiming->mac, checked, outcome);
}

static int read_body(struct request *request, struct claiming *claiming)
{
	struct field_errors *errors = &request->problem.errors;
	if (bind_object(request->document, body_fields,
		sizeof(body_fields) / sizeof(body_fields[0]), &claiming->body, errors) == ERR_OK)
		claim_code_read(claiming->body.claim_code, &claiming->code, errors);
	if (errors->count == 0)
		return 0;
	request_fail_fields(request);
	return -1;
}

void claim_put(struct request *request)
{
	struct claiming *claiming = calloc(1, sizeof(*claiming));
	CHECK(claiming);
	request->state = claiming;
	request->state_free = claiming_free;
	if (request_mac(request, 0, &claiming->mac) || read_body(request, claiming))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &claiming->mac);
	pg_param_text(params, claiming->body.claim_code ? claiming->code.symbols : NULL);
	pg_param_text(params, claiming->body.profile_id);
	add_actor_and_limit(request, params);
	const struct pg_call calls[] = {
	    profile_read_call(claiming->body.profile_id), {&query_claim_check, params}};
	/* A wrong code is counted: an effect, though nothing of the client's changes. */
	request_query(request, calls, 2, on_checked);
}
