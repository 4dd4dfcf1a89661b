/*
 * From a request head to its handler: route, who asks (authenticate.c), body, in this order.
 *
 * Everything here is the Internet's until a token or session was found on record; no body is read
 * before that but where the route is for everybody, and none that the route does not have. Runs in
 * a portal worker. It decides nothing about claims or tenants: row-level security and the handlers
 * do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "portal-api/http/media.h"
#include "portal-api/http/request.h"
#include "portal-api/json/bind.h"
#include "portal-api/routes.h"

enum { EMPTY_BODY_MAX = 1024 };

static void request_free(void *data)
{
	struct request *request = data;
	if (request->state_free)
		request->state_free(request->state);
	json_decref(request->document);
	bytes_wipe(&request->principal, sizeof(request->principal));
	bytes_wipe(request->set_cookie, sizeof(request->set_cookie));
	buf_wipe(&request->reply);
	free(request);
}

static void run_handler(struct request *request)
{
	if (request->operation->flags & OPERATION_MUTATES && request->idempotency_key[0])
		idempotency_begin(request);
	else
		request->operation->handle(request);
}

static void on_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	(void)exchange;
	struct request *request = ctx;
	enum operation_body kind = request->operation->body;
	request->body = body;
	request->body_len = len;
	if (kind == BODY_JSON || kind == BODY_MERGE_PATCH || (kind == BODY_NONE && len > 0)) {
		char why[PROBLEM_DETAIL_MAX];
		if (json_parse_object(body, len, &request->document, why, sizeof(why)) != ERR_OK) {
			request_fail(request, PROBLEM_BAD_JSON, "%s", why);
			return;
		}
	}
	if (kind == BODY_NONE && json_object_size(request->document) > 0) {
		request_fail(request, PROBLEM_BAD_REQUEST, "This operation takes no body.");
		return;
	}
	run_handler(request);
}

/* Whether the declared type is one that the operation takes. */
static int has_right_type(const struct operation *operation, const struct http1_head *head)
{
	struct span type;
	if (http1_field(head, "content-type", &type) != ERR_OK)
		return 0;
	switch (operation->body) {
	case BODY_NONE:
	case BODY_JSON:
		return media_type_is(type, "application/json");
	case BODY_MERGE_PATCH:
		return media_type_is(type, "application/merge-patch+json") ||
		       media_type_is(type, "application/json");
	case BODY_CSV:
		return media_type_is(type, "text/csv");
	case BODY_ROWS:
		return media_type_is(type, "text/csv") ||
		       media_type_is(type, "application/x-ndjson");
	}
	return 0;
}

static void read_body(struct request *request)
{
	const struct operation *operation = request->operation;
	const struct http1_head *head = exchange_head(request->exchange);
	int has_body = head->has_body && (head->chunked || head->content_length > 0);
	if (request_check_query(request) || request_check_conditions(request))
		return;
	if (operation->body == BODY_NONE && !has_body) {
		run_handler(request);
	} else if (operation->body == BODY_NONE && !(operation->flags & OPERATION_MUTATES)) {
		request_fail(request, PROBLEM_BAD_REQUEST, "This operation takes no body.");
	} else if (has_body && !has_right_type(operation, head)) {
		request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "Content-Type must be %s.",
		    operation_media_type(operation->body));
	} else {
		exchange_read_body(request->exchange,
		    operation->body == BODY_NONE ? EMPTY_BODY_MAX : operation->body_max, on_body,
		    request);
	}
}

void request_admit(struct request *request, int itsp_is_suspended)
{
	const struct operation *operation = request->operation;
	if (operation->flags & OPERATION_MUTATES && itsp_is_suspended &&
	    operation->audience != OPERATION_PERSON)
		request_fail_outcome(request, "itsp_suspended");
	else
		read_body(request);
}

/* The key's syntax: up to 255 visible ASCII characters (draft-ietf-httpapi-idempotency-key-header).
 */
static int take_idempotency_key(struct request *request)
{
	struct span key;
	enum err err = http1_field(exchange_head(request->exchange), "idempotency-key", &key);
	if (err == ERR_NOT_FOUND)
		return 0;
	int good = err == ERR_OK && key.len >= 1 && key.len <= IDEMPOTENCY_KEY_MAX;
	for (size_t i = 0; good && i < key.len; i++)
		good = key.text[i] > ' ' && key.text[i] <= '~';
	if (!good) {
		request_fail(request, PROBLEM_BAD_REQUEST,
		    "Idempotency-Key must be one word of 1 to %d visible ASCII characters.",
		    IDEMPOTENCY_KEY_MAX);
		return -1;
	}
	memcpy(request->idempotency_key, key.text, key.len);
	return 0;
}

void request_start(struct exchange *exchange, void *portal)
{
	size_t count;
	const struct route *routes = portal_routes(&count);
	struct request *request = calloc(1, sizeof(*request));
	CHECK(request);
	request->portal = portal;
	request->exchange = exchange;
	request->started_ms = clock_monotonic_ms();
	exchange_set_data(exchange, request, request_free);

	const struct web_file *page = web_find(exchange_head(exchange)->path);
	if (page) {
		web_answer(request, page);
		return;
	}
	switch (router_match(routes, count, exchange_head(exchange), &request->match)) {
	case ROUTER_PATH:
		request_fail(request, PROBLEM_NOT_FOUND,
		    "There is nothing at this path; /openapi.json tells what there is.");
		return;
	case ROUTER_METHOD:
		request_fail(
		    request, PROBLEM_METHOD_NOT_ALLOWED, "Allowed here: %s.", request->match.allow);
		return;
	case ROUTER_FOUND:
		break;
	}
	request->operation = request->match.route->target;
	if (request->operation->audience == OPERATION_PUBLIC) {
		if (authenticate_is_own_site(request))
			read_body(request);
	} else if (take_idempotency_key(request) == 0) {
		authenticate(request);
	}
}
