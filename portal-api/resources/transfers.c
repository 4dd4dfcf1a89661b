/*
 * Contested transfers (/v1/transfers): asking for a phone that another ITSP holds on record.
 *
 * Possession is shown as for a claim; then the phone must be reset, and the owner consents, objects
 * or stays silent (jobs/transfers.c). The password of the claim to be is made and sealed here, so
 * that the phone can go over in one step of the database. Neither side is told who the other is.
 */
#include <stdlib.h>
#include <string.h>

#include "portal-api/claims/claims.h"
#include "portal-api/http/list.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"id", "id", ROW_TEXT},
    {"mac", "mac", ROW_MAC},
    {"model", "model", ROW_TEXT},
    {"serial_number", "serial_number", ROW_TEXT},
    {"role", "role", ROW_TEXT},
    {"state", "state", ROW_TEXT},
    {"proof", "proof", ROW_TEXT},
    {"profile_id", "profile_id", ROW_TEXT},
    {"requested_at", "requested_at", ROW_TIME},
    {"reset_seen_at", "reset_seen_at", ROW_TIME},
    {"owner_answered_at", "owner_answered_at", ROW_TIME},
    {"objection", "objection", ROW_TEXT},
    {"due_at", "due_at", ROW_TIME},
    {"decided_at", "decided_at", ROW_TIME},
    {"ended_because", "ended_because", ROW_TEXT},
    {"decision_note", "decision_note", ROW_TEXT},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const struct list transfers = {.name = "transfers",
    .statement = &query_transfer_list,
    .place_column = "number",
    .fields = fields,
    .field_count = FIELD_COUNT};

void transfer_list(struct request *request)
{
	list_run_by_state(request, &transfers);
}

static struct pg_call read_call(const char *id)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, id);
	return (struct pg_call){&query_transfer_get, params};
}

static void on_read(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[count - 1];
	if (row_count(rows) == 0)
		request_fail_outcome(request, "not_found");
	else
		request_reply_json(request, request->location[0] ? 201 : 200,
		    row_object(rows, 0, fields, FIELD_COUNT));
}

void transfer_get(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	const struct pg_call call = read_call(request->match.params[0]);
	request_query(request, &call, 1, on_read);
}

/* --- Asking --- */

struct transfer_body {
	const char *mac, *claim_code, *profile_id, *admin_password;
};

static const struct bind_field body_fields[] = {
    {.name = "mac",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct transfer_body, mac),
	.max = 32},
    {.name = "claim_code",
	.type = BIND_TEXT,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct transfer_body, claim_code),
	.max = 64},
    {.name = "profile_id",
	.type = BIND_UUID,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct transfer_body, profile_id)},
    {.name = "admin_password",
	.type = BIND_TEXT,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct transfer_body, admin_password),
	.max = 256},
};

/* A request on its way through the database. */
struct asking {
	struct transfer_body body; /* borrowed from the document */
	struct mac mac;
	struct claim_code code;
	struct uuid id, claim_id;
	struct buf sealed;
};

static void asking_free(void *state)
{
	struct asking *asking = state;
	buf_free(&asking->sealed);
	bytes_wipe(&asking->code, sizeof(asking->code));
	free(asking);
}

static void add_proof(const struct asking *asking, struct pg_params *params)
{
	pg_param_mac(params, &asking->mac);
	pg_param_text(params, asking->body.claim_code ? asking->code.symbols : NULL);
	pg_param_text(params, asking->body.profile_id);
}

static void on_requested(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct asking *asking = request->state;
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	char id[UUID_TEXT_LEN + 1];
	CHECK(count == 2);
	if (strcmp(outcome, "requested") == 0) {
		uuid_format(&asking->id, id);
		request_set_location(request, "/v1/transfers/%s", id);
		on_read(request, results, count);
	} else if (strcmp(outcome, "existing") == 0) {
		request->retry_after_s = 1;
		request_fail(request, PROBLEM_REQUEST_IN_PROGRESS,
		    "You have asked for this phone in this very moment. Ask again.");
	} else {
		claim_refuse(request, &asking->mac, results[0], 0, outcome);
	}
}

