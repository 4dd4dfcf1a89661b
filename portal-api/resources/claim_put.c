/*
 * PUT /v1/claims/{mac}: taking a phone.
 *
 * The order is: syntax and check symbol, profile, proof of possession, then what depends on the
 * model. Proof and holder are decided by the database (claims_check_each, and again under the lock
 * in claims_put); until it says that possession is proven, nothing here depends on the phone.
 * Requests of one tenant go together, but for those with an Idempotency-Key, whose mark stands in
 * the transaction of their effect.
 */
#include <stdlib.h>
#include <string.h>

#include "portal-api/claims/claims.h"
#include "portal-api/http/etag.h"
#include "portal-api/http/gather.h"
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
	int must_be_held, version; /* what If-Match says */
	struct claim_code code;
	struct claim_body body; /* borrowed from the document */
	struct uuid profile_id, claim_id;
	struct buf sealed;
};

static void claiming_free(void *state)
{
	struct claiming *claiming = state;
	buf_free(&claiming->sealed);
	bytes_wipe(&claiming->code, sizeof(claiming->code));
	free(claiming);
}

/* What a claim is made of, in the order of claim_put and claims_put. */

static void add_claim_id(const struct claiming *claiming, struct pg_params *params)
{
	pg_param_uuid(params, claiming->claim_id.bytes);
}

static void add_mac(const struct claiming *claiming, struct pg_params *params)
{
	pg_param_mac(params, &claiming->mac);
}

static void add_code(const struct claiming *claiming, struct pg_params *params)
{
	pg_param_text(params, claiming->body.claim_code ? claiming->code.symbols : NULL);
}

static void add_profile(const struct claiming *claiming, struct pg_params *params)
{
	pg_param_uuid(params, claiming->profile_id.bytes);
}

static void add_sealed(const struct claiming *claiming, struct pg_params *params)
{
	pg_param_bytea(params, claiming->sealed.bytes, claiming->sealed.len);
}

static void (*const CLAIM[])(const struct claiming *claiming, struct pg_params *params) = {
    add_claim_id, add_mac, add_code, add_profile, add_sealed};
static const enum pg_array CLAIM_TYPES[] = {
    PG_ARRAY_UUID, PG_ARRAY_MACADDR, PG_ARRAY_TEXT, PG_ARRAY_UUID, PG_ARRAY_BYTEA};
enum { FROM_CLAIM_ID = 0, FROM_MAC = 1, TO_PROFILE = 4, TO_SEALED = 5 };

/* Columns first..end - 1 of what several claims are made of, then the limit and who asks. */
static struct pg_params *claims_params(
    struct request *const *requests, size_t count, size_t first, size_t end)
{
	struct pg_params *params = pg_params_new();
	for (size_t column = first; column < end; column++) {
		pg_param_array_begin(params, CLAIM_TYPES[column]);
		for (size_t i = 0; i < count; i++)
			CLAIM[column](requests[i]->state, params);
		pg_param_array_end(params);
	}
	pg_param_int(params, requests[0]->portal->config->wrong_codes_per_hour);
	requests_param_actors(requests, count, params);
	return params;
}

/* --- Claiming --- */

static void take_alone(struct request *request);

static void on_claimed(struct request *request, const struct pg_rows *rows, size_t row)
{
	const struct claiming *claiming = request->state;
	const char *outcome = row_text(rows, row, row_column(rows, "outcome"));
	if (strcmp(outcome, "created") == 0) {
		char mac[MAC_TEXT_LEN + 1];
		mac_format(&claiming->mac, mac);
		request_set_location(request, "/v1/claims/%s", mac);
		claim_reply(request, 201, rows, row);
	} else if (strcmp(outcome, "same") == 0) {
		claim_reply(request, 200, rows, row);
	} else if (strcmp(outcome, "busy") == 0) {
		take_alone(request);
	} else {
		claim_refuse(request, &claiming->mac, rows, row, outcome);
	}
}

static void on_claimed_alone(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	on_claimed(request, results[0], 0);
}

