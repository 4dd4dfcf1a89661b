/*
 * Statements that the signer has accepted, put on record: one statement, one transaction, with its
 * audit row. The record follows the signer; where it refuses, somebody must look.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/db/row.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/front/statement_work.h"
#include "queries_factory-ca.h"

/* --- orders --------------------------------------------------------------------------------- */

static void answer_recorded(struct call *call, const char *outcome, int created)
{
	const struct statement_work *work = call->work;
	const struct order *order = &call->order;
	struct buf body = {0};

	LOG_INFO("order_recorded", log_str("act", statement_type_name(work->statement.type)),
	    log_str("request", exchange_request_id(call->exchange)),
	    log_str("order", order->terms.reference), log_str("operator", call->caller.name),
	    log_str("outcome", outcome));
	metrics_add(FRONT_STATEMENTS_RECORDED, work->statement.type, 1);
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
		statement_refuse(call, 409, "order_overlaps", detail);
		return;
	}
	snprintf(detail, sizeof(detail), "the record refuses this order: %s", outcome);
	statement_refuse(
	    call, 409, strcmp(outcome, "differs") == 0 ? "order_differs" : outcome, detail);
}

static void put_statement(const struct call *call, struct pg_params *params)
{
	const struct statement_work *work = call->work;

	pg_param_bytea(params, work->signed_statement.text.bytes, work->signed_statement.text.len);
	pg_param_bytea(params, work->encoded.bytes, work->encoded.len);
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
	const struct statement_work *work = call->work;
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
	put_statement(call, query.params);
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
		statement_refuse(call, 409, outcome, "the record refuses to close this order");
		return;
	}
	call->order.closed = 1;
	if (strcmp(outcome, "closed") == 0)
		metrics_add(FRONT_ORDERS_CLOSED, 0, 1);
	answer_recorded(call, outcome, 0);
}

static void record_close(struct call *call)
{
	const struct statement_work *work = call->work;
	struct pg_call query = {.statement = &query_order_close, .params = pg_params_new()};

	pg_param_text(query.params, work->statement.order.reference);
	put_statement(call, query.params);
	pg_param_bytea(query.params, call->fingerprint.bytes, SHA256_LEN);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_closed, call);
}

static void on_extended(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	const struct statement_work *work = call->work;
	const char *outcome;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	outcome = row_text(rows[0], 0, row_column(rows[0], "outcome"));
	if (strcmp(outcome, "extended") != 0 && strcmp(outcome, "existing") != 0) {
		statement_refuse(call, 409, outcome, "the record refuses to extend this order");
		return;
	}
	call->order.terms.quantity = work->statement.order.quantity;
	call->order.terms.closes_unix_s = work->statement.order.closes_unix_s;
	answer_recorded(call, outcome, 0);
}

static void record_extend(struct call *call)
{
	const struct statement_work *work = call->work;
	struct pg_call query = {.statement = &query_order_extend, .params = pg_params_new()};

	pg_param_text(query.params, work->statement.order.reference);
	pg_param_int(query.params, work->statement.order.quantity);
	put_time(query.params, work->statement.order.closes_unix_s);
	put_statement(call, query.params);
	pg_param_bytea(query.params, call->fingerprint.bytes, SHA256_LEN);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_extended, call);
}

/* --- phones and people ---------------------------------------------------------------------- */

static void answer_outcome(struct call *call, const char *outcome)
{
	const struct statement_work *work = call->work;
	const struct statement *statement = &work->statement;
	char serial[2 * STATEMENT_SERIAL_LEN + 1], mac[MAC_TEXT_LEN + 1];
	struct buf body = {0};

	LOG_INFO("statement_recorded", log_str("act", statement_type_name(statement->type)),
	    log_str("request", exchange_request_id(call->exchange)),
	    log_mac("mac", &statement->mac), log_str("operator", call->caller.name),
	    log_str("outcome", outcome));
	metrics_add(FRONT_STATEMENTS_RECORDED, statement->type, 1);
	buf_printf(&body, "{\"act\":\"%s\",\"outcome\":\"%s\"",
	    statement_type_name(statement->type), outcome);
	if (statement->type != STATEMENT_OPERATOR_REMOVE) {
		mac_format(&statement->mac, mac);
		buf_printf(&body, ",\"mac\":\"%s\"", mac);
	}
	if (statement->type == STATEMENT_REVOKE) {
		hex_encode(statement->serial, sizeof(statement->serial), serial);
		buf_printf(&body, ",\"serial\":\"%s\",\"reason\":\"%s\"", serial,
		    revocation_reason_name(statement->reason));
	}
	buf_put_str(&body, "}\n");
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

static void on_recorded(
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
	if (strncmp(outcome, "unknown_", 8) == 0)
		statement_refuse(call, 409, outcome, "the record does not know what it is about");
	else
		answer_outcome(call, outcome);
}

static void record_rekey(struct call *call)
{
	const struct statement_work *work = call->work;
	struct pg_call query = {.statement = &query_rekey_grant_insert, .params = pg_params_new()};

	pg_param_mac(query.params, &work->statement.mac);
	pg_param_text(query.params, work->statement.note);
	put_statement(call, query.params);
	pg_param_bytea(query.params, call->fingerprint.bytes, SHA256_LEN);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_recorded, call);
}

static void record_revoke(struct call *call)
{
	const struct statement_work *work = call->work;
	struct pg_call query = {.statement = &query_certificate_revoke, .params = pg_params_new()};

	pg_param_bytea(query.params, work->statement.serial, STATEMENT_SERIAL_LEN);
	pg_param_mac(query.params, &work->statement.mac);
	pg_param_text(query.params, revocation_reason_name(work->statement.reason));
	put_statement(call, query.params);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_recorded, call);
}

static void record_removal(struct call *call)
{
	const struct statement_work *work = call->work;
	struct pg_call query = {.statement = &query_operator_revoke, .params = pg_params_new()};

	pg_param_bytea(query.params, work->statement.operator_certificate.bytes, SHA256_LEN);
	put_statement(call, query.params);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_recorded, call);
}

void statement_record(struct call *call)
{
	static void (*const records[STATEMENT_TYPE_COUNT])(struct call *) = {
	    [STATEMENT_ORDER_OPEN] = record_open,
	    [STATEMENT_ORDER_CLOSE] = record_close,
	    [STATEMENT_ORDER_EXTEND] = record_extend,
	    [STATEMENT_REKEY] = record_rekey,
	    [STATEMENT_REVOKE] = record_revoke,
	    [STATEMENT_OPERATOR_REMOVE] = record_removal,
	};
	const struct statement_work *work = call->work;

	/* The signer takes no other over its socket. */
	CHECK(records[work->statement.type] != NULL);
	records[work->statement.type](call);
}
