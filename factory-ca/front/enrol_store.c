/*
 * The record before release: one transaction for a group; who lost a race gets the winner's
 * certificate. What is stored here is what the station is given. See enrol.h.
 */
#include <string.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "factory-ca/front/certificate.h"
#include "factory-ca/front/enrol_internal.h"
#include "factory-ca/front/outcome.h"
#include "queries_factory-ca.h"

static void take_stored(struct enrol *enrol, size_t index, const struct pg_rows *rows, size_t line)
{
	struct enrolment *row = enrol->rows[index];
	struct signed_row *made = &enrol->made[index];
	const char *outcome = row_text(rows, line, row_column(rows, "outcome"));

	if (strcmp(outcome, "stored") == 0) {
		row->status = ENROLMENT_ISSUED;
		buf_free(&row->certificate);
		row->certificate = made->certificate;
		made->certificate = (struct buf){0};
		memcpy(row->serial, made->serial, sizeof(row->serial));
		row->encrypted_key = made->encrypted_key;
		made->encrypted_key = (struct buf){0};
	} else if (strcmp(outcome, "existing") == 0) {
		row->status = ENROLMENT_EXISTING;
		row_bytes(rows, line, row_column(rows, "certificate"), &row->certificate);
		CHECK(certificate_serial(
			  row->certificate.bytes, row->certificate.len, row->serial) == ERR_OK);
	} else {
		/* The signer and the record disagree: nothing is released, somebody must look. */
		LOG_ERROR("record_refused",
		    log_str("request", exchange_request_id(enrol->call->exchange)),
		    log_str("order", enrol->call->order.terms.reference), log_mac("mac", &row->mac),
		    log_str("reason", outcome));
		outcome_refuse(row, outcome);
		return;
	}
	enrol_take_epoch(row, rows, line);
	if (enrol->codes == ENROL_WITH_CODES && !row->has_no_code &&
	    row->claim_code_epoch == made->claim_code_epoch)
		memcpy(row->claim_code, made->claim_code, sizeof(row->claim_code));
}

static void on_stored(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct enrol *enrol = ctx;
	size_t call, i, next = 0;

	if (error) {
		enrol_database_failed(enrol, error);
		return;
	}
	for (call = 0; call < count; call++)
		for (i = 0; i < row_count(rows[call]) && next < enrol->asked_count; i++)
			take_stored(enrol, enrol->asked[next++], rows[call], i);
	CHECK(next == enrol->asked_count);
	enrol_start_codes(enrol);
}

/* The arrays of certificates_store, in its order, each as long as `asked`. */
enum column {
	COLUMN_MAC,
	COLUMN_SERIAL_NUMBER,
	COLUMN_SPKI,
	COLUMN_SERIAL,
	COLUMN_CERTIFICATE,
	COLUMN_FINGERPRINT,
	COLUMN_NOT_BEFORE,
	COLUMN_CODE_HASH,
	COLUMN_EPOCH,
	COLUMN_COUNT,
};
static const enum pg_array COLUMN_TYPES[COLUMN_COUNT] = {PG_ARRAY_MACADDR, PG_ARRAY_TEXT,
    PG_ARRAY_BYTEA, PG_ARRAY_BYTEA, PG_ARRAY_BYTEA, PG_ARRAY_BYTEA, PG_ARRAY_TIMESTAMPTZ,
    PG_ARRAY_BYTEA, PG_ARRAY_INT8};

static void put_column(struct pg_params *params, enum column column, const struct enrolment *row,
    const struct signed_row *made)
{
	uint8_t fingerprint[SHA256_LEN];

	switch (column) {
	case COLUMN_MAC:
		pg_param_mac(params, &row->mac);
		break;
	case COLUMN_SERIAL_NUMBER:
		pg_param_text(params, row->serial_number);
		break;
	case COLUMN_SPKI:
		pg_param_bytea(params, made->spki_sha256, SHA256_LEN);
		break;
	case COLUMN_SERIAL:
		pg_param_bytea(params, made->serial, sizeof(made->serial));
		break;
	case COLUMN_CERTIFICATE:
		pg_param_bytea(params, made->certificate.bytes, made->certificate.len);
		break;
	case COLUMN_FINGERPRINT:
		sha256(made->certificate.bytes, made->certificate.len, fingerprint);
		pg_param_bytea(params, fingerprint, sizeof(fingerprint));
		break;
	case COLUMN_NOT_BEFORE:
		pg_param_time_us(params, made->not_before_unix_s * 1000000);
		break;
	case COLUMN_CODE_HASH:
		pg_param_bytea(params, made->claim_code_hash, SHA256_LEN);
		break;
	case COLUMN_EPOCH:
		pg_param_int(params, made->claim_code_epoch);
		break;
	case COLUMN_COUNT:
		break;
	}
}

/* One statement for the rows asked for from `first` on. */
static struct pg_call store_rows(struct enrol *enrol, size_t first, int server_key)
{
	struct pg_call query = {.statement = &query_certificates_store, .params = pg_params_new()};
	unsigned column;
	size_t i;

	pg_param_text(query.params, enrol->call->order.terms.reference);
	pg_param_bytea(query.params, enrol->call->fingerprint.bytes, SHA256_LEN);
	for (column = 0; column < COLUMN_COUNT; column++) {
		pg_param_array_begin(query.params, COLUMN_TYPES[column]);
		for (i = first; i < enrol->asked_count; i++)
			put_column(query.params, (enum column)column, enrol->rows[enrol->asked[i]],
			    &enrol->made[enrol->asked[i]]);
		pg_param_array_end(query.params);
	}
	call_put_actor(enrol->call, query.params);
	pg_param_bool(query.params, server_key);
	return query;
}

/* All of the group in one transaction, by who made the keys. */
void enrol_start_store(struct enrol *enrol)
{
	struct pg_call calls[2];
	size_t count = 0, first;
	int server_key;

	enrol->asked_count = 0;
	for (server_key = 0; server_key < 2; server_key++) {
		first = enrol->asked_count;
		enrol_ask_for_pending(enrol, server_key);
		if (enrol->asked_count > first)
			calls[count++] = store_rows(enrol, first, server_key);
	}
	if (count == 0)
		enrol_start_codes(enrol);
	else
		pg_submit(enrol->call->front->record, calls, count, on_stored, enrol);
}
