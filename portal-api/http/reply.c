/*
 * A request's one answer: document, fields, access line, counters.
 *
 * Every answer says that it is not to be stored or sniffed and that https is for good. The access
 * line holds no body, no query and no token. Runs in a portal worker.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/metrics.h"
#include "portal-api/http/stream.h"
#include "portal-api/metrics.h"

/* A stream may rest for a while, however short the deadline of a request is. */
enum { STREAM_MS_MIN = 10000 };

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

static void add_header(struct server_answer *answer, const char *name, const char *value)
{
	CHECK(answer->header_count < sizeof(answer->headers) / sizeof(answer->headers[0]));
	answer->headers[answer->header_count++] =
	    (struct http1_field){span_of(name), span_of(value)};
}

/* The first path parameter, a MAC or an id; not when somebody put a token into the path. */
static const char *object_of(const struct request *request)
{
	const char *object = request->match.params[0];
	return request->match.param_count && !strstr(object, "fst_") ? object : NULL;
}

static void write_access_line(const struct request *request)
{
	const struct operation *operation = request->operation;
	int failed = request->reply_status >= 400;
	uint64_t took_ms = (uint64_t)(clock_monotonic_ms() - request->started_ms);
	LOG_INFO("request", log_str("request_id", exchange_request_id(request->exchange)),
	    log_str("source_ip", exchange_peer(request->exchange)->text),
	    log_str("operation", operation ? operation->id : NULL),
	    log_str("object", object_of(request)), log_int("status", request->reply_status),
	    log_str("reason", failed ? problem_code(request->problem.kind) : NULL),
	    log_str(request->principal.is_person ? "user_id" : "token_id",
		request->principal.id[0] ? request->principal.id : NULL),
	    log_str("itsp_id", request->principal.itsp_id[0] ? request->principal.itsp_id : NULL),
	    log_uint("took_ms", took_ms));
	metrics_add(METRIC_ANSWERS, (unsigned)request->reply_status / 100 - 1, 1);
	if (failed)
		metrics_add(METRIC_PROBLEMS, request->problem.kind, 1);
	metrics_observe_us(METRIC_REQUEST_SECONDS, 0, took_ms * 1000);
}

/* Pages are asked for anew each time, and answered with 304 where they have not changed. Nothing of
 * them is framed, nothing comes from elsewhere or stands inline, and text never becomes HTML. */
static void add_page_headers(struct server_answer *answer, const struct web_file *page)
{
	add_header(answer, "Cache-Control", "no-cache");
	add_header(answer, "ETag", page->etag);
	add_header(answer, "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
	    "require-trusted-types-for 'script'; trusted-types 'none'");
	add_header(answer, "Referrer-Policy", "no-referrer");
	add_header(answer, "Cross-Origin-Opener-Policy", "same-origin");
}

/* What the API answers is not to be stored at all. */
static void add_common_headers(struct server_answer *answer, const struct web_file *page)
{
	if (page)
		add_page_headers(answer, page);
	else
		add_header(answer, "Cache-Control", "no-store");
	add_header(answer, "X-Content-Type-Options", "nosniff");
	add_header(answer, "Strict-Transport-Security", "max-age=31536000");
}

void request_send(struct request *request)
{
	char etag[24], retry_after[12], rate[64];
	struct server_answer answer = {.status = request->reply_status,
	    .content_type = request->reply_type,
	    .body = request->reply.bytes,
	    .body_len = request->reply.len};
	add_common_headers(&answer, request->page);
	if (request->reply_status == 401)
		add_header(&answer, "WWW-Authenticate",
		    request->problem.kind == PROBLEM_INVALID_TOKEN
			? "Bearer realm=\"firstring\", error=\"invalid_token\""
			: "Bearer realm=\"firstring\"");
	else if (request->reply_status == 405)
		add_header(&answer, "Allow", request->match.allow);
	if (request->location[0])
		add_header(&answer, "Location", request->location);
	if (request->etag_version > 0) {
		snprintf(etag, sizeof(etag), "\"%d\"", request->etag_version);
		add_header(&answer, "ETag", etag);
	}
	if (request->retry_after_s > 0) {
		snprintf(retry_after, sizeof(retry_after), "%u", request->retry_after_s);
		add_header(&answer, "Retry-After", retry_after);
	}
	if (request->set_cookie[0])
		add_header(&answer, "Set-Cookie", request->set_cookie);
	if (request->rate_limited) {
		snprintf(rate, sizeof(rate), "limit=%d, remaining=0, reset=%u",
		    (int)request->portal->config->request_burst, request->retry_after_s);
		add_header(&answer, "RateLimit", rate);
	}
	if (request->replayed)
		add_header(&answer, "Idempotency-Replayed", "true");
	write_access_line(request);
	exchange_answer(request->exchange, &answer);
}

