/*
 * What operators sign: PUT /v1/orders/{reference} opens an order, POST …/close closes it, …/extend
 * widens it; POST /v1/statements takes grants, revocations and removals.
 *
 * The body is a signed statement in its binary form (statement.h). The front checks what it can
 * read without being believed (does it fit the path, the model, what is on record), so that a
 * mistake does not use up a reference; then the signer judges the signatures and keeps the
 * statement; last it is put on record (statement_record.c), where stations find it. A crash in
 * between is repaired by repeating: the signer says "existing", and the record is made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/front/statement_work.h"
#include "queries_factory-ca.h"

enum { STATEMENT_BODY_MAX = 16 * 1024 };

static void work_release(void *data)
{
	struct statement_work *work = data;

	signed_statement_free(&work->signed_statement);
	buf_free(&work->encoded);
	free(work);
}

void statement_refuse(struct call *call, int status, const char *code, const char *detail)
{
	metrics_add(FRONT_STATEMENTS_REFUSED, 0, 1);
	call_refuse(call, status, code, detail);
}

/* --- the signer ----------------------------------------------------------------------------- */

static int status_of(const char *code)
{
	static const struct {
		const char *code;
		int status;
	} known[] = {{"bad_signature", 403}, {"second_signature_needed", 403},
	    {"unknown_order", 404}, {"unknown_device", 404}, {"order_differs", 409},
	    {"order_overlaps", 409}, {"order_narrower", 409}, {"order_closed", 409}};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(code, known[i].code) == 0)
			return known[i].status;
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
	if (outcome.outcome != STATEMENT_REFUSED)
		statement_record(call);
	else if (strcmp(outcome.code, "signer_unavailable") == 0)
		call_unavailable(call, "signer");
	else
		statement_refuse(call, status_of(outcome.code), outcome.code, outcome.detail);
	return ERR_OK;
}

static void ask_signer(struct call *call)
{
	const struct statement_work *work = call->work;

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

static int same_statement(const struct pg_rows *order, const struct statement_work *work)
{
	struct buf text = {0};
	int same;

	row_bytes(order, 0, row_column(order, "statement"), &text);
	same = text.len == work->signed_statement.text.len &&
	       memcmp(text.bytes, work->signed_statement.text.bytes, text.len) == 0;
	buf_free(&text);
	return same;
}

static void refuse_station(struct call *call, const struct pg_rows *unknown)
{
	char detail[2 * STATEMENT_NAME_MAX + 128];
	const char *name = row_text(unknown, 0, row_column(unknown, "name"));

	snprintf(detail, sizeof(detail),
	    "there is no station %s: add it first (factory-ca station add %s), or leave the order "
	    "to any",
	    name, name);
	statement_refuse(call, 422, "unknown_station", detail);
}

/* An order that is not on record yet; 0 when it was refused. */
static int check_new_order(
    struct call *call, const struct pg_rows *model, const struct pg_rows *unknown_stations)
{
	const struct statement_work *work = call->work;
	uint32_t allowed = 0;
	int encrypts;

	if (row_count(model) == 0) {
		statement_refuse(call, 422, "unknown_model", "there is no model of this name");
		return 0;
	}
	row_strings(model, 0, row_column(model, "key_types"), note_key_type, &allowed);
	if (work->statement.order.key_types & ~allowed) {
		statement_refuse(call, 422, "key_types",
		    "the model does not allow one of the order's key types");
		return 0;
	}
	/* What answers are encrypted to must be a key that may be used so. */
	encrypts = row_bool(model, 0, row_column(model, "encrypt_answers"));
	if (encrypts != (work->statement.order.profile == CERTIFICATE_DEVICE_1_ENCRYPT)) {
		statement_refuse(call, 422, "certificate_profile",
		    encrypts ? "answers to phones of this model are encrypted to their"
			       " certificates: the order's profile must be device-1-encrypt"
			     : "answers to phones of this model are not encrypted: the order's"
			       " profile must be device-1 or device-1-compat");
		return 0;
	}
	if (row_count(unknown_stations) > 0) {
		refuse_station(call, unknown_stations);
		return 0;
	}
	return 1;
}

static void on_precheck(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	const struct statement_work *work = call->work;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 1) {
		if (!same_statement(rows[0], work)) {
			statement_refuse(call, 409, "order_differs",
			    "this reference names an order with other terms; references are used"
			    " once: choose a new one");
			return;
		}
		call->order.issued = (uint32_t)row_int(rows[0], 0, row_column(rows[0], "issued"));
		/* It may have been extended since. */
		call->order.terms.quantity =
		    (uint32_t)row_int(rows[0], 0, row_column(rows[0], "quantity"));
	} else if (!check_new_order(call, rows[1], rows[2])) {
		return;
	}
	ask_signer(call);
}

