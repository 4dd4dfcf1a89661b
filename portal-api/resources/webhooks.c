/*
 * Webhooks (/v1/webhooks): where an ITSP wants its events posted. The courier posts them
 * (courier/courier.c); here they are made, changed, replayed and tested. A secret is shown once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/events/feed.h"
#include "portal-api/events/kinds.h"
#include "portal-api/http/request.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "portal-api/webhooks/secret.h"
#include "portal-api/webhooks/url.h"
#include "queries_portal-api.h"

enum { KINDS_MAX = 32, KIND_LEN_MAX = 32, OLD_SECRET_S = 24 * 3600 };

static const struct row_field fields[] = {
    {"id", "id", ROW_TEXT},
    {"url", "url", ROW_TEXT},
    {"kinds", "kinds", ROW_TEXTS},
    {"state", "state", ROW_TEXT},
    {"created_at", "created_at", ROW_TIME},
    {"failing_since", "failing_since", ROW_TIME},
    {"next_attempt_at", "next_attempt_at", ROW_TIME},
    {"version", "version", ROW_INT},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static struct pg_call read_call(const char *id)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, id);
	return (struct pg_call){&query_webhook_get, params};
}

/* --- Reading --- */

static void on_list(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	request_reply_page(request, "webhooks",
	    row_objects(results[0], SIZE_MAX, fields, FIELD_COUNT), "webhooks", NULL);
}

void webhook_list(struct request *request)
{
	request_query(request, &(struct pg_call){&query_webhook_list, NULL}, 1, on_list);
}

/* The webhook as it is; its new secret beside it where there is one. */
static void reply(struct request *request, const struct pg_rows *rows, const struct secret *secret)
{
	if (row_count(rows) == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	json_t *document = row_object(rows, 0, fields, FIELD_COUNT);
	if (secret && secret->len > 0) {
		json_object_set_new(document, "secret", json_string((const char *)secret->bytes));
		request->holds_secret = 1;
	}
	request->etag_version = (int)row_int(rows, 0, row_column(rows, "version"));
	request_reply_json(request, request->location[0] ? 201 : 200, document);
}

static void on_read(struct request *request, const struct pg_rows *const *results, size_t count)
{
	reply(request, results[count - 1], NULL);
}

void webhook_get(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	const struct pg_call call = read_call(request->match.params[0]);
	request_query(request, &call, 1, on_read);
}

static void on_attempts(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field attempt_fields[] = {
	    {"at", "at", ROW_TIME},
	    {"test", "is_test", ROW_BOOL},
	    {"events", "events", ROW_INT},
	    {"taken", "taken", ROW_BOOL},
	    {"status", "status", ROW_INT},
	    {"error", "error", ROW_TEXT},
	    {"took_ms", "took_ms", ROW_INT},
	};
	CHECK(count == 2);
	if (row_count(results[0]) == 0)
		request_fail_outcome(request, "not_found");
	else
		request_reply_page(request, "attempts",
		    row_objects(results[1], SIZE_MAX, attempt_fields,
			sizeof(attempt_fields) / sizeof(attempt_fields[0])),
		    "attempts", NULL);
}

void webhook_attempts(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	const struct pg_call calls[] = {
	    read_call(request->match.params[0]), {&query_webhook_attempts, params}};
	request_query(request, calls, 2, on_attempts);
}

/* --- Making and changing --- */

struct webhook_body {
	const char *url, *state;
	json_t *kinds;
};

static const char *const states[] = {"live", "paused", NULL};
static const struct bind_field patch_fields[] = {
    {.name = "url",
	.type = BIND_TEXT,
	.flags = BIND_URL,
	.offset = offsetof(struct webhook_body, url),
	.min = 1,
	.max = 1024},
    {.name = "kinds",
	.type = BIND_TEXTS,
	.offset = offsetof(struct webhook_body, kinds),
	.max = KINDS_MAX,
	.item_max = KIND_LEN_MAX},
    {.name = "state",
	.type = BIND_WORD,
	.offset = offsetof(struct webhook_body, state),
	.words = states},
};
/* Without a state: a new one is live. */
enum { PATCH_FIELDS = 3, CREATE_FIELDS = 2 };

static void check_kinds(const json_t *kinds, struct field_errors *errors)
{
	for (size_t i = 0; i < json_array_size(kinds); i++) {
		char path[32];
		if (event_kind_is_known(json_string_value(json_array_get(kinds, i))))
			continue;
		snprintf(path, sizeof(path), "kinds[%zu]", i);
		field_error_add(
		    errors, path, "bad_kind", "This must be one of: %s.", event_kinds_text());
	}
}

static int read_body(struct request *request, size_t field_count, struct webhook_body *body)
{
	struct field_errors *errors = &request->problem.errors;
	if (bind_object(request->document, patch_fields, field_count, body, errors) == ERR_OK) {
		check_kinds(body->kinds, errors);
		/* The check's own errors are in `errors`. */
		if (body->url &&
		    webhook_url_check(body->url, request->portal->config->webhook_allow_loopback,
			errors) != ERR_OK)
			CHECK(errors->count > 0);
		if (!body->url && field_count == CREATE_FIELDS)
			field_error_add(errors, "url", "required", "This field is needed.");
	}
	if (errors->count == 0)
		return 0;
	request_fail_fields(request);
	return -1;
}

static void add_kinds(struct pg_params *params, const json_t *kinds)
{
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < json_array_size(kinds); i++)
		pg_param_text(params, json_string_value(json_array_get(kinds, i)));
	pg_param_array_end(params);
}

