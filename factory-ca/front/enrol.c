/* The order of a group's steps, and what is done where one fails; the first step and the last. See
 * enrol.h. */
#include "factory-ca/front/enrol_internal.h"

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
#include "queries_factory-ca.h"

enum { RETRY_MS = 300 };

static void start_find(struct enrol *enrol);
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
	bytes_wipe(enrol->made, enrol->count * sizeof(enrol->made[0]));
}

/* The caller hears of it from the loop: it may free everything. */
void enrol_end(struct enrol *enrol, enum err result)
{
	enrol->result = result;
	set_timer(enrol, 0);
}

static void log_rows(const struct enrol *enrol)
{
	size_t i;

	log_hold();
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
	log_release();
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
		enrol_end(enrol, ERR_UNAVAILABLE);
		return;
	}
	metrics_add(FRONT_RETRIES, 0, 1);
	enrol->result = ERR_MORE;
	set_timer(enrol, RETRY_MS);
}

void enrol_database_failed(struct enrol *enrol, const struct pg_error *error)
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
		enrol_end(enrol, ERR_IO);
	}
}

void enrol_signer_failed(struct enrol *enrol, const struct enrol_trouble *trouble)
{
	const struct signer_failed *failed = &trouble->failed;

	if (trouble->err != ERR_OK || failed->failure == SIGNER_FAILURE_UNAVAILABLE) {
		try_again(enrol, "signer", trouble->err ? trouble->err : ERR_UNAVAILABLE);
		return;
	}
	LOG_ERROR("signer_refused", log_str("request", exchange_request_id(enrol->call->exchange)),
	    log_str("reason", signer_failure_code(failed->failure)),
	    log_str("detail", failed->detail));
	enrol_end(
	    enrol, failed->failure == SIGNER_FAILURE_UNKNOWN_ORDER ? ERR_NOT_FOUND : ERR_DENIED);
}

int enrol_answer_is(enum err err, uint16_t type, enum signer_message wanted, struct cursor payload,
    struct enrol_trouble *trouble, enum err *result)
{
	*result = ERR_OK;
	*trouble = (struct enrol_trouble){.err = err};
	if (err == ERR_OK && type == wanted)
		return 1;
	trouble->is_there = 1;
	if (err == ERR_OK &&
	    (type != SIGNER_FAILED || signer_failed_decode(payload, &trouble->failed) != ERR_OK)) {
		trouble->is_there = 0;
		*result = ERR_SYNTAX;
	}
	return 0;
}

/* --- find ----------------------------------------------------------------------------------- */

/* -1 says none, after a transfer. */
void enrol_take_epoch(struct enrolment *row, const struct pg_rows *rows, size_t line)
{
	int64_t epoch = row_int(rows, line, row_column(rows, "claim_code_epoch"));

	row->has_no_code = epoch < 0;
	row->claim_code_epoch = row->has_no_code ? 0 : (uint32_t)epoch;
}

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
	enrol_take_epoch(row, rows, line);
	row->status = ENROLMENT_EXISTING;
}

static void on_found(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct enrol *enrol = ctx;
	size_t i;

	(void)count;
	if (error) {
		enrol_database_failed(enrol, error);
		return;
	}
	if (row_count(rows[0]) != enrol->asked_count) {
		enrol_end(enrol, ERR_NOT_FOUND);
		return;
	}
	for (i = 0; i < enrol->asked_count; i++) {
		const char *outcome = row_text(rows[0], i, row_column(rows[0], "outcome"));

		if (strcmp(outcome, "none") != 0)
			take_existing(enrol->rows[enrol->asked[i]], rows[0], i, outcome);
	}
	enrol_start_issue(enrol);
}

/* Adds those that are pending, of one kind. */
void enrol_ask_for_pending(struct enrol *enrol, int server_key)
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
	enrol_ask_for_pending(enrol, 0);
	if (enrol->asked_count == 0) {
		enrol_start_issue(enrol);
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

/* --- codes ---------------------------------------------------------------------------------- */

static enum err on_codes(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct enrol *enrol = ctx;
	struct signer_claim_texts texts;
	struct enrol_trouble trouble;
	enum err result;
	size_t i;

	if (!enrol_answer_is(err, type, SIGNER_CLAIM_CODE_TEXTS, payload, &trouble, &result)) {
		if (trouble.is_there)
			enrol_signer_failed(enrol, &trouble);
		return result;
	}
	if (signer_claim_texts_decode(payload, &texts) != ERR_OK ||
	    texts.row_count != enrol->asked_count)
		return ERR_SYNTAX;
	for (i = 0; i < texts.row_count; i++) {
		struct enrolment *row = enrol->rows[enrol->asked[i]];

		if (!mac_equal(&texts.rows[i].mac, &row->mac))
			return ERR_SYNTAX;
		if (!texts.rows[i].known) {
			LOG_ERROR("claim_code_unknown", log_mac("mac", &row->mac));
			enrol_end(enrol, ERR_IO);
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
		if (row->has_no_code || row->claim_code[0] != '\0')
			continue;
		enrol->asked[enrol->asked_count++] = enrol->next;
		codes.rows[codes.row_count++] =
		    (struct signer_claim_row){.mac = row->mac, .epoch = row->claim_code_epoch};
	}
	if (enrol->asked_count == 0) {
		enrol_end(enrol, ERR_OK);
		return;
	}
	signer_claim_codes_encode(&frame, &codes);
	signer_client_call(enrol->call->front->signer, SIGNER_CLAIM_CODES, &frame, on_codes, enrol);
	buf_free(&frame);
}

void enrol_start_codes(struct enrol *enrol)
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
