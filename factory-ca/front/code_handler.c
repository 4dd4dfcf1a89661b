/*
 * One phone of an order with its claim code: shown as it is, or a new one made. The caller was
 * allowed by call.c.
 *
 * A code is the signer's of MAC and epoch; the record says which epoch counts, and holds the hash
 * that proves it, or none after a transfer. A new code is on record before anybody sees it.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/db/row.h"
#include "factory-ca/front/batch_row.h"
#include "factory-ca/front/handlers.h"
#include "queries_factory-ca.h"

/* A call's work. */
struct code_work {
	struct enrolment device; /* its claim_code_epoch is of the code to be shown */
	int rotate;
	uint32_t known_epoch; /* on record when we looked */
};

static void work_release(void *data)
{
	struct code_work *work = data;

	enrolment_free(&work->device);
	bytes_wipe(work, sizeof(*work));
	free(work);
}

static void answer_device(struct call *call)
{
	struct code_work *work = call->work;
	struct buf body = {0};

	LOG_INFO(work->rotate ? "claim_code_rotated" : "claim_code_given",
	    log_str("request", exchange_request_id(call->exchange)),
	    log_str("order", call->order.terms.reference), log_str("caller", call->caller.name),
	    log_mac("mac", &work->device.mac), log_int("epoch", work->device.claim_code_epoch));
	batch_row_write(&work->device, &body);
	call_answer_json(call, 200, &body);
	buf_wipe(&body);
}

/* --- a new code on record ------------------------------------------------------------------- */

static void on_rotated(
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
	if (strcmp(outcome, "rotated") == 0)
		answer_device(call);
	else if (strcmp(outcome, "epoch_moved") == 0)
		call_refuse(call, 409, "claim_code_changed",
		    "another rotation or a transfer came between; this one changed nothing: repeat "
		    "it");
	else
		call_refuse(call, 404, "unknown_device",
		    "the certificate of this phone was revoked or removed meanwhile");
}

static void store_code(struct call *call, const uint8_t hash[SHA256_LEN])
{
	const struct code_work *work = call->work;
	struct pg_call query = {.statement = &query_claim_code_rotate, .params = pg_params_new()};

	pg_param_text(query.params, call->order.terms.reference);
	pg_param_mac(query.params, &work->device.mac);
	pg_param_int(query.params, work->known_epoch);
	pg_param_int(query.params, work->device.claim_code_epoch);
	pg_param_bytea(query.params, hash, SHA256_LEN);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_rotated, call);
}

/* --- the signer's word ---------------------------------------------------------------------- */

static enum err on_code(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct call *call = ctx;
	struct code_work *work = call->work;
	struct signer_claim_texts texts;

	if (err != ERR_OK || type == SIGNER_FAILED) {
		call_unavailable(call, "signer");
		return ERR_OK;
	}
	if (type != SIGNER_CLAIM_CODE_TEXTS ||
	    signer_claim_texts_decode(payload, &texts) != ERR_OK || texts.row_count != 1 ||
	    !mac_equal(&texts.rows[0].mac, &work->device.mac) ||
	    texts.rows[0].epoch != work->device.claim_code_epoch)
		return ERR_SYNTAX;
	if (!texts.rows[0].known) {
		LOG_ERROR("claim_code_unknown", log_mac("mac", &work->device.mac));
		call_refuse(call, 500, "internal", "the signer knows no order with this phone");
		return ERR_OK;
	}
	memcpy(work->device.claim_code, texts.rows[0].text, sizeof(work->device.claim_code));
	if (work->rotate)
		store_code(call, texts.rows[0].hash);
	else
		answer_device(call);
	bytes_wipe(&texts, sizeof(texts));
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

/* --- the record ----------------------------------------------------------------------------- */

static void on_device(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	struct code_work *work = call->work;
	struct enrolment *device = &work->device;

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
	work->known_epoch = (uint32_t)row_int(rows[0], 0, row_column(rows[0], "claim_code_epoch"));
	device->claim_code_epoch = work->known_epoch;
	device->has_no_code = !row_bool(rows[0], 0, row_column(rows[0], "has_claim_code"));
	if (device->has_no_code && !work->rotate) {
		answer_device(call);
		return;
	}
	/* Where a transfer moved the epoch, nobody has seen a code of the present one. */
	if (!device->has_no_code && work->rotate)
		device->claim_code_epoch++;
	device->has_no_code = 0;
	ask_for_code(call, device);
}

static void load_device(struct call *call)
{
	const struct code_work *work = call->work;
	struct pg_call query = {.statement = &query_device_get, .params = pg_params_new()};

	pg_param_text(query.params, call->order.terms.reference);
	pg_param_mac(query.params, &work->device.mac);
	pg_submit(call->front->pg, &query, 1, on_device, call);
}

static void start(struct call *call, int rotate)
{
	const char *text = call->match.params[1];
	struct code_work *work;
	struct mac mac;

	if (mac_parse(text, strlen(text), &mac) != ERR_OK) {
		call_refuse(call, 400, "bad_mac", "the path names no MAC, as in 001565AABBCC");
		return;
	}
	work = calloc(1, sizeof(*work));
	CHECK(work != NULL);
	work->rotate = rotate;
	work->device.has_mac = 1;
	work->device.mac = mac;
	call->work = work;
	call->release_work = work_release;
	call_load_order(call, load_device);
}

/* GET /v1/orders/{order}/devices/{mac} */
void handle_device_read(struct call *call)
{
	start(call, 0);
}

/* POST /v1/orders/{order}/devices/{mac}/rotate-code */
void handle_code_rotate(struct call *call)
{
	start(call, 1);
}
