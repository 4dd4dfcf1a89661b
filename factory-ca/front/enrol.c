/* The steps of a group. See enrol.h. */
#include "factory-ca/front/enrol.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/db/row.h"
#include "factory-ca/front/certificate.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/front/outcome.h"
#include "factory-ca/signer/protocol_certify.h"
#include "queries_factory-ca.h"

enum { RETRY_MS = 300 };

/* What the signer made for one row, until it is on record. */
struct signed_row {
	struct buf certificate;
	struct buf encrypted_key; /* where the signer made the key */
	uint8_t spki_sha256[SHA256_LEN];
	uint8_t serial[SIGNER_SERIAL_LEN];
	uint8_t claim_code_hash[SHA256_LEN];
	int64_t not_before_unix_s;
	uint32_t claim_code_epoch;
};

struct enrol {
	struct call *call;
	struct enrolment *rows[ENROL_GROUP_MAX];
	size_t count;
	enum enrol_codes codes;
	enrol_done_fn *on_done;
	void *ctx;
	int64_t begun_ms;
	struct event *timer; /* retry, or the end */
	enum err result; /* what the end tells */
	/* The rows of the step in hand, as indexes into `rows`; answers come in that order. */
	size_t asked[ENROL_GROUP_MAX];
	size_t asked_count, answered;
	size_t next; /* issue, codes: the row after the last one asked for */
	struct signed_row made[ENROL_GROUP_MAX]; /* as `rows`; empty where nothing was signed */
};

static void start_find(struct enrol *enrol);
static void start_issue(struct enrol *enrol);
static void start_generate(struct enrol *enrol);
static void start_store(struct enrol *enrol);
static void start_codes(struct enrol *enrol);
static void ask_codes(struct enrol *enrol);

static void set_timer(struct enrol *enrol, unsigned ms)
{
	struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	CHECK(evtimer_add(enrol->timer, &delay) == 0);
}

/* A CSR is signed again the same; a key that the signer made is kept, for it makes few of them. */
static void forget_signed(struct enrol *enrol)
{
	size_t i;

	for (i = 0; i < enrol->count; i++)
		if (!enrol->rows[i]->server_key)
			buf_free(&enrol->made[i].certificate);
}

static void forget_made(struct enrol *enrol)
{
	size_t i;

	for (i = 0; i < enrol->count; i++) {
		buf_free(&enrol->made[i].certificate);
		buf_free(&enrol->made[i].encrypted_key);
	}
}

/* The caller hears of it from the loop: it may free everything. */
static void end(struct enrol *enrol, enum err result)
{
	enrol->result = result;
	set_timer(enrol, 0);
}

static void log_rows(const struct enrol *enrol)
{
	size_t i;

	for (i = 0; i < enrol->count; i++) {
		const struct enrolment *row = enrol->rows[i];

		if (row->status == ENROLMENT_ISSUED) {
			metrics_add(FRONT_ROWS_ISSUED, 0, 1);
			LOG_INFO("certificate_issued",
			    log_str("request", row->request_id
						   ? row->request_id
						   : exchange_request_id(enrol->call->exchange)),
			    log_str("order", enrol->call->order.terms.reference),
			    log_str("station", enrol->call->caller.name), log_mac("mac", &row->mac),
			    log_hex("serial", row->serial, sizeof(row->serial)));
		} else if (row->status == ENROLMENT_EXISTING) {
			metrics_add(FRONT_ROWS_EXISTING, 0, 1);
		}
	}
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct enrol *enrol = ctx;
	enrol_done_fn *on_done = enrol->on_done;
	void *done_ctx = enrol->ctx;
	enum err result = enrol->result;

	(void)fd;
	(void)what;
	if (result == ERR_MORE) {
		start_find(enrol);
		return;
	}
	metrics_observe_us(
	    FRONT_GROUP_TIME, 0, (uint64_t)(clock_monotonic_ms() - enrol->begun_ms) * 1000);
	if (result == ERR_OK)
		log_rows(enrol);
	forget_made(enrol);
	event_free(enrol->timer);
	free(enrol);
	on_done(result, done_ctx);
}

