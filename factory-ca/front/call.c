/* From route to answer. Reads heads from the network: a path, a method and a certificate that TLS
 * has verified. What the certificate may do is the database's word and request.c's. */
#include "factory-ca/front/call.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/db/row.h"
#include "common/pki/device_id.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/json_text.h"
#include "factory-ca/front/lookups.h"
#include "factory-ca/front/metrics.h"
#include "queries_factory-ca.h"

static const struct call_target CACERTS = {OPERATION_CACERTS, handle_cacerts, 1};
static const struct call_target CSRATTRS = {OPERATION_CSRATTRS, handle_csrattrs, 1};
static const struct call_target ENROLL = {OPERATION_ENROLL, handle_enroll, 1};
static const struct call_target KEYGEN = {OPERATION_KEYGEN, handle_enroll, 1};
static const struct call_target REENROLL = {OPERATION_REENROLL, handle_reenroll, 1};
static const struct call_target BATCH = {OPERATION_BATCH, handle_batch, 0};
static const struct call_target ORDER_READ = {OPERATION_ORDER_READ, handle_order_read, 0};
static const struct call_target DEVICE_READ = {OPERATION_DEVICE_READ, handle_device_read, 0};
static const struct call_target CODE_ROTATE = {OPERATION_CODE_ROTATE, handle_code_rotate, 0};
static const struct call_target ORDER_OPEN = {OPERATION_ORDER_OPEN, handle_statement, 0};
static const struct call_target ORDER_CLOSE = {OPERATION_ORDER_CLOSE, handle_statement, 0};
static const struct call_target ORDER_EXTEND = {OPERATION_ORDER_EXTEND, handle_statement, 0};
static const struct call_target STATEMENT = {OPERATION_STATEMENT, handle_statement, 0};
static const struct call_target CRL = {OPERATION_CRL, handle_crl, 0};
static const struct call_target REPORT_READ = {OPERATION_RECORDS_READ, handle_report_read, 0};
static const struct call_target PHONE_READ = {OPERATION_RECORDS_READ, handle_phone_read, 0};
static const struct call_target CERTIFICATE_READ = {
    OPERATION_RECORDS_READ, handle_certificate_read, 0};
static const struct call_target OPERATOR_READ = {OPERATION_RECORDS_READ, handle_operator_read, 0};
static const struct call_target MODEL_READ = {OPERATION_MODEL_READ, handle_model_read, 0};

/* Stock EST clients that are given a label use it on cacerts and csrattrs too. */
static const struct route ROUTES[] = {
    {"GET", "/.well-known/est/cacerts", &CACERTS},
    {"GET", "/.well-known/est/{order}/cacerts", &CACERTS},
    {"GET", "/.well-known/est/csrattrs", &CSRATTRS},
    {"GET", "/.well-known/est/{order}/csrattrs", &CSRATTRS},
    {"POST", "/.well-known/est/{order}/simpleenroll", &ENROLL},
    {"POST", "/.well-known/est/{order}/serverkeygen", &KEYGEN},
    {"POST", "/.well-known/est/simplereenroll", &REENROLL},
    {"POST", "/.well-known/est/{order}/simplereenroll", &REENROLL},
    {"POST", "/v1/orders/{order}/certificates", &BATCH},
    {"GET", "/v1/orders/{order}", &ORDER_READ},
    {"GET", "/v1/orders/{order}/devices/{mac}", &DEVICE_READ},
    {"POST", "/v1/orders/{order}/devices/{mac}/rotate-code", &CODE_ROTATE},
    {"PUT", "/v1/orders/{order}", &ORDER_OPEN},
    {"POST", "/v1/orders/{order}/close", &ORDER_CLOSE},
    {"POST", "/v1/orders/{order}/extend", &ORDER_EXTEND},
    {"GET", "/v1/orders/{order}/report", &REPORT_READ},
    {"POST", "/v1/statements", &STATEMENT},
    {"POST", "/v1/crl", &CRL},
    {"GET", "/v1/devices/{mac}", &PHONE_READ},
    {"GET", "/v1/certificates/{serial}", &CERTIFICATE_READ},
    {"GET", "/v1/operators/{name}", &OPERATOR_READ},
    {"GET", "/v1/models/{model}", &MODEL_READ},
};

static void call_release(void *data)
{
	struct call *call = data;

	if (call->release_work)
		call->release_work(call->work);
	free(call);
}

