/*
 * What operators sign: PUT /v1/orders/{reference} opens an order, POST …/close closes it.
 *
 * The body is a signed statement in its binary form (statement.h). The front checks what it can
 * read without being believed (does it fit the path, the model, what is on record), so that a
 * mistake does not use up a reference; then the signer judges the signature and keeps the
 * statement; last it is put on record, where stations find it. A crash in between is repaired by
 * repeating: the signer says "existing", and the record is made.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/metrics.h"
#include "queries_factory-ca.h"

enum { STATEMENT_BODY_MAX = 16 * 1024 };

struct work {
	struct signed_statement signed_statement;
	struct statement statement;
	struct buf encoded;
};

static void work_release(void *data)
{
	struct work *work = data;

	signed_statement_free(&work->signed_statement);
	buf_free(&work->encoded);
	free(work);
}

static void refuse_statement(struct call *call, int status, const char *code, const char *detail)
{
	metrics_add(FRONT_STATEMENTS_REFUSED, 0, 1);
	call_refuse(call, status, code, detail);
}

/* --- the record ----------------------------------------------------------------------------- */

static void answer_recorded(struct call *call, const char *outcome, int created)
{
	struct order *order = &call->order;
	struct buf body = {0};

	LOG_INFO(call->target->operation == OPERATION_ORDER_OPEN ? "order_opened" : "order_closed",
	    log_str("request", exchange_request_id(call->exchange)),
	    log_str("order", order->terms.reference), log_str("operator", call->caller.name),
	    log_str("outcome", outcome));
	order_write(order, &body);
	call_answer_json(call, created ? 201 : 200, &body);
	buf_free(&body);
}

static void on_opened(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	const char *outcome, *other;
	char detail[256];

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	outcome = row_text(rows[0], 0, row_column(rows[0], "outcome"));
	other = row_text(rows[0], 0, row_column(rows[0], "conflicting_reference"));
	if (strcmp(outcome, "created") == 0 || strcmp(outcome, "existing") == 0) {
		call->order.closed =
		    strcmp(row_text(rows[0], 0, row_column(rows[0], "state")), "closed") == 0;
		if (strcmp(outcome, "created") == 0)
			metrics_add(FRONT_ORDERS_OPENED, 0, 1);
		answer_recorded(call, outcome, strcmp(outcome, "created") == 0);
		return;
	}
	if (strcmp(outcome, "overlap") == 0) {
		snprintf(detail, sizeof(detail),
		    "the range overlaps with order %s, which is not closed", other);
		refuse_statement(call, 409, "order_overlaps", detail);
		return;
	}
	snprintf(detail, sizeof(detail), "the record refuses this order: %s", outcome);
	refuse_statement(
	    call, 409, strcmp(outcome, "differs") == 0 ? "order_differs" : outcome, detail);
}

static void put_time(struct pg_params *params, int64_t unix_s)
{
	if (unix_s == STATEMENT_NO_TIME)
		pg_param_null(params);
	else
		pg_param_time_us(params, unix_s * 1000000);
}

static void record_open(struct call *call)
{
	const struct work *work = call->work;
	const struct statement_order *terms = &work->statement.order;
	struct pg_call query = {.statement = &query_order_insert, .params = pg_params_new()};
	unsigned type;
	size_t i;

	pg_param_text(query.params, terms->reference);
	pg_param_text(query.params, terms->model);
	pg_param_text(query.params, certificate_profile_name(terms->profile));
	pg_param_array_begin(query.params, PG_ARRAY_TEXT);
	for (type = 0; type < KEY_TYPE_COUNT; type++)
		if (terms->key_types & (1u << type))
			pg_param_text(query.params, key_type_name((enum key_type)type));
	pg_param_array_end(query.params);
	pg_param_mac(query.params, &terms->first_mac);
	pg_param_int(query.params, terms->quantity);
	put_time(query.params, terms->opens_unix_s);
	put_time(query.params, terms->closes_unix_s);
	pg_param_array_begin(query.params, PG_ARRAY_TEXT);
	for (i = 0; i < terms->station_count; i++)
		pg_param_text(query.params, terms->stations[i]);
	pg_param_array_end(query.params);
	pg_param_bytea(
	    query.params, work->signed_statement.text.bytes, work->signed_statement.text.len);
	pg_param_bytea(query.params, work->encoded.bytes, work->encoded.len);
	pg_param_bytea(query.params, call->fingerprint.bytes, SHA256_LEN);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_opened, call);
}

static void on_closed(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	const char *outcome;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	outcome = row_text(rows[0], 0, row_column(rows[0], "outcome"));
	if (strcmp(outcome, "closed") != 0 && strcmp(outcome, "already_closed") != 0) {
		refuse_statement(call, 409, outcome, "the record refuses to close this order");
		return;
	}
	call->order.closed = 1;
	if (strcmp(outcome, "closed") == 0)
		metrics_add(FRONT_ORDERS_CLOSED, 0, 1);
	answer_recorded(call, outcome, 0);
}

static void record_close(struct call *call)
{
	const struct work *work = call->work;
	struct pg_call query = {.statement = &query_order_close, .params = pg_params_new()};

	pg_param_text(query.params, work->statement.order.reference);
	pg_param_bytea(
	    query.params, work->signed_statement.text.bytes, work->signed_statement.text.len);
	pg_param_bytea(query.params, work->encoded.bytes, work->encoded.len);
	pg_param_bytea(query.params, call->fingerprint.bytes, SHA256_LEN);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_closed, call);
}