/* Something is away: begin again from what is on record, or give up. */
static void try_again(struct enrol *enrol, const char *what, enum err err)
{
	static struct log_gate gate;

	if (log_gate_open(&gate))
		LOG_WARN("group_delayed",
		    log_str("request", exchange_request_id(enrol->call->exchange)),
		    log_str("what", what), log_err(err), log_uint("suppressed", gate.suppressed));
	forget_signed(enrol);
	if (err == ERR_CLOSED || clock_monotonic_ms() - enrol->begun_ms > ENROL_PATIENCE_MS) {
		end(enrol, ERR_UNAVAILABLE);
		return;
	}
	metrics_add(FRONT_RETRIES, 0, 1);
	enrol->result = ERR_MORE;
	set_timer(enrol, RETRY_MS);
}

static void database_failed(struct enrol *enrol, const struct pg_error *error)
{
	switch (error->err) {
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
	case ERR_FULL:
	case ERR_CLOSED:
		try_again(enrol, "database", error->err);
		return;
	default:
		LOG_ERROR("database_refused",
		    log_str("request", exchange_request_id(enrol->call->exchange)),
		    log_str("sqlstate", error->sqlstate), log_str("message", error->message));
		end(enrol, ERR_IO);
	}
}

static void signer_failed(struct enrol *enrol, const struct signer_failed *failed)
{
	switch (failed->failure) {
	case SIGNER_FAILURE_UNAVAILABLE:
		try_again(enrol, "signer", ERR_UNAVAILABLE);
		return;
	case SIGNER_FAILURE_UNKNOWN_ORDER:
	case SIGNER_FAILURE_STATION_NOT_ALLOWED:
	case SIGNER_FAILURE_COUNT:
		break;
	}
	LOG_ERROR("signer_refused", log_str("request", exchange_request_id(enrol->call->exchange)),
	    log_str("reason", signer_failure_code(failed->failure)),
	    log_str("detail", failed->detail));
	end(enrol, failed->failure == SIGNER_FAILURE_UNKNOWN_ORDER ? ERR_NOT_FOUND : ERR_DENIED);
}

/* Of every answer: 1 when it is the frame that was asked for, else the group has gone another way
 * and `result` is what to tell the connection. */
static int answer_is(struct enrol *enrol, enum err err, uint16_t type, enum signer_message wanted,
    struct cursor payload, enum err *result)
{
	struct signer_failed failed;

	*result = ERR_OK;
	if (err != ERR_OK) {
		try_again(enrol, "signer", err);
		return 0;
	}
	if (type == wanted)
		return 1;
	if (type != SIGNER_FAILED || signer_failed_decode(payload, &failed) != ERR_OK)
		*result = ERR_SYNTAX;
	else
		signer_failed(enrol, &failed);
	return 0;
}

/* --- find ----------------------------------------------------------------------------------- */

/* A phone that is on record still has to show that it holds its key. */
static void take_existing(
    struct enrolment *row, const struct pg_rows *rows, size_t line, const char *outcome)
{
	char why[CSR_WHY_LEN];
	struct csr csr;

	if (strcmp(outcome, "existing") != 0) {
		outcome_refuse(row, outcome);
		return;
	}
	if (csr_verify(row->csr.bytes, row->csr.len, &csr, why) != ERR_OK) {
		enrolment_refuse(row, ENROLMENT_BAD_CSR, "csr: %s", why);
		return;
	}
	row_bytes(rows, line, row_column(rows, "certificate"), &row->certificate);
	CHECK(certificate_serial(row->certificate.bytes, row->certificate.len, row->serial) ==
	      ERR_OK);
	row->claim_code_epoch = (uint32_t)row_int(rows, line, row_column(rows, "claim_code_epoch"));
	row->status = ENROLMENT_EXISTING;
}