static void finish(struct call *call, const struct server_answer *answer)
{
	metrics_add(FRONT_ANSWERS, front_metric_status_label(answer->status), 1);
	exchange_answer(call->exchange, answer);
}

void call_answer_bytes(
    struct call *call, int status, const char *content_type, const void *bytes, size_t len)
{
	struct server_answer answer = {
	    .status = status, .content_type = content_type, .body = bytes, .body_len = len};

	finish(call, &answer);
}

void call_answer_json(struct call *call, int status, const struct buf *body)
{
	call_answer_bytes(call, status, "application/json", body->bytes, body->len);
}

static const char *title_of(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 410:
		return "Gone";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 422:
		return "Unprocessable Content";
	case 503:
		return "Service Unavailable";
	default:
		return status >= 500 ? "Internal Server Error" : "Refused";
	}
}

static const char EST_REASON_TYPE[] = "text/plain; charset=utf-8";
static const char PROBLEM_TYPE[] = "application/problem+json";

static int is_below_est(const struct http1_head *head)
{
	static const char root[] = "/.well-known/est/";

	return head && head->path.len >= sizeof(root) - 1 &&
	       memcmp(head->path.text, root, sizeof(root) - 1) == 0;
}

/* Who asks in EST's words is answered so, where there is nothing, too. */
static int speaks_est(const struct call *call)
{
	return call->target ? call->target->is_est : is_below_est(exchange_head(call->exchange));
}

/* RFC 9457, or EST's short text (RFC 7030 section 4.2.3). */
static void write_reason(
    const struct call *call, int status, const char *code, const char *detail, struct buf *body)
{
	if (speaks_est(call)) {
		buf_printf(body, "%s: %s\n", code, detail);
		return;
	}
	buf_printf(body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,",
	    title_of(status), status);
	json_put_string(body, "detail", detail);
	buf_put_u8(body, ',');
	json_put_string(body, "code", code);
	buf_put_u8(body, ',');
	json_put_string(body, "request_id", exchange_request_id(call->exchange));
	buf_put_str(body, "}\n");
}

static void refuse_with(struct call *call, int status, const char *code, const char *detail,
    const char *header, const char *value)
{
	const struct http1_head *head = exchange_head(call->exchange);
	struct server_answer answer = {.status = status};
	struct buf body = {0};

	LOG_WARN("request_refused", log_str("request", exchange_request_id(call->exchange)),
	    log_str("peer", exchange_peer(call->exchange)->text),
	    log_bytes("method", head->method.text, head->method.len),
	    log_bytes("path", head->path.text, head->path.len),
	    log_str("caller", call->caller.name), log_int("status", status),
	    log_str("reason", code), log_str("detail", detail));
	write_reason(call, status, code, detail, &body);
	answer.content_type = speaks_est(call) ? EST_REASON_TYPE : PROBLEM_TYPE;
	answer.body = body.bytes;
	answer.body_len = body.len;
	/* A body that nobody will read is not worth waiting for. */
	answer.close = head->has_body;
	if (header) {
		answer.headers[0].name = (struct span){header, strlen(header)};
		answer.headers[0].value = (struct span){value, strlen(value)};
		answer.header_count = 1;
	}
	finish(call, &answer);
	buf_free(&body);
}

void call_refuse(struct call *call, int status, const char *code, const char *detail)
{
	refuse_with(call, status, code, detail, NULL, NULL);
}

void call_unavailable(struct call *call, const char *what)
{
	char seconds[8];

	/* Spread, so that the stations of a line do not come back in step. */
	snprintf(seconds, sizeof(seconds), "%u", 1 + random_below(4));
	LOG_WARN("call_unavailable", log_str("request", exchange_request_id(call->exchange)),
	    log_str("what", what));
	refuse_with(call, 503, "unavailable",
	    "the factory cannot answer just now; repeat the request, nothing is lost",
	    "Retry-After", seconds);
}

void call_database_failed(struct call *call, const struct pg_error *error)
{
	switch (error->err) {
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
	case ERR_FULL:
	case ERR_CLOSED:
		call_unavailable(call, "database");
		return;
	default:
		LOG_ERROR("database_refused",
		    log_str("request", exchange_request_id(call->exchange)),
		    log_str("sqlstate", error->sqlstate), log_str("message", error->message));
		call_refuse(call, 500, "internal",
		    "the database refused a statement of the factory; the log has the reason");
	}
}