static void finish(struct request *request, int status, const char *content_type)
{
	request->reply_status = status;
	request->reply_type = content_type;
	/* A lost outcome leaves the key held: the effect may still come about. */
	if (request->idempotency_begun &&
	    !(status == 503 && request->problem.kind == PROBLEM_OUTCOME_UNKNOWN))
		idempotency_finish(request);
	else
		request_send(request);
}

static int append(const char *text, size_t len, void *reply)
{
	buf_put(reply, text, len);
	return 0;
}

void request_reply_json(struct request *request, int status, json_t *document)
{
	CHECK(document && json_dump_callback(document, append, &request->reply, JSON_COMPACT) == 0);
	buf_put_u8(&request->reply, '\n');
	json_decref(document);
	finish(request, status, "application/json");
}

void request_reply_empty(struct request *request)
{
	finish(request, 204, NULL);
}

void request_reply_text(
    struct request *request, int status, const char *content_type, const void *text, size_t len)
{
	buf_put(&request->reply, text, len);
	finish(request, status, content_type);
}

void request_reply_page(
    struct request *request, const char *name, json_t *items, const char *list, const char *place)
{
	char cursor[CURSOR_TEXT_MAX + 1];
	json_t *next = place ? NULL : json_null();
	if (place) {
		cursor_format(list, request->principal.itsp_id, place, cursor);
		next = json_string(cursor);
	}
	request_reply_json(request, 200, json_pack("{so so}", name, items, "next", next));
}

void request_set_location(struct request *request, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(request->location, sizeof(request->location), format, args);
	va_end(args);
	CHECK(len > 0 && (size_t)len < sizeof(request->location));
}

static void fail(struct request *request)
{
	/* What a handler had begun to say of a success does not hold. */
	request->location[0] = '\0';
	request->etag_version = 0;
	problem_write(
	    &request->problem, 0, exchange_request_id(request->exchange), &request->reply);
	finish(request, problem_status(request->problem.kind), "application/problem+json");
}

void request_fail(struct request *request, enum problem_kind kind, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	problem_vset(&request->problem, kind, detail, args);
	va_end(args);
	fail(request);
}

void request_fail_field(
    struct request *request, const char *field, const char *code, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	field_error_vadd(&request->problem.errors, field, code, detail, args);
	va_end(args);
	request_fail_fields(request);
}

void request_fail_fields(struct request *request)
{
	size_t count = request->problem.errors.count;
	CHECK(count > 0);
	if (count == 1)
		problem_set(&request->problem, PROBLEM_INVALID, "%s: %s",
		    request->problem.errors.items[0].field,
		    request->problem.errors.items[0].detail);
	else
		problem_set(
		    &request->problem, PROBLEM_INVALID, "%zu values are not acceptable.", count);
	fail(request);
}

/* --- In pieces --- */

static void on_gone(struct exchange *exchange, void *ctx)
{
	struct request *request = ctx;
	(void)exchange;
	request->stream_gone(request);
}

void request_stream_begin(struct request *request, const struct stream_begin *begin)
{
	char disposition[96];
	struct server_answer answer = {.status = 200, .content_type = begin->content_type};
	request->stream_failed = begin->failed;
	request->stream_gone = begin->gone;
	request->reply_status = 200;
	add_common_headers(&answer, NULL);
	if (begin->file_name) {
		snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
		    begin->file_name);
		add_header(&answer, "Content-Disposition", disposition);
	}
	exchange_on_close(request->exchange, on_gone, request);
	exchange_begin(request->exchange, &answer);
	request_stream_go_on(request);
}

void request_stream_go_on(struct request *request)
{
	int64_t ms = request->portal->config->request_ms;
	exchange_extend_deadline(
	    request->exchange, (unsigned)(ms > STREAM_MS_MIN ? ms : STREAM_MS_MIN));
}

void request_stream_end(struct request *request, int complete)
{
	write_access_line(request);
	exchange_end(request->exchange, complete);
}