/* Waits for who has the phone in hand. */
static void take_alone(struct request *request)
{
	const struct claiming *claiming = request->state;
	struct pg_params *params = pg_params_new();
	for (size_t column = FROM_CLAIM_ID; column < TO_SEALED; column++)
		CLAIM[column](claiming, params);
	pg_param_int(params, request->portal->config->wrong_codes_per_hour);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){&query_claim_put, params}, 1, on_claimed_alone);
}

static struct pg_call ask_to_take(struct request *const *requests, size_t count)
{
	return (struct pg_call){
	    &query_claims_put, claims_params(requests, count, FROM_CLAIM_ID, TO_SEALED)};
}

static const struct gathering TAKING = {.stage = 2,
    .is_tenants = 1,
    .is_effect = 1,
    .ask = ask_to_take,
    .answered = on_claimed,
    .alone = take_alone};

static void prepare_and_take(struct request *request, const struct pg_rows *checked, size_t row)
{
	struct claiming *claiming = request->state;
	if (claim_prepare(request, &claiming->mac, checked, checked, row,
		claiming->body.admin_password, &claiming->claim_id, &claiming->sealed) != 0)
		return;
	if (request->idempotency_begun)
		take_alone(request);
	else
		request_gather(request, &TAKING);
}

/* --- It is held already --- */

static void reply_held(struct request *request, const struct pg_rows *rows)
{
	const struct claiming *claiming = request->state;
	if (claiming->version != ETAG_ANY &&
	    claiming->version != row_int(rows, 0, row_column(rows, "version")))
		request_fail_outcome(request, "version_mismatch");
	else
		claim_reply(request, 200, rows, 0);
}

/* A password was sent: the same again only if it is that password. */
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
		reply_held(request, results[1]);
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
		reply_held(request, results[0]);
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

/* --- Checking --- */

static void on_checked(struct request *request, const struct pg_rows *rows, size_t row)
{
	const struct claiming *claiming = request->state;
	const char *outcome = row_text(rows, row, row_column(rows, "outcome"));
	if (strcmp(outcome, "possible") == 0 && claiming->must_be_held)
		request_fail(request, PROBLEM_VERSION_MISMATCH,
		    "If-Match asks for a claim that is there, and you do not hold this phone yet.");
	else if (strcmp(outcome, "possible") == 0)
		prepare_and_take(request, rows, row);
	else if (strcmp(outcome, "same") == 0)
		answer_same(request);
	else
		claim_refuse(request, &claiming->mac, rows, row, outcome);
}

static void on_checked_alone(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	on_checked(request, results[0], 0);
}

static struct pg_call ask_to_check(struct request *const *requests, size_t count)
{
	return (struct pg_call){
	    &query_claims_check_each, claims_params(requests, count, FROM_MAC, TO_PROFILE)};
}

/* A wrong code is counted: an effect, though nothing of the client's changes. */
static void check_alone(struct request *request)
{
	const struct pg_call call = ask_to_check(&request, 1);
	request_query(request, &call, 1, on_checked_alone);
}

static const struct gathering CHECKING = {
    .stage = 1, .is_tenants = 1, .ask = ask_to_check, .answered = on_checked, .alone = check_alone};

static int read_body(struct request *request, struct claiming *claiming)
{
	struct field_errors *errors = &request->problem.errors;
	if (bind_object(request->document, body_fields,
		sizeof(body_fields) / sizeof(body_fields[0]), &claiming->body, errors) == ERR_OK)
		claim_code_read(claiming->body.claim_code, &claiming->code, errors);
	if (errors->count == 0) {
		const char *profile_id = claiming->body.profile_id;
		CHECK(uuid_parse(profile_id, strlen(profile_id), &claiming->profile_id) == ERR_OK);
		return 0;
	}
	request_fail_fields(request);
	return -1;
}

void claim_put(struct request *request)
{
	struct claiming *claiming = calloc(1, sizeof(*claiming));
	CHECK(claiming);
	request->state = claiming;
	request->state_free = claiming_free;
	claiming->must_be_held = request_has_if_match(request);
	if (request_mac(request, 0, &claiming->mac) ||
	    request_if_match(request, &claiming->version) || read_body(request, claiming))
		return;
	request_gather(request, &CHECKING);
}