void call_put_actor(const struct call *call, struct pg_params *params)
{
	pg_param_text(params, call->caller.role == ROLE_OPERATOR ? "operator" : "station");
	pg_param_text(params, call->caller.name);
	pg_param_text(params, exchange_peer(call->exchange)->text);
	pg_param_text(params, exchange_request_id(call->exchange));
}

/* --- who asks ------------------------------------------------------------------------------- */

static int has_eku(X509 *certificate, const ASN1_OBJECT *wanted)
{
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
	int i, found = 0;

	for (i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
		found |= OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted) == 0;
	EXTENDED_KEY_USAGE_free(usages);
	return found;
}

/* A certificate with both usages would be two people at once: it is nobody's. */
static enum request_role role_of(const struct front_state *state, X509 *certificate)
{
	int station = has_eku(certificate, state->station_eku);
	int operator= has_eku(certificate, state->operator_eku);

	if (station == operator)
		return ROLE_NOBODY;
	return station ? ROLE_STATION : ROLE_OPERATOR;
}

static void decide(struct call *call)
{
	enum request_refusal refusal = request_check(call->target->operation, &call->caller);

	if (refusal == REQUEST_ALLOWED) {
		call->target->handle(call);
		return;
	}
	metrics_add(FRONT_REFUSALS, refusal, 1);
	/* RFC 9110 section 11.6.1 wants a challenge; TLS client certificates have no registered
	 * scheme. */
	refuse_with(call, request_refusal_status(refusal), request_refusal_code(refusal),
	    request_refusal_detail(refusal),
	    refusal == REQUEST_NO_CERTIFICATE ? "WWW-Authenticate" : NULL,
	    "ClientCertificate realm=\"factory line\"");
}

static void on_caller(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 1 &&
	    strcmp(row_text(rows[0], 0, row_column(rows[0], "state")), "live") == 0) {
		call->caller.live = 1;
		snprintf(call->caller.name, sizeof(call->caller.name), "%s",
		    row_text(rows[0], 0, row_column(rows[0], "name")));
	}
	decide(call);
}

static void authenticate(struct call *call)
{
	const struct server_peer *peer = exchange_peer(call->exchange);
	const struct pg_statement *statement;

	if (peer->certificate == NULL || peer->verify_result != X509_V_OK ||
	    fingerprint_of_certificate(peer->certificate, &call->fingerprint) != ERR_OK) {
		decide(call);
		return;
	}
	call->caller.presented = 1;
	call->caller.role = role_of(call->front->state, peer->certificate);
	if (call->caller.role == ROLE_NOBODY) {
		decide(call);
		return;
	}
	statement = call->caller.role == ROLE_STATION ? &query_station_by_fingerprint
						      : &query_operator_by_fingerprint;
	lookups_ask(call->front->lookups, statement, LOOKUP_BYTES, call->fingerprint.bytes,
	    SHA256_LEN, on_caller, call);
}

/* --- from the server ------------------------------------------------------------------------ */

static void refuse_route(struct call *call, enum router_result result)
{
	if (result == ROUTER_METHOD)
		refuse_with(call, 405, "method_not_allowed", "this path does not know this method",
		    "Allow", call->match.allow);
	else if (speaks_est(call))
		call_refuse(call, 404, "no_such_path",
		    "there is nothing at this path; set the client's EST label to the order's "
		    "reference: /.well-known/est/REFERENCE/simpleenroll");
	else
		call_refuse(call, 404, "no_such_path", "there is nothing at this path");
}

static void on_request(struct exchange *exchange, void *ctx)
{
	struct call *call = calloc(1, sizeof(*call));
	enum router_result result;

	CHECK(call != NULL);
	call->front = ctx;
	call->exchange = exchange;
	exchange_set_data(exchange, call, call_release);
	result = router_match(
	    ROUTES, sizeof(ROUTES) / sizeof(ROUTES[0]), exchange_head(exchange), &call->match);
	if (result != ROUTER_FOUND) {
		refuse_route(call, result);
		return;
	}
	call->target = call->match.route->target;
	if (request_is_public(call->target->operation))
		decide(call);
	else
		authenticate(call);
}

