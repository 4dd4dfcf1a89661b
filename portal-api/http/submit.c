/*
 * A request's transactions: the right pool, the tenant first, failures told to the client.
 *
 * A failure of the database is the environment's: 503 with Retry-After. Where something may have
 * been changed and the answer was lost, the client is told so (`outcome_unknown`): repeating is
 * safe, since every mutation is idempotent or carries a key. Runs in a portal worker.
 */
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "portal-api/http/request.h"
#include "queries_portal-api.h"

enum { RETRY_AFTER_MAX_S = 5 };
/* What limit_of_itsp raises: the message is for the client. */
static const char LIMIT_REACHED[] = "P0409";

static struct pg *pool_of(const struct request *request)
{
	return request->principal.audience == AUDIENCE_MANUFACTURER ? request->portal->admin
								    : request->portal->tenant;
}

struct pg_call request_tenant_call(const struct request *request)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, request->principal.itsp_id);
	return (struct pg_call){&query_tenant_set, params};
}

static void add_actor_kind(const struct request *request, struct pg_params *params)
{
	const struct principal *principal = &request->principal;
	pg_param_text(params, !principal->id[0]      ? "nobody"
			      : principal->is_person ? "user"
						     : "token");
}

static void add_actor_id(const struct request *request, struct pg_params *params)
{
	pg_param_text(params, request->principal.id[0] ? request->principal.id : "nobody");
}

static void add_source_ip(const struct request *request, struct pg_params *params)
{
	pg_param_text(params, exchange_peer(request->exchange)->text);
}

static void add_request_id(const struct request *request, struct pg_params *params)
{
	pg_param_text(params, exchange_request_id(request->exchange));
}

static void (*const ACTOR[])(const struct request *request, struct pg_params *params) = {
    add_actor_kind, add_actor_id, add_source_ip, add_request_id};

void request_param_actor(const struct request *request, struct pg_params *params)
{
	for (size_t i = 0; i < sizeof(ACTOR) / sizeof(ACTOR[0]); i++)
		ACTOR[i](request, params);
}

void requests_param_actors(struct request *const *requests, size_t count, struct pg_params *params)
{
	for (size_t i = 0; i < sizeof(ACTOR) / sizeof(ACTOR[0]); i++) {
		pg_param_array_begin(params, PG_ARRAY_TEXT);
		for (size_t j = 0; j < count; j++)
			ACTOR[i](requests[j], params);
		pg_param_array_end(params);
	}
}

void request_fail_busy(struct request *request, enum problem_kind kind, const char *detail)
{
	request->retry_after_s = 1 + random_below(RETRY_AFTER_MAX_S);
	request_fail(request, kind, "%s", detail);
}

static void fail_unavailable(struct request *request, int outcome_unknown)
{
	if (outcome_unknown)
		request_fail_busy(request, PROBLEM_OUTCOME_UNKNOWN,
		    "The connection to the database was lost before it answered: it may be done or "
		    "not. Repeating the request is safe.");
	else
		request_fail_busy(request, PROBLEM_UNAVAILABLE,
		    "The database does not answer. Nothing was changed; try again.");
}

void request_fail_database(struct request *request, const struct pg_error *error)
{
	static struct log_gate gate;
	if (strcmp(error->sqlstate, LIMIT_REACHED) == 0) {
		request_fail(request, PROBLEM_LIMIT_REACHED, "%s", error->message);
		return;
	}
	int is_ours =
	    error->err == ERR_REFUSED || error->err == ERR_DENIED || error->err == ERR_EXISTS;
	if (is_ours || log_gate_open(&gate))
		LOG_WARN("database_failed",
		    log_str("request_id", exchange_request_id(request->exchange)),
		    log_str("operation", request->operation->id), log_err(error->err),
		    log_str("sqlstate", error->sqlstate), log_str("message", error->message),
		    log_uint("suppressed", is_ours ? 0 : gate.suppressed));
	if (request->stream_failed) {
		request->stream_failed(request);
		return;
	}
	if (error->err == ERR_REFUSED || error->err == ERR_EXISTS)
		request_fail(request, PROBLEM_INVALID,
		    "A value that was sent cannot be stored. Nothing was changed.");
	else if (error->err == ERR_DENIED)
		request_fail(request, PROBLEM_INTERNAL,
		    "The portal may not do this. Tell the operator the request's id.");
	else
		fail_unavailable(request, request->is_effect && error->outcome_unknown);
}

static void on_results(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct request *request = ctx;
	if (error) {
		request_fail_database(request, error);
		return;
	}
	size_t before = request->is_tenants ? 1 : 0;
	size_t after = request->is_effect && request->idempotency_begun ? 1 : 0;
	CHECK(count >= before + after);
	request->done(request, rows + before, count - before - after);
}

static void submit(struct request *request, struct pg *pool, const struct pg_call *calls,
    size_t count, request_done_fn *done)
{
	struct pg_call all[REQUEST_CALLS_MAX + 2];
	size_t total = 0;
	CHECK(count >= 1 && count <= REQUEST_CALLS_MAX);
	if (request->is_tenants)
		all[total++] = request_tenant_call(request);
	memcpy(all + total, calls, count * sizeof(*calls));
	total += count;
	if (request->is_effect && request->idempotency_begun)
		all[total++] =
		    (struct pg_call){&query_idempotency_effect, idempotency_params(request)};
	request->done = done;
	pg_submit(pool, all, total, on_results, request);
}

void request_query(
    struct request *request, const struct pg_call *calls, size_t count, request_done_fn *done)
{
	request->is_tenants = request->principal.audience == AUDIENCE_ITSP;
	request->is_effect = 0;
	submit(request, pool_of(request), calls, count, done);
}

void request_effect(
    struct request *request, const struct pg_call *calls, size_t count, request_done_fn *done)
{
	request->is_tenants = request->principal.audience == AUDIENCE_ITSP;
	request->is_effect = 1;
	submit(request, pool_of(request), calls, count, done);
}

void request_authenticate(
    struct request *request, const struct pg_call *call, request_done_fn *done)
{
	request->is_tenants = request->is_effect = 0;
	submit(request, request->portal->tenant, call, 1, done);
}