static void on_found(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct enrol *enrol = ctx;
	size_t i;

	(void)count;
	if (error) {
		database_failed(enrol, error);
		return;
	}
	if (row_count(rows[0]) != enrol->asked_count) {
		end(enrol, ERR_NOT_FOUND);
		return;
	}
	for (i = 0; i < enrol->asked_count; i++) {
		const char *outcome = row_text(rows[0], i, row_column(rows[0], "outcome"));

		if (strcmp(outcome, "none") != 0)
			take_existing(enrol->rows[enrol->asked[i]], rows[0], i, outcome);
	}
	start_issue(enrol);
}

/* Adds those that are pending, of one kind. */
static void ask_for_pending(struct enrol *enrol, int server_key)
{
	size_t i;

	for (i = 0; i < enrol->count; i++)
		if (enrol->rows[i]->status == ENROLMENT_PENDING &&
		    enrol->rows[i]->server_key == server_key)
			enrol->asked[enrol->asked_count++] = i;
}

static void start_find(struct enrol *enrol)
{
	struct pg_call query = {.statement = &query_certificates_existing};
	size_t i;

	/* A key that is yet to be made is on no record. */
	enrol->asked_count = 0;
	ask_for_pending(enrol, 0);
	enrol->next = 0;
	if (enrol->asked_count == 0) {
		start_issue(enrol);
		return;
	}
	query.params = pg_params_new();
	pg_param_text(query.params, enrol->call->order.terms.reference);
	pg_param_array_begin(query.params, PG_ARRAY_MACADDR);
	for (i = 0; i < enrol->asked_count; i++)
		pg_param_mac(query.params, &enrol->rows[enrol->asked[i]]->mac);
	pg_param_array_end(query.params);
	pg_param_array_begin(query.params, PG_ARRAY_BYTEA);
	for (i = 0; i < enrol->asked_count; i++)
		pg_param_bytea(query.params, enrol->rows[enrol->asked[i]]->spki_sha256, SHA256_LEN);
	pg_param_array_end(query.params);
	pg_submit(enrol->call->front->pg, &query, 1, on_found, enrol);
}

/* --- issue ---------------------------------------------------------------------------------- */

static void take_issued(
    struct enrolment *row, struct signed_row *made, const struct signer_issued_row *issued)
{
	if (!issue_outcome_is_success(issued->outcome)) {
		outcome_refuse_issue(row, issued);
		return;
	}
	buf_put(&made->certificate, issued->certificate, issued->certificate_len);
	memcpy(made->serial, issued->serial, sizeof(made->serial));
	memcpy(made->spki_sha256, issued->spki_sha256, SHA256_LEN);
	memcpy(made->claim_code_hash, issued->claim_code_hash, SHA256_LEN);
	made->not_before_unix_s = issued->not_before_unix_s;
	made->claim_code_epoch = issued->claim_code_epoch;
}

static enum err on_issued(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct enrol *enrol = ctx;
	struct signer_issued issued;
	enum err result;
	size_t i, row;

	if (!answer_is(enrol, err, type, SIGNER_ISSUED, payload, &result))
		return result;
	if (signer_issued_decode(payload, &issued) != ERR_OK)
		return ERR_SYNTAX;
	for (i = 0; i < issued.row_count; i++) {
		if (enrol->answered >= enrol->asked_count)
			return ERR_SYNTAX;
		row = enrol->asked[enrol->answered++];
		if (!mac_equal(&issued.rows[i].mac, &enrol->rows[row]->mac))
			return ERR_SYNTAX;
		take_issued(enrol->rows[row], &enrol->made[row], &issued.rows[i]);
	}
	if (!issued.last)
		return ERR_MORE;
	if (enrol->answered != enrol->asked_count)
		return ERR_SYNTAX;
	start_issue(enrol);
	return ERR_OK;
}