/* --- the signer ----------------------------------------------------------------------------- */

static int status_of(const char *code)
{
	if (strcmp(code, "bad_signature") == 0)
		return 403;
	if (strcmp(code, "unknown_order") == 0)
		return 404;
	if (strcmp(code, "order_differs") == 0 || strcmp(code, "order_overlaps") == 0)
		return 409;
	return 422;
}

static enum err on_judged(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct call *call = ctx;
	struct signer_statement_outcome outcome;

	if (err != ERR_OK || type == SIGNER_FAILED) {
		call_unavailable(call, "signer");
		return ERR_OK;
	}
	if (type != SIGNER_STATEMENT_OUTCOME ||
	    signer_statement_outcome_decode(payload, &outcome) != ERR_OK)
		return ERR_SYNTAX;
	if (outcome.outcome == STATEMENT_REFUSED)
		refuse_statement(call, status_of(outcome.code), outcome.code, outcome.detail);
	else if (call->target->operation == OPERATION_ORDER_OPEN)
		record_open(call);
	else
		record_close(call);
	return ERR_OK;
}

static void ask_signer(struct call *call)
{
	const struct work *work = call->work;

	signer_client_call(call->front->signer, SIGNER_STATEMENT, &work->encoded, on_judged, call);
}

/* --- what can be told before the signer is asked -------------------------------------------- */

static void note_key_type(const char *name, void *ctx)
{
	uint32_t *allowed = ctx;
	enum key_type type;

	if (key_type_parse(name, strlen(name), &type) == ERR_OK)
		*allowed |= 1u << type;
}

static int same_statement(const struct pg_rows *order, const struct work *work)
{
	struct buf text = {0};
	int same;

	row_bytes(order, 0, row_column(order, "statement"), &text);
	same = text.len == work->signed_statement.text.len &&
	       memcmp(text.bytes, work->signed_statement.text.bytes, text.len) == 0;
	buf_free(&text);
	return same;
}

static void on_precheck(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	const struct work *work = call->work;
	uint32_t allowed = 0;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 1) {
		if (!same_statement(rows[0], work)) {
			refuse_statement(call, 409, "order_differs",
			    "this reference names an order with other terms; references are used"
			    " once: choose a new one");
			return;
		}
		call->order.issued = (uint32_t)row_int(rows[0], 0, row_column(rows[0], "issued"));
	} else if (row_count(rows[1]) == 0) {
		refuse_statement(call, 422, "unknown_model", "there is no model of this name");
		return;
	} else {
		row_strings(rows[1], 0, row_column(rows[1], "key_types"), note_key_type, &allowed);
		if (work->statement.order.key_types & ~allowed) {
			refuse_statement(call, 422, "key_types",
			    "the model does not allow one of the order's key types");
			return;
		}
	}
	ask_signer(call);
}

static void precheck_open(struct call *call)
{
	const struct work *work = call->work;
	struct pg_call queries[2] = {
	    {.statement = &query_order_get, .params = pg_params_new()},
	    {.statement = &query_model_get, .params = pg_params_new()},
	};

	call->order.terms = work->statement.order;
	pg_param_text(queries[0].params, work->statement.order.reference);
	pg_param_text(queries[1].params, work->statement.order.model);
	pg_submit(call->front->pg, queries, 2, on_precheck, call);
}

/* 0 when the call was answered. */
static int read_statement(struct call *call, const char *body, size_t len, struct work *work)
{
	struct fingerprint signer;
	char why[256];

	if (signed_statement_decode(cursor_of(body, len), &work->signed_statement) != ERR_OK) {
		refuse_statement(call, 422, "bad_statement", "the body is no signed statement");
		return 0;
	}
	if (statement_parse((const char *)work->signed_statement.text.bytes,
		work->signed_statement.text.len, &work->statement, why, sizeof(why)) != ERR_OK) {
		refuse_statement(call, 422, "bad_statement", why);
		return 0;
	}
	if (work->statement.type != (call->target->operation == OPERATION_ORDER_OPEN
					    ? STATEMENT_ORDER_OPEN
					    : STATEMENT_ORDER_CLOSE) ||
	    strcmp(work->statement.order.reference, call->match.params[0]) != 0) {
		refuse_statement(call, 422, "bad_statement",
		    "the statement is about another order or act than the request");
		return 0;
	}
	sha256(work->signed_statement.certificate.bytes, work->signed_statement.certificate.len,
	    signer.bytes);
	if (memcmp(signer.bytes, call->fingerprint.bytes, SHA256_LEN) != 0) {
		refuse_statement(call, 403, "bad_signature",
		    "the statement is signed by another operator than the one who sends it");
		return 0;
	}
	buf_put(&work->encoded, body, len);
	return 1;
}

static void on_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	struct call *call = ctx;
	struct work *work = calloc(1, sizeof(*work));

	(void)exchange;
	CHECK(work != NULL);
	call->work = work;
	call->release_work = work_release;
	if (!read_statement(call, body, len, work))
		return;
	if (call->target->operation == OPERATION_ORDER_OPEN)
		precheck_open(call);
	else
		call_load_order(call, ask_signer);
}

void handle_order_open(struct call *call)
{
	exchange_read_body(call->exchange, STATEMENT_BODY_MAX, on_body, call);
}

void handle_order_close(struct call *call)
{
	exchange_read_body(call->exchange, STATEMENT_BODY_MAX, on_body, call);
}
