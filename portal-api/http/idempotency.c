/*
 * Idempotency-Key: a repeated request gets the first one's answer and has no second effect.
 *
 * The key is held before the effect begins, marked in the effect's own transaction, and then keeps
 * the answer for 24 hours; an answer that held a secret is never kept. The scope of a key is the
 * token and the route. Runs in a portal worker; what is stored is the portal's own text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/pki/digest.h"
#include "portal-api/http/request.h"
#include "queries_portal-api.h"

/* The key's own three parameters; more may follow. */
struct pg_params *idempotency_params(const struct request *request)
{
	char route[256];
	struct pg_params *params = pg_params_new();
	int len = snprintf(
	    route, sizeof(route), "%s %s", request->operation->method, request->operation->pattern);
	CHECK(len > 0 && (size_t)len < sizeof(route));
	pg_param_text(params, request->principal.id);
	pg_param_text(params, route);
	pg_param_text(params, request->idempotency_key);
	return params;
}

/* What the key stands for: the method, the target as sent, and the body. */
static void request_digest(const struct request *request, uint8_t digest[SHA256_LEN])
{
	const struct http1_head *head = exchange_head(request->exchange);
	struct buf text = {0};
	buf_put(&text, head->method.text, head->method.len);
	buf_put_u8(&text, ' ');
	buf_put(&text, head->target.text, head->target.len);
	buf_put_u8(&text, '\n');
	buf_put(&text, request->body, request->body_len);
	sha256(text.bytes, text.len, digest);
	buf_wipe(&text);
}

/* An answer as it is kept: Location and version, a line each, then the document. */
static void envelope_write(const struct request *request, struct buf *text)
{
	buf_printf(text, "%s\n%d\n", request->location, request->etag_version);
	buf_put(text, request->reply.bytes, request->reply.len);
}

/* The next line of what we wrote ourselves; NUL-terminates it. */
static char *take_line(char **rest)
{
	char *line = *rest, *feed = strchr(line, '\n');
	CHECK(feed);
	*feed = '\0';
	*rest = feed + 1;
	return line;
}

static void reply_kept(struct request *request, int status, const char *response)
{
	char *copy = strdup(response), *rest = copy;
	CHECK(copy);
	const char *location = take_line(&rest);
	if (location[0])
		request_set_location(request, "%s", location);
	request->etag_version = atoi(take_line(&rest));
	if (status == 204)
		request_reply_empty(request);
	else
		request_reply_text(request, status, "application/json", rest, strlen(rest));
	free(copy);
}

static void refuse_secret(struct request *request)
{
	request_fail(request, PROBLEM_SECRET_ALREADY_SHOWN,
	    "This request was carried out; its answer held a secret, which is shown once.");
}

static void copy_object(struct request *request, const char *object)
{
	CHECK(strlen(object) < sizeof request->effect_object);
	memcpy(request->effect_object, object, strlen(object) + 1);
}

static void replay(struct request *request, const struct pg_rows *rows)
{
	request->replayed = 1;
	if (row_bool(rows, 0, row_column(rows, "had_secret")))
		refuse_secret(request);
	else
		reply_kept(request, (int)row_int(rows, 0, row_column(rows, "status")),
		    row_text(rows, 0, row_column(rows, "response")));
}

static void on_begun(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	const char *outcome = row_text(rows, 0, row_column(rows, "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "new") == 0) {
		request->idempotency_begun = 1;
		request->operation->handle(request);
	} else if (strcmp(outcome, "in_progress") == 0) {
		request->retry_after_s = 1;
		request_fail(request, PROBLEM_REQUEST_IN_PROGRESS,
		    "A request with this Idempotency-Key is being carried out. Ask again.");
	} else if (strcmp(outcome, "differs") == 0) {
		request_fail(request, PROBLEM_IDEMPOTENCY_KEY_REUSED,
		    "This Idempotency-Key was used for another request: make a new one.");
	} else if (strcmp(outcome, "effect_done") != 0) {
		replay(request, rows);
	} else if (request->operation->rebuild) {
		copy_object(request, row_text(rows, 0, row_column(rows, "object_id")));
		request->replayed = 1;
		request->operation->rebuild(request);
	} else {
		refuse_secret(request);
	}
}

void idempotency_begin(struct request *request)
{
	uint8_t digest[SHA256_LEN];
	struct pg_params *params = idempotency_params(request);
	request_digest(request, digest);
	pg_param_bytea(params, digest, sizeof(digest));
	request_query(request, &(struct pg_call){&query_idempotency_begin, params}, 1, on_begun);
}

/* The answer goes out whether it could be kept or not: the effect's own mark protects from a second
 * one. */
static void on_finished(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	(void)rows;
	(void)count;
	if (error && log_gate_open(&gate))
		LOG_WARN("idempotent_answer_not_kept", log_err(error->err),
		    log_str("message", error->message), log_uint("suppressed", gate.suppressed));
	request_send(ctx);
}

void idempotency_finish(struct request *request)
{
	const struct portal *portal = request->portal;
	struct pg_params *params = idempotency_params(request);
	struct pg_call call = {&query_idempotency_forget, params};
	struct buf text = {0};
	if (request->reply_status < 300) {
		call.statement = &query_idempotency_finish;
		pg_param_int(params, request->reply_status);
		if (request->holds_secret) {
			pg_param_null(params);
		} else {
			envelope_write(request, &text);
			pg_param_text_len(params, (const char *)text.bytes, text.len);
			buf_free(&text);
		}
		pg_param_bool(params, request->holds_secret);
	}
	request->idempotency_begun = 0;
	pg_submit(
	    request->principal.audience == AUDIENCE_MANUFACTURER ? portal->admin : portal->tenant,
	    &call, 1, on_finished, request);
}