/* Asks for as many rows from `next` on as one frame holds. */
static void start_issue(struct enrol *enrol)
{
	struct buf frame = {0};
	enum err err;

	signer_issue_begin(&frame, enrol->call->order.terms.reference, enrol->call->caller.name,
	    &enrol->call->fingerprint);
	enrol->asked_count = enrol->answered = 0;
	for (; enrol->next < enrol->count; enrol->next++) {
		struct enrolment *row = enrol->rows[enrol->next];
		struct signer_issue_row ask = {.mac = row->mac,
		    .serial_number = {row->serial_number, strlen(row->serial_number)},
		    .csr = row->csr.bytes,
		    .csr_len = row->csr.len};

		if (row->status != ENROLMENT_PENDING || row->server_key)
			continue;
		err = signer_issue_add(&frame, &ask);
		if (err == ERR_FULL)
			break;
		CHECK(err == ERR_OK);
		enrol->asked[enrol->asked_count++] = enrol->next;
	}
	if (enrol->asked_count > 0)
		signer_client_call(
		    enrol->call->front->signer, SIGNER_ISSUE, &frame, on_issued, enrol);
	else
		start_generate(enrol);
	buf_free(&frame);
}

/* --- generate ------------------------------------------------------------------------------- */

static enum err on_generated(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct enrol *enrol = ctx;
	struct signer_generated generated;
	enum err result;
	size_t i;

	if (!answer_is(enrol, err, type, SIGNER_GENERATED, payload, &result))
		return result;
	if (signer_generated_decode(payload, &generated) != ERR_OK ||
	    generated.row_count != enrol->asked_count)
		return ERR_SYNTAX;
	for (i = 0; i < generated.row_count; i++) {
		const struct signer_generated_row *row = &generated.rows[i];
		struct signed_row *made = &enrol->made[enrol->asked[i]];

		if (!mac_equal(&row->issued.mac, &enrol->rows[enrol->asked[i]]->mac))
			return ERR_SYNTAX;
		take_issued(enrol->rows[enrol->asked[i]], made, &row->issued);
		buf_put(&made->encrypted_key, row->encrypted_key.bytes, row->encrypted_key.len);
	}
	start_generate(enrol);
	return ERR_OK;
}

static void put_generate(const struct enrol *enrol, struct buf *frame)
{
	struct signer_generate ask = {.row_count = enrol->asked_count};
	unsigned char *der = NULL;
	int len = i2d_X509(exchange_peer(enrol->call->exchange)->certificate, &der);
	size_t i;

	CHECK(len > 0);
	snprintf(ask.order, sizeof(ask.order), "%s", enrol->call->order.terms.reference);
	snprintf(ask.station, sizeof(ask.station), "%s", enrol->call->caller.name);
	ask.station_certificate = (struct signer_blob){der, (size_t)len};
	for (i = 0; i < enrol->asked_count; i++) {
		const struct enrolment *row = enrol->rows[enrol->asked[i]];

		ask.rows[i] = (struct signer_generate_row){.mac = row->mac,
		    .serial_number = {row->serial_number, strlen(row->serial_number)},
		    .key_type = (uint8_t)row->key_type};
	}
	signer_generate_encode(frame, &ask);
	OPENSSL_free(der);
}

/* Asks for keys that are not made yet, as many as one frame holds. */
static void start_generate(struct enrol *enrol)
{
	struct buf frame = {0};
	size_t i;

	enrol->asked_count = 0;
	for (i = 0; i < enrol->count && enrol->asked_count < SIGNER_GENERATE_ROWS_MAX; i++)
		if (enrol->rows[i]->status == ENROLMENT_PENDING && enrol->rows[i]->server_key &&
		    enrol->made[i].certificate.len == 0)
			enrol->asked[enrol->asked_count++] = i;
	if (enrol->asked_count == 0) {
		start_store(enrol);
		return;
	}
	put_generate(enrol, &frame);
	signer_client_call(
	    enrol->call->front->signer, SIGNER_GENERATE, &frame, on_generated, enrol);
	buf_free(&frame);
}

/* --- store ---------------------------------------------------------------------------------- */

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
	row->claim_code_epoch = (uint32_t)row_int(rows, line, row_column(rows, "claim_code_epoch"));
}