static void secret_state_free(void *state)
{
	secret_free(state);
	free(state);
}

/* A new secret as the request's state, sealed for its webhook. */
static void make_secret(struct request *request, const struct uuid *id, struct buf *sealed)
{
	struct secret *secret = calloc(1, sizeof(*secret));
	CHECK(secret);
	request->state = secret;
	request->state_free = secret_state_free;
	webhook_secret_make(secret);
	webhook_secret_seal(request->portal->webhook_ring, id, secret, sealed);
}

/* After a change: its outcome, and then the webhook as it is now. */
static void on_changed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const char *const good[] = {
	    "created", "updated", "same", "rotated", "replayed", NULL};
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 2);
	for (const char *const *word = good; *word; word++) {
		if (strcmp(outcome, *word) == 0) {
			reply(request, results[1], request->state);
			return;
		}
	}
	request_fail_outcome(request, outcome);
}

void webhook_create(struct request *request)
{
	struct webhook_body body = {0};
	struct uuid id;
	struct buf sealed = {0};
	char id_text[UUID_TEXT_LEN + 1];
	if (!request->portal->config->webhooks_enabled) {
		request_fail(request, PROBLEM_WEBHOOKS_OFF,
		    "This portal posts nothing: read /v1/events or /v1/events/stream.");
		return;
	}
	if (read_body(request, CREATE_FIELDS, &body))
		return;
	uuid_random(&id);
	uuid_format(&id, id_text);
	make_secret(request, &id, &sealed);
	request_set_location(request, "/v1/webhooks/%s", id_text);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_text(params, body.url);
	add_kinds(params, body.kinds);
	pg_param_bytea(params, sealed.bytes, sealed.len);
	pg_param_int(params, request->portal->config->webhooks_per_itsp);
	request_param_actor(request, params);
	buf_free(&sealed);
	const struct pg_call calls[] = {{&query_webhook_create, params}, read_call(id_text)};
	request_effect(request, calls, 2, on_changed);
}

void webhook_patch(struct request *request)
{
	struct webhook_body body = {0};
	struct uuid id;
	int version;
	if (request_uuid(request, 0, &id) || request_if_match(request, &version) ||
	    read_body(request, PATCH_FIELDS, &body))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_version(params, version);
	pg_param_text(params, body.url);
	if (body.kinds)
		add_kinds(params, body.kinds);
	else
		pg_param_null(params);
	pg_param_text(params, body.state);
	request_param_actor(request, params);
	const struct pg_call calls[] = {
	    {&query_webhook_update, params}, read_call(request->match.params[0])};
	request_effect(request, calls, 2, on_changed);
}