/* What the server itself answers: a head that is no HTTP, a body that is too large, a deadline. */
static void on_error(int status, const char *reason, const struct http1_head *head,
    struct server_answer *answer, void *ctx)
{
	static char body[256];
	int is_est = is_below_est(head), len;

	(void)ctx;
	if (is_est)
		len = snprintf(body, sizeof(body), "%s: %s\n", reason, title_of(status));
	else
		len = snprintf(body, sizeof(body),
		    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\"}"
		    "\n",
		    title_of(status), status, reason);
	metrics_add(FRONT_ANSWERS, front_metric_status_label(status), 1);
	answer->content_type = is_est ? EST_REASON_TYPE : PROBLEM_TYPE;
	answer->body = body;
	answer->body_len = (size_t)len;
}

static void on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx)
{
	(void)detail;
	(void)peer;
	(void)ctx;
	metrics_add(FRONT_CONNECTIONS_REFUSED, refusal, 1);
}

const struct server_handler CALL_SERVER_HANDLER = {
    .on_request = on_request,
    .on_error = on_error,
    .on_refusal = on_refusal,
};

/* --- orders --------------------------------------------------------------------------------- */

static int64_t time_or_none(const struct pg_rows *rows, const char *column)
{
	int64_t us = row_time_us(rows, 0, row_column(rows, column));

	if (us == INT64_MIN || us == INT64_MAX)
		return STATEMENT_NO_TIME;
	return us / 1000000;
}

static void add_station(const char *name, void *ctx)
{
	struct statement_order *terms = ctx;

	CHECK(terms->station_count < STATEMENT_STATIONS_MAX);
	snprintf(terms->stations[terms->station_count++], STATEMENT_NAME_MAX + 1, "%s", name);
}

static void add_key_type(const char *name, void *ctx)
{
	struct statement_order *terms = ctx;
	enum key_type type;

	if (key_type_parse(name, strlen(name), &type) == ERR_OK)
		terms->key_types |= 1u << type;
}

static void read_order(const struct pg_rows *rows, struct order *order)
{
	struct statement_order *terms = &order->terms;
	const char *profile = row_text(rows, 0, row_column(rows, "certificate_profile"));
	enum err err = certificate_profile_parse(profile, strlen(profile), &terms->profile);

	CHECK(err == ERR_OK);
	snprintf(terms->reference, sizeof(terms->reference), "%s",
	    row_text(rows, 0, row_column(rows, "reference")));
	snprintf(
	    terms->model, sizeof(terms->model), "%s", row_text(rows, 0, row_column(rows, "model")));
	row_strings(rows, 0, row_column(rows, "key_types"), add_key_type, terms);
	row_mac(rows, 0, row_column(rows, "first_mac"), &terms->first_mac);
	terms->quantity = (uint32_t)row_int(rows, 0, row_column(rows, "quantity"));
	terms->opens_unix_s = time_or_none(rows, "opens_at");
	terms->closes_unix_s = time_or_none(rows, "closes_at");
	row_strings(rows, 0, row_column(rows, "stations"), add_station, terms);
	order->issued = (uint32_t)row_int(rows, 0, row_column(rows, "issued"));
	order->closed = strcmp(row_text(rows, 0, row_column(rows, "state")), "closed") == 0;
}

static void on_order(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	enum request_refusal refusal;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 0) {
		call_refuse(call, 404, "unknown_order", "there is no order of this reference");
		return;
	}
	read_order(rows[0], &call->order);
	refusal = order_check_caller(&call->order, &call->caller);
	if (refusal != REQUEST_ALLOWED) {
		metrics_add(FRONT_REFUSALS, refusal, 1);
		call_refuse(call, request_refusal_status(refusal), request_refusal_code(refusal),
		    request_refusal_detail(refusal));
		return;
	}
	call->on_order(call);
}

void call_load_order(struct call *call, call_handler_fn *handler)
{
	const char *reference = call->match.params[0];

	if (!statement_word_is_valid(reference, strlen(reference), STATEMENT_REFERENCE_MAX)) {
		call_refuse(call, 404, "unknown_order",
		    "no order has such a reference: 1 to 64 of letters, digits, '.', '_' and '-'");
		return;
	}
	call->on_order = handler;
	lookups_ask(call->front->lookups, &query_order_get, LOOKUP_TEXT, reference,
	    strlen(reference), on_order, call);
}