static void ask(struct request *request)
{
	struct asking *asking = request->state;
	struct pg_params *params = pg_params_new();
	char id[UUID_TEXT_LEN + 1];
	uuid_random(&asking->id);
	uuid_format(&asking->id, id);
	pg_param_text(params, id);
	pg_param_uuid(params, asking->claim_id.bytes);
	add_proof(asking, params);
	pg_param_bytea(params, asking->sealed.bytes, asking->sealed.len);
	pg_param_int(params, request->portal->config->transfer_wait_ms / 1000);
	pg_param_int(params, request->portal->config->wrong_codes_per_hour);
	request_param_actor(request, params);
	const struct pg_call calls[] = {{&query_transfer_request, params}, read_call(id)};
	request_effect(request, calls, 2, on_requested);
}

static void on_checked(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct asking *asking = request->state;
	const struct pg_rows *checked = results[1];
	const char *outcome = row_text(checked, 0, row_column(checked, "outcome"));
	CHECK(count == 2);
	if (strcmp(outcome, "existing") == 0) {
		const struct pg_call call =
		    read_call(row_text(checked, 0, row_column(checked, "transfer_id")));
		request_query(request, &call, 1, on_read);
	} else if (strcmp(outcome, "possible") != 0) {
		claim_refuse(request, &asking->mac, checked, 0, outcome);
	} else if (claim_prepare(request, &asking->mac, results[0], checked, 0,
		       asking->body.admin_password, &asking->claim_id, &asking->sealed) == 0) {
		ask(request);
	}
}

static int read_body(struct request *request, struct asking *asking)
{
	struct field_errors *errors = &request->problem.errors;
	const struct transfer_body *body = &asking->body;
	if (bind_object(request->document, body_fields,
		sizeof(body_fields) / sizeof(body_fields[0]), &asking->body, errors) == ERR_OK) {
		if (mac_parse(body->mac, strlen(body->mac), &asking->mac) != ERR_OK)
			field_error_add(errors, "mac", "bad_mac", "This must be a phone's MAC.");
		claim_code_read(body->claim_code, &asking->code, errors);
	}
	if (errors->count == 0)
		return 0;
	request_fail_fields(request);
	return -1;
}

void transfer_request(struct request *request)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	CHECK(asking);
	request->state = asking;
	request->state_free = asking_free;
	if (read_body(request, asking))
		return;
	struct pg_params *params = pg_params_new();
	add_proof(asking, params);
	pg_param_int(params, request->portal->config->wrong_codes_per_hour);
	request_param_actor(request, params);
	const struct pg_call calls[] = {
	    profile_read_call(asking->body.profile_id), {&query_transfer_check, params}};
	/* A wrong code is counted: an effect, though nothing of the client's changes. */
	request_query(request, calls, 2, on_checked);
}

void transfer_rebuild(struct request *request)
{
	request_set_location(request, "/v1/transfers/%s", request->effect_object);
	const struct pg_call call = read_call(request->effect_object);
	request_query(request, &call, 1, on_read);
}

/* --- Answering --- */

static void on_answered(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	if (strcmp(outcome, "answered") == 0 || strcmp(outcome, "same") == 0)
		on_read(request, results, count);
	else
		request_fail_outcome(request, outcome);
}

static void answer(struct request *request, int consents, const char *objection)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, request->match.params[0]);
	pg_param_bool(params, consents);
	pg_param_text(params, objection);
	request_param_actor(request, params);
	const struct pg_call calls[] = {
	    {&query_transfer_answer, params}, read_call(request->match.params[0])};
	request_effect(request, calls, 2, on_answered);
}

void transfer_consent(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	answer(request, 1, NULL);
}

void transfer_object(struct request *request)
{
	static const struct bind_field objection_fields[] = {{.name = "objection",
	    .type = BIND_LINES,
	    .flags = BIND_REQUIRED,
	    .min = 1,
	    .max = 512}};
	const char *objection = NULL;
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	if (bind_object(
		request->document, objection_fields, 1, &objection, &request->problem.errors))
		request_fail_fields(request);
	else
		answer(request, 0, objection);
}

static void on_withdrawn(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "withdrawn") == 0 || strcmp(outcome, "same") == 0)
		request_reply_empty(request);
	else
		request_fail_outcome(request, outcome);
}

void transfer_withdraw(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_transfer_withdraw, params}, 1, on_withdrawn);
}
