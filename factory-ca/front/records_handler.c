/*
 * What operators look up: the yield of an order, a phone and its certificate by MAC or serial, the
 * certificates of a colleague. Only reads; the caller was allowed by call.c.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/db/row.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/json_text.h"
#include "queries_factory-ca.h"

/* --- GET /v1/orders/{order}/report ---------------------------------------------------------- */

static const char REFUSED[] = "refused_";

static int is_refusal(const char *kind)
{
	return strncmp(kind, REFUSED, sizeof(REFUSED) - 1) == 0;
}

static int64_t count_of(const struct pg_rows *rows, const char *kind)
{
	size_t i;

	for (i = 0; i < row_count(rows); i++)
		if (strcmp(row_text(rows, i, row_column(rows, "kind")), kind) == 0)
			return row_int(rows, i, row_column(rows, "count"));
	return 0;
}

static void put_refusals(const struct pg_rows *rows, struct buf *body)
{
	const char *comma = "";
	size_t i;

	buf_put_str(body, ",\"refused\":{");
	for (i = 0; i < row_count(rows); i++) {
		const char *kind = row_text(rows, i, row_column(rows, "kind"));

		if (!is_refusal(kind))
			continue;
		buf_printf(body, "%s\"%s\":%lld", comma, kind + sizeof(REFUSED) - 1,
		    (long long)row_int(rows, i, row_column(rows, "count")));
		comma = ",";
	}
	buf_put_str(body, "}");
}

static void on_report(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static const char *const kinds[] = {
	    "issued", "existing", "reworked", "key_repeated", "scrapped", "revoked"};
	struct call *call = ctx;
	struct buf body = {0};
	size_t i;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	buf_printf(&body, "{\"reference\":\"%s\",\"quantity\":%u", call->order.terms.reference,
	    call->order.terms.quantity);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		buf_printf(&body, ",\"%s\":%lld", kinds[i], (long long)count_of(rows[0], kinds[i]));
	put_refusals(rows[0], &body);
	buf_put_str(&body, "}\n");
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

static void load_report(struct call *call)
{
	struct pg_call query = {.statement = &query_order_report, .params = pg_params_new()};

	pg_param_text(query.params, call->order.terms.reference);
	pg_submit(call->front->pg, &query, 1, on_report, call);
}

void handle_report_read(struct call *call)
{
	call_load_order(call, load_report);
}

/* --- GET /v1/devices/{mac}, /v1/certificates/{serial} --------------------------------------- */

static void put_text(struct buf *body, const struct pg_rows *rows, const char *key)
{
	buf_put_u8(body, ',');
	if (row_is_null(rows, 0, row_column(rows, key)))
		buf_printf(body, "\"%s\":null", key);
	else
		json_put_string(body, key, row_text(rows, 0, row_column(rows, key)));
}

static void put_time(struct buf *body, const struct pg_rows *rows, const char *key)
{
	char text[CLOCK_TEXT_LEN + 1];

	if (row_is_null(rows, 0, row_column(rows, key))) {
		buf_printf(body, ",\"%s\":null", key);
		return;
	}
	clock_format_s(row_time_us(rows, 0, row_column(rows, key)) / 1000000, text);
	buf_printf(body, ",\"%s\":\"%s\"", key, text);
}

static void put_serial(struct buf *body, const struct pg_rows *rows)
{
	uint8_t serial[SIGNER_SERIAL_LEN];
	char hex[2 * SIGNER_SERIAL_LEN + 1];

	if (!row_bytes_exact(rows, 0, row_column(rows, "serial"), serial, sizeof(serial))) {
		buf_put_str(body, ",\"serial\":null"); /* of a phone made elsewhere */
		return;
	}
	hex_encode(serial, sizeof(serial), hex);
	buf_printf(body, ",\"serial\":\"%s\"", hex);
}

static void on_phone(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	char text[MAC_TEXT_LEN + 1];
	struct buf body = {0};
	struct mac mac;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 0) {
		call_refuse(call, 404, "unknown_device", "there is no certificate of it on record");
		return;
	}
	row_mac(rows[0], 0, row_column(rows[0], "mac"), &mac);
	mac_format(&mac, text);
	buf_printf(&body, "{\"mac\":\"%s\"", text);
	put_text(&body, rows[0], "serial_number");
	put_text(&body, rows[0], "model");
	put_text(&body, rows[0], "order_reference");
	put_serial(&body, rows[0]);
	put_text(&body, rows[0], "status");
	put_time(&body, rows[0], "not_before");
	put_time(&body, rows[0], "revoked_at");
	put_text(&body, rows[0], "revoke_reason");
	buf_printf(&body, ",\"rekey_granted\":%s}\n",
	    row_bool(rows[0], 0, row_column(rows[0], "rekey_granted")) ? "true" : "false");
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

void handle_phone_read(struct call *call)
{
	const char *text = call->match.params[0];
	struct pg_call query = {.statement = &query_phone_get};
	struct mac mac;

	if (mac_parse(text, strlen(text), &mac) != ERR_OK) {
		call_refuse(call, 400, "bad_mac", "the path must end in a MAC, as in 001565AABBCC");
		return;
	}
	query.params = pg_params_new();
	pg_param_mac(query.params, &mac);
	pg_param_null(query.params);
	pg_submit(call->front->pg, &query, 1, on_phone, call);
}

void handle_certificate_read(struct call *call)
{
	const char *text = call->match.params[0];
	struct pg_call query = {.statement = &query_phone_get};
	uint8_t serial[SIGNER_SERIAL_LEN];

	if (hex_decode(text, strlen(text), serial, sizeof(serial)) != ERR_OK) {
		call_refuse(call, 400, "bad_serial", "the path must end in 32 hex digits");
		return;
	}
	query.params = pg_params_new();
	pg_param_null(query.params);
	pg_param_bytea(query.params, serial, sizeof(serial));
	pg_submit(call->front->pg, &query, 1, on_phone, call);
}

/* --- GET /v1/operators/{name} --------------------------------------------------------------- */

static void on_operator(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	struct fingerprint fingerprint;
	char hex[2 * SHA256_LEN + 1];
	struct buf body = {0};
	size_t i;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 0) {
		call_refuse(call, 404, "unknown_operator", "there is no operator of this name");
		return;
	}
	buf_put_u8(&body, '{');
	json_put_string(&body, "name", row_text(rows[0], 0, row_column(rows[0], "name")));
	buf_put_str(&body, ",\"certificates\":[");
	for (i = 0; i < row_count(rows[0]); i++) {
		CHECK(row_bytes_exact(
		    rows[0], i, row_column(rows[0], "fingerprint"), fingerprint.bytes, SHA256_LEN));
		hex_encode_lower(fingerprint.bytes, SHA256_LEN, hex);
		buf_printf(&body, "%s{\"fingerprint\":\"%s\",\"state\":\"%s\"}", i ? "," : "", hex,
		    row_text(rows[0], i, row_column(rows[0], "state")));
	}
	buf_put_str(&body, "]}\n");
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

void handle_operator_read(struct call *call)
{
	struct pg_call query = {.statement = &query_operators_by_name, .params = pg_params_new()};

	pg_param_text(query.params, call->match.params[0]);
	pg_submit(call->front->pg, &query, 1, on_operator, call);
}