void webhook_rotate_secret(struct request *request)
{
	struct uuid id;
	struct buf sealed = {0};
	if (request_uuid(request, 0, &id))
		return;
	make_secret(request, &id, &sealed);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_bytea(params, sealed.bytes, sealed.len);
	pg_param_int(params, OLD_SECRET_S);
	request_param_actor(request, params);
	buf_free(&sealed);
	const struct pg_call calls[] = {
	    {&query_webhook_rotate, params}, read_call(request->match.params[0])};
	request_effect(request, calls, 2, on_changed);
}

static void on_deleted(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "deleted") == 0)
		request_reply_empty(request);
	else
		request_fail_outcome(request, outcome);
}

/* Runs a statement whose parameters are the id and the actor. */
static void run_on_id(
    struct request *request, const struct pg_statement *statement, request_done_fn *done)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){statement, params}, 1, done);
}

void webhook_delete(struct request *request)
{
	struct uuid id;
	int version;
	if (request_uuid(request, 0, &id) || request_if_match(request, &version))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_actor(request, params);
	request_param_version(params, version);
	request_effect(request, &(struct pg_call){&query_webhook_delete, params}, 1, on_deleted);
}

/* --- Testing and replaying --- */

static void reply_asked(struct request *request)
{
	request_reply_json(request, 202, json_pack("{ss}", "state", "asked"));
}

static void on_test(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "asked") == 0)
		reply_asked(request);
	else
		request_fail_outcome(request, outcome);
}

void webhook_test(struct request *request)
{
	run_on_id(request, &query_webhook_test, on_test);
}

void webhook_test_rebuild(struct request *request)
{
	reply_asked(request);
}

struct replay_body {
	const char *after;
	int64_t since_us;
};

static int read_replay(
    struct request *request, struct replay_body *body, struct feed_position *position)
{
	static const struct bind_field replay_fields[] = {
	    {.name = "after",
		.type = BIND_TEXT,
		.offset = offsetof(struct replay_body, after),
		.min = 1,
		.max = CURSOR_TEXT_MAX},
	    {.name = "since", .type = BIND_TIME, .offset = offsetof(struct replay_body, since_us)},
	};
	struct field_errors *errors = &request->problem.errors;
	char place[CURSOR_PLACE_MAX + 1];
	if (bind_object(request->document, replay_fields, 2, body, errors) != ERR_OK) {
		request_fail_fields(request);
		return -1;
	}
	if (!body->after == (body->since_us == INT64_MIN)) {
		request_fail_field(request, "after", "required",
		    "Say one of: after (a cursor of the events), since (a time).");
		return -1;
	}
	if (!body->after)
		return 0;
	if (cursor_parse("events", request->principal.itsp_id, body->after, place) != ERR_OK) {
		request_fail(request, PROBLEM_BAD_CURSOR,
		    "Use a cursor of your events, as `next` or a post gave it.");
		return -1;
	}
	*position = feed_position_of(place);
	return 0;
}

void webhook_replay(struct request *request)
{
	struct replay_body body = {.since_us = INT64_MIN};
	struct feed_position position = {0};
	struct uuid id;
	if (request_uuid(request, 0, &id) || read_replay(request, &body, &position))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_int(params, position.xid);
	pg_param_int(params, position.seq);
	pg_param_time_us(params, body.since_us);
	request_param_actor(request, params);
	const struct pg_call calls[] = {
	    {&query_webhook_replay, params}, read_call(request->match.params[0])};
	request_effect(request, calls, 2, on_changed);
}

void webhook_rebuild(struct request *request)
{
	const struct pg_call call = read_call(request->effect_object);
	request_query(request, &call, 1, on_read);
}
