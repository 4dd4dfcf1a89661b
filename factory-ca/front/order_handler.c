/*
 * What stations and operators read: an order, one of its phones, a model. Only reads; the caller
 * was allowed by call.c.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/db/row.h"
#include "factory-ca/front/batch_row.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/json_text.h"
#include "queries_factory-ca.h"

/* --- GET /v1/orders/{order} ----------------------------------------------------------------- */

static void answer_order(struct call *call)
{
	struct buf body = {0};

	order_write(&call->order, &body);
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

void handle_order_read(struct call *call)
{
	call_load_order(call, answer_order);
}

/* --- GET /v1/orders/{order}/devices/{mac} --------------------------------------------------- */

static void enrolment_release(void *work)
{
	enrolment_free(work);
	free(work);
}

static enum err on_code(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct call *call = ctx;
	struct enrolment *device = call->work;
	struct signer_claim_texts texts;
	struct buf body = {0};

	if (err != ERR_OK || type == SIGNER_FAILED) {
		call_unavailable(call, "signer");
		return ERR_OK;
	}
	if (type != SIGNER_CLAIM_CODE_TEXTS ||
	    signer_claim_texts_decode(payload, &texts) != ERR_OK || texts.row_count != 1 ||
	    !mac_equal(&texts.rows[0].mac, &device->mac))
		return ERR_SYNTAX;
	if (!texts.rows[0].known) {
		LOG_ERROR("claim_code_unknown", log_mac("mac", &device->mac));
		call_refuse(call, 500, "internal", "the signer knows no order with this phone");
		return ERR_OK;
	}
	memcpy(device->claim_code, texts.rows[0].text, sizeof(device->claim_code));
	bytes_wipe(&texts, sizeof(texts));
	LOG_INFO("claim_code_given", log_str("request", exchange_request_id(call->exchange)),
	    log_str("order", call->order.terms.reference), log_str("caller", call->caller.name),
	    log_mac("mac", &device->mac));
	batch_row_write(device, &body);
	call_answer_json(call, 200, &body);
	buf_wipe(&body);
	return ERR_OK;
}

static void ask_for_code(struct call *call, const struct enrolment *device)
{
	struct signer_claim_codes codes = {.row_count = 1};
	struct buf frame = {0};

	codes.rows[0].mac = device->mac;
	codes.rows[0].epoch = device->claim_code_epoch;
	signer_claim_codes_encode(&frame, &codes);
	signer_client_call(call->front->signer, SIGNER_CLAIM_CODES, &frame, on_code, call);
	buf_free(&frame);
}

static void on_device(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	struct enrolment *device = call->work;

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 0 ||
	    row_is_null(rows[0], 0, row_column(rows[0], "certificate"))) {
		call_refuse(
		    call, 404, "unknown_device", "this order has issued nothing to this MAC");
		return;
	}
	if (strcmp(row_text(rows[0], 0, row_column(rows[0], "status")), "live") != 0) {
		call_refuse(call, 410, "revoked", "the certificate of this phone was revoked");
		return;
	}
	device->status = ENROLMENT_EXISTING;
	row_bytes(rows[0], 0, row_column(rows[0], "certificate"), &device->certificate);
	CHECK(row_bytes_exact(
	    rows[0], 0, row_column(rows[0], "serial"), device->serial, sizeof(device->serial)));
	device->claim_code_epoch =
	    (uint32_t)row_int(rows[0], 0, row_column(rows[0], "claim_code_epoch"));
	ask_for_code(call, device);
}

static void load_device(struct call *call)
{
	struct enrolment *device = call->work;
	struct pg_call query = {.statement = &query_device_get, .params = pg_params_new()};

	pg_param_text(query.params, call->order.terms.reference);
	pg_param_mac(query.params, &device->mac);
	pg_submit(call->front->pg, &query, 1, on_device, call);
}

void handle_device_read(struct call *call)
{
	const char *text = call->match.params[1];
	struct enrolment *device;
	struct mac mac;

	if (mac_parse(text, strlen(text), &mac) != ERR_OK) {
		call_refuse(call, 400, "bad_mac", "the path must end in a MAC, as in 001565AABBCC");
		return;
	}
	device = calloc(1, sizeof(*device));
	CHECK(device != NULL);
	device->has_mac = 1;
	device->mac = mac;
	call->work = device;
	call->release_work = enrolment_release;
	call_load_order(call, load_device);
}

/* --- GET /v1/models/{model} ----------------------------------------------------------------- */

struct list {
	struct buf *out;
	size_t count;
};

static void put_item(const char *text, void *ctx)
{
	struct list *list = ctx;

	buf_printf(list->out, "%s\"%s\"", list->count++ ? "," : "", text);
}

static void on_model(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	struct buf body = {0};
	struct list key_types = {.out = &body};

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 0) {
		call_refuse(call, 404, "unknown_model", "there is no model of this name");
		return;
	}
	buf_put_u8(&body, '{');
	json_put_string(&body, "name", row_text(rows[0], 0, row_column(rows[0], "name")));
	buf_put_u8(&body, ',');
	json_put_string(&body, "format", row_text(rows[0], 0, row_column(rows[0], "format")));
	buf_put_str(&body, ",\"key_types\":[");
	row_strings(rows[0], 0, row_column(rows[0], "key_types"), put_item, &key_types);
	buf_put_str(&body, "],");
	json_put_string(
	    &body, "authentication", row_text(rows[0], 0, row_column(rows[0], "authentication")));
	buf_put_str(&body, "}\n");
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

void handle_model_read(struct call *call)
{
	struct pg_call query = {.statement = &query_model_get, .params = pg_params_new()};

	pg_param_text(query.params, call->match.params[0]);
	pg_submit(call->front->pg, &query, 1, on_model, call);
}