static void on_stored(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct enrol *enrol = ctx;
	size_t call, i, next = 0;

	if (error) {
		database_failed(enrol, error);
		return;
	}
	for (call = 0; call < count; call++)
		for (i = 0; i < row_count(rows[call]) && next < enrol->asked_count; i++)
			take_stored(enrol, enrol->asked[next++], rows[call], i);
	CHECK(next == enrol->asked_count);
	start_codes(enrol);
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
static void start_store(struct enrol *enrol)
{
	struct pg_call calls[2];
	size_t count = 0, first;
	int server_key;

	enrol->asked_count = 0;
	for (server_key = 0; server_key < 2; server_key++) {
		first = enrol->asked_count;
		ask_for_pending(enrol, server_key);
		if (enrol->asked_count > first)
			calls[count++] = store_rows(enrol, first, server_key);
	}
	if (count == 0)
		start_codes(enrol);
	else
		pg_submit(enrol->call->front->pg, calls, count, on_stored, enrol);
}

/* --- codes ---------------------------------------------------------------------------------- */

static enum err on_codes(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct enrol *enrol = ctx;
	struct signer_claim_texts texts;
	enum err result;
	size_t i;

	if (!answer_is(enrol, err, type, SIGNER_CLAIM_CODE_TEXTS, payload, &result))
		return result;
	if (signer_claim_texts_decode(payload, &texts) != ERR_OK ||
	    texts.row_count != enrol->asked_count)
		return ERR_SYNTAX;
	for (i = 0; i < texts.row_count; i++) {
		struct enrolment *row = enrol->rows[enrol->asked[i]];

		if (!mac_equal(&texts.rows[i].mac, &row->mac))
			return ERR_SYNTAX;
		if (!texts.rows[i].known) {
			LOG_ERROR("claim_code_unknown", log_mac("mac", &row->mac));
			end(enrol, ERR_IO);
			return ERR_OK;
		}
		memcpy(row->claim_code, texts.rows[i].text, sizeof(row->claim_code));
	}
	bytes_wipe(&texts, sizeof(texts));
	ask_codes(enrol);
	return ERR_OK;
}

/* Asks for as many codes from `next` on as one frame holds. */
static void ask_codes(struct enrol *enrol)
{
	struct signer_claim_codes codes = {0};
	struct buf frame = {0};

	enrol->asked_count = 0;
	for (; enrol->next < enrol->count && codes.row_count < SIGNER_ROWS_MAX; enrol->next++) {
		const struct enrolment *row = enrol->rows[enrol->next];

		if (row->status != ENROLMENT_ISSUED && row->status != ENROLMENT_EXISTING)
			continue;
		enrol->asked[enrol->asked_count++] = enrol->next;
		codes.rows[codes.row_count++] =
		    (struct signer_claim_row){.mac = row->mac, .epoch = row->claim_code_epoch};
	}
	if (enrol->asked_count == 0) {
		end(enrol, ERR_OK);
		return;
	}
	signer_claim_codes_encode(&frame, &codes);
	signer_client_call(enrol->call->front->signer, SIGNER_CLAIM_CODES, &frame, on_codes, enrol);
	buf_free(&frame);
}

static void start_codes(struct enrol *enrol)
{
	enrol->next = enrol->codes == ENROL_WITH_CODES ? 0 : enrol->count;
	ask_codes(enrol);
}

void enrol_start(struct call *call, struct enrolment *const *rows, size_t count,
    enum enrol_codes codes, enrol_done_fn *on_done, void *ctx)
{
	struct enrol *enrol = calloc(1, sizeof(*enrol));

	CHECK(enrol != NULL && count <= ENROL_GROUP_MAX);
	enrol->call = call;
	memcpy(enrol->rows, rows, count * sizeof(rows[0]));
	enrol->codes = codes;
	enrol->count = count;
	enrol->on_done = on_done;
	enrol->ctx = ctx;
	enrol->begun_ms = clock_monotonic_ms();
	enrol->timer = evtimer_new(call->front->base, on_timer, enrol);
	CHECK(enrol->timer != NULL);
	start_find(enrol);
}