static void precheck_open(struct call *call)
{
	const struct statement_work *work = call->work;
	const struct statement_order *order = &work->statement.order;
	struct pg_call queries[] = {
	    {.statement = &query_order_get, .params = pg_params_new()},
	    {.statement = &query_model_get, .params = pg_params_new()},
	    {.statement = &query_stations_unknown, .params = pg_params_new()},
	};
	size_t i;

	call->order.terms = *order;
	pg_param_text(queries[0].params, order->reference);
	pg_param_text(queries[1].params, order->model);
	pg_param_array_begin(queries[2].params, PG_ARRAY_TEXT);
	for (i = 0; i < order->station_count; i++)
		pg_param_text(queries[2].params, order->stations[i]);
	pg_param_array_end(queries[2].params);
	pg_submit(
	    call->front->pg, queries, sizeof(queries) / sizeof(queries[0]), on_precheck, call);
}

/* --- the phone, or the person, that it is about --------------------------------------------- */

static void on_subject(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	const struct statement_work *work = call->work;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 1) {
		ask_signer(call);
		return;
	}
	if (work->statement.type == STATEMENT_OPERATOR_REMOVE)
		statement_refuse(
		    call, 404, "unknown_operator", "there is no operator with this certificate");
	else if (work->statement.type == STATEMENT_REKEY)
		statement_refuse(
		    call, 404, "unknown_device", "no certificate was ever issued to this MAC");
	else
		statement_refuse(call, 404, "unknown_certificate",
		    "this MAC never had a certificate of this serial");
}

static void look_for_subject(struct call *call)
{
	const struct statement_work *work = call->work;
	const struct statement *statement = &work->statement;
	struct pg_call query = {.statement = &query_phone_get, .params = pg_params_new()};

	if (statement->type == STATEMENT_OPERATOR_REMOVE) {
		query.statement = &query_operator_by_fingerprint;
		pg_param_bytea(query.params, statement->operator_certificate.bytes, SHA256_LEN);
	} else {
		pg_param_mac(query.params, &statement->mac);
		if (statement->type == STATEMENT_REVOKE)
			pg_param_bytea(query.params, statement->serial, STATEMENT_SERIAL_LEN);
		else
			pg_param_null(query.params);
	}
	pg_submit(call->front->pg, &query, 1, on_subject, call);
}

/* --- the body ------------------------------------------------------------------------------- */

/* Whether it is what the path says. */
static int fits_path(const struct call *call, const struct statement *statement)
{
	switch (call->target->operation) {
	case OPERATION_ORDER_OPEN:
		if (statement->type != STATEMENT_ORDER_OPEN)
			return 0;
		break;
	case OPERATION_ORDER_CLOSE:
		if (statement->type != STATEMENT_ORDER_CLOSE)
			return 0;
		break;
	case OPERATION_ORDER_EXTEND:
		if (statement->type != STATEMENT_ORDER_EXTEND)
			return 0;
		break;
	default:
		return !statement_is_of_order(statement->type);
	}
	return strcmp(statement->order.reference, call->match.params[0]) == 0;
}

static int is_signed_by(
    const struct signed_statement *signed_statement, const struct fingerprint *fingerprint)
{
	struct fingerprint signer;
	size_t i;

	for (i = 0; i < signed_statement->signature_count; i++) {
		signer = statement_signer(&signed_statement->by[i]);
		if (memcmp(signer.bytes, fingerprint->bytes, SHA256_LEN) == 0)
			return 1;
	}
	return 0;
}

/* 0 when the call was answered. */
static int read_statement(
    struct call *call, const char *body, size_t len, struct statement_work *work)
{
	char why[256];

	if (signed_statement_decode(cursor_of(body, len), &work->signed_statement) != ERR_OK) {
		statement_refuse(call, 422, "bad_statement", "the body is no signed statement");
		return 0;
	}
	if (statement_parse((const char *)work->signed_statement.text.bytes,
		work->signed_statement.text.len, &work->statement, why, sizeof(why)) != ERR_OK) {
		statement_refuse(call, 422, "bad_statement", why);
		return 0;
	}
	if (!fits_path(call, &work->statement)) {
		statement_refuse(call, 422, "bad_statement",
		    "the statement is about another order or act than the request");
		return 0;
	}
	if (!is_signed_by(&work->signed_statement, &call->fingerprint)) {
		statement_refuse(call, 403, "bad_signature",
		    "the statement is signed by another operator than the one who sends it");
		return 0;
	}
	buf_put(&work->encoded, body, len);
	return 1;
}

static void on_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	struct call *call = ctx;
	struct statement_work *work = calloc(1, sizeof(*work));

	(void)exchange;
	CHECK(work != NULL);
	call->work = work;
	call->release_work = work_release;
	if (!read_statement(call, body, len, work))
		return;
	if (work->statement.type == STATEMENT_ORDER_OPEN)
		precheck_open(call);
	else if (statement_is_of_order(work->statement.type))
		call_load_order(call, ask_signer);
	else
		look_for_subject(call);
}

void handle_statement(struct call *call)
{
	exchange_read_body(call->exchange, STATEMENT_BODY_MAX, on_body, call);
}
