/*
 * The steps of issuing. Everything in a row may be a lie of the front or of a station; what comes
 * out was built here. Who takes which step when is signer_issue.c's; the only wait is the fsync.
 */
#include "factory-ca/signer/issue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/pki/claim_hash.h"
#include "factory-ca/signer/profile_lint.h"

struct issue_row {
	enum issue_outcome outcome;
	struct csr csr;
	struct ledger_grant grant;
	char serial_number[SIGNER_SERIAL_NUMBER_MAX + 1];
	char detail[SIGNER_DETAIL_MAX + 1];
	int holds; /* row and CSR by themselves */
	struct buf certificate; /* DER, once it is made */
	struct signer_issued_row answer;
};

struct issue_job {
	struct buf payload; /* what `request` borrows from */
	struct signer_issue request;
	struct issue_row *rows; /* request.row_count of them */
	struct signer_failed failed; /* failure 0: none */
	/* Of the order, as they were when it was reserved under. */
	enum certificate_profile kind;
	char model[STATEMENT_MODEL_MAX + 1];
};

enum err issue_job_new(struct cursor payload, struct issue_job **job)
{
	struct issue_job *made = calloc(1, sizeof(*made));
	enum err err;

	CHECK(made != NULL);
	buf_put(&made->payload, payload.next, cursor_left(&payload));
	err =
	    signer_issue_decode(cursor_of(made->payload.bytes, made->payload.len), &made->request);
	if (err) {
		issue_job_free(made);
		return err;
	}
	made->rows = calloc(made->request.row_count, sizeof(*made->rows));
	CHECK(made->rows != NULL);
	*job = made;
	return ERR_OK;
}

void issue_job_free(struct issue_job *job)
{
	size_t i;

	if (!job)
		return;
	for (i = 0; job->rows && i < job->request.row_count; i++)
		buf_free(&job->rows[i].certificate);
	buf_free(&job->payload);
	free(job->rows);
	free(job);
}

size_t issue_job_rows(const struct issue_job *job)
{
	return job->request.row_count;
}

static void refuse(struct issue_row *row, enum issue_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct issue_row *row, enum issue_outcome outcome, const char *format, ...)
{
	va_list args;

	row->outcome = outcome;
	va_start(args, format);
	vsnprintf(row->detail, sizeof(row->detail), format, args);
	va_end(args);
}

static void fail_job(struct issue_job *job, enum signer_failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail_job(struct issue_job *job, enum signer_failure failure, const char *format, ...)
{
	va_list args;

	job->failed.failure = failure;
	va_start(args, format);
	vsnprintf(job->failed.detail, sizeof(job->failed.detail), format, args);
	va_end(args);
}

int issue_has_failed(const struct issue_job *job)
{
	return job->failed.failure != 0;
}

int issue_admit(const struct issuer *issuer, struct issue_job *job, int64_t now_unix_s)
{
	const struct ledger_order *order = ledger_find_order(issuer->ledger, job->request.order);
	int64_t behind = ledger_clock_behind_s(issuer->ledger, now_unix_s);

	if (behind) {
		LOG_ERROR("clock_behind_ledger", log_int("seconds", behind));
		fail_job(job, SIGNER_FAILURE_UNAVAILABLE,
		    "the signer's clock is %lld s behind its ledger; set it right",
		    (long long)behind);
	} else if (!order) {
		fail_job(job, SIGNER_FAILURE_UNKNOWN_ORDER, "no operator opened an order %s",
		    job->request.order);
	} else if (!statement_allows_station(&order->order, job->request.station)) {
		LOG_WARN("station_not_allowed", log_str("order", job->request.order),
		    log_str("station", job->request.station),
		    log_hex("certificate", job->request.station_certificate.bytes, SHA256_LEN));
		fail_job(job, SIGNER_FAILURE_STATION_NOT_ALLOWED,
		    "order %s is not open to station %s", job->request.order, job->request.station);
	}
	return !issue_has_failed(job);
}

static void refuse_key_type(
    struct issue_row *row, enum key_type type, const struct statement_order *order)
{
	char allowed[64] = "";
	size_t len = 0;
	int i;

	for (i = 0; i < KEY_TYPE_COUNT; i++)
		if (order->key_types & 1U << i)
			len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s",
			    len ? ", " : "", key_type_name((enum key_type)i));
	refuse(row, ISSUE_WEAK_KEY, "a %s key, and order %s takes %s", key_type_name(type),
	    order->reference, allowed);
}

/* 1 when the row, but for its CSR, is as it must be. */
static int check_serial_number(const struct signer_issue_row *asked, struct issue_row *row)
{
	if (csr_serial_number_is_valid(asked->serial_number.text, asked->serial_number.len)) {
		memcpy(row->serial_number, asked->serial_number.text, asked->serial_number.len);
		return 1;
	}
	refuse(row, ISSUE_BAD_ROW, "serial_number: 1 to %d letters, digits, spaces or '().-:?",
	    CSR_SERIAL_NUMBER_MAX);
	return 0;
}

/* 1 when the CSR holds, and is about the row's phone. */
static int take_csr(
    const struct signer_issue_row *asked, const struct csr_request *verified, struct issue_row *row)
{
	char mac[MAC_TEXT_LEN + 1];

	if (verified->err) {
		refuse(row,
		    verified->err == ERR_WEAK_KEY || verified->err == ERR_RANGE ? ISSUE_WEAK_KEY
										: ISSUE_BAD_CSR,
		    "%s", verified->why);
		return 0;
	}
	row->csr = verified->csr;
	if (!mac_equal(&row->csr.mac, &asked->mac)) {
		mac_format(&row->csr.mac, mac);
		refuse(row, ISSUE_BAD_CSR, "the CSR is for MAC %s", mac);
		return 0;
	}
	if (row->csr.serial_number[0] && strcmp(row->csr.serial_number, row->serial_number) != 0) {
		refuse(
		    row, ISSUE_BAD_CSR, "the CSR is for serial number %s", row->csr.serial_number);
		return 0;
	}
	return 1;
}

void issue_check(struct issue_job *job, size_t first, size_t count)
{
	struct csr_request requests[ISSUE_SLICE_MAX] = {0};
	size_t asking[ISSUE_SLICE_MAX], asked = 0, i;

	CHECK(count <= ISSUE_SLICE_MAX);
	for (i = first; i < first + count; i++) {
		const struct signer_issue_row *row = &job->request.rows[i];

		if (!check_serial_number(row, &job->rows[i]))
			continue;
		requests[asked].der = row->csr;
		requests[asked].len = row->csr_len;
		asking[asked++] = i;
	}
	csr_verify_all(requests, asked);
	for (i = 0; i < asked; i++)
		job->rows[asking[i]].holds =
		    take_csr(&job->request.rows[asking[i]], &requests[i], &job->rows[asking[i]]);
}

enum issue_outcome issue_check_grant(const struct issuer *issuer, const struct ledger_grant *grant,
    enum issue_outcome outcome, char detail[SIGNER_DETAIL_MAX + 1])
{
	unsigned generation = generation_of_serial(grant->serial);

	if (!issue_outcome_is_success(outcome) || issuer->profiles[generation - 1].issuer)
		return outcome;
	snprintf(detail, SIGNER_DETAIL_MAX + 1,
	    "the certificate of this MAC was never handed out, and its issuing CA (generation %u) "
	    "is retired; the phone needs a new key and a re-key grant",
	    generation);
	return ISSUE_REVOKED;
}

static void reserve_row(const struct issuer *issuer, const struct issue_job *job,
    const struct statement_order *order, size_t i, int64_t now_unix_s)
{
	struct issue_row *row = &job->rows[i];
	const struct ledger_claim claim = {.order = job->request.order,
	    .mac = job->request.rows[i].mac,
	    .serial_number = row->serial_number,
	    .spki_sha256 = row->csr.spki_sha256};

	if (!row->holds)
		return;
	if (order->key_types & 1U << row->csr.key_type)
		row->outcome = issue_check_grant(issuer, &row->grant,
		    ledger_reserve(issuer->ledger, &claim, now_unix_s, &row->grant, row->detail),
		    row->detail);
	else
		refuse_key_type(row, row->csr.key_type, order);
}

static void reserve_job(const struct issuer *issuer, struct issue_job *job, int64_t now_unix_s)
{
	const struct statement_order *order =
	    &ledger_find_order(issuer->ledger, job->request.order)->order;
	size_t i;

	job->kind = order->profile;
	snprintf(job->model, sizeof(job->model), "%s", order->model);
	for (i = 0; i < job->request.row_count; i++)
		reserve_row(issuer, job, order, i, now_unix_s);
}

void issue_reserve(
    const struct issuer *issuer, struct issue_job *const *jobs, size_t count, int64_t now_unix_s)
{
	enum err err, ready = keystore_check(issuer->store);
	size_t i;

	for (i = 0; i < count; i++) {
		/* Before a serial is reserved that nothing could sign. */
		if (ready)
			fail_job(jobs[i], SIGNER_FAILURE_UNAVAILABLE,
			    "the signer's key store is out of reach; nothing was issued");
		else if (issue_admit(issuer, jobs[i], now_unix_s))
			reserve_job(issuer, jobs[i], now_unix_s);
	}
	err = ledger_commit(issuer->ledger);
	for (i = 0; i < count && err; i++)
		if (!issue_has_failed(jobs[i]))
			fail_job(jobs[i], SIGNER_FAILURE_UNAVAILABLE,
			    "the signer cannot write its ledger; nothing was issued");
}

enum err issue_claim_code(
    struct keystore *store, const struct mac *mac, uint32_t epoch, struct claim_code *code)
{
	uint8_t bytes[MAC_LEN + 4], digest[SHA256_LEN];
	enum err err;
	int i;

	memcpy(bytes, mac->octets, MAC_LEN);
	for (i = 0; i < 4; i++)
		bytes[MAC_LEN + i] = (uint8_t)(epoch >> (24 - 8 * i));
	err = keystore_hmac(store, CA_KEY_CLAIM_CODE, bytes, sizeof(bytes), digest);
	if (!err)
		claim_code_from_bits(digest, code);
	return err;
}

static enum err build_tbs(
    const struct issuer *issuer, const struct issue_phone *phone, struct buf *tbs)
{
	const struct profile *profile =
	    &issuer->profiles[generation_of_serial(phone->grant.serial) - 1];
	struct profile_device device = {
	    .kind = phone->kind,
	    .model = phone->model,
	    .serial_number = phone->serial_number,
	    .mac = phone->mac,
	    .spki = phone->spki,
	    .spki_len = phone->spki_len,
	    .not_before_unix_s = phone->grant.not_before_unix_s,
	};
	const char *why = "";
	enum err err;

	memcpy(device.serial, phone->grant.serial, sizeof(device.serial));
	err = profile_put_tbs(tbs, profile, &device);
	if (err)
		return err;
	err = profile_lint(profile, &device, tbs->bytes, tbs->len, &why);
	if (err)
		LOG_ERROR("certificate_not_as_the_profile", log_str("detail", why));
	return err;
}

static enum err fill_answer(const struct issuer *issuer, const struct issue_signing *signing)
{
	const struct issue_phone *phone = &signing->phone;
	struct signer_issued_row *answer = signing->answer;
	struct claim_code code;
	enum err err = issue_claim_code(issuer->store, &phone->mac, CLAIM_CODE_FIRST_EPOCH, &code);

	if (err)
		return err;
	answer->certificate = signing->certificate->bytes;
	answer->certificate_len = signing->certificate->len;
	memcpy(answer->serial, phone->grant.serial, sizeof(answer->serial));
	memcpy(answer->spki_sha256, phone->spki_sha256, SHA256_LEN);
	answer->not_before_unix_s = phone->grant.not_before_unix_s;
	answer->claim_code_epoch = CLAIM_CODE_FIRST_EPOCH;
	claim_code_hash(&code, &phone->mac, CLAIM_CODE_FIRST_EPOCH, answer->claim_code_hash);
	claim_code_format(&code, answer->claim_code);
	return ERR_OK;
}

enum err issue_sign(const struct issuer *issuer, const struct issue_signing *signings, size_t count)
{
	struct x509_signing x509[ISSUE_SLICE_MAX] = {0};
	struct buf tbs[ISSUE_SLICE_MAX] = {0};
	enum err err = ERR_OK;
	size_t i;

	CHECK(count <= ISSUE_SLICE_MAX);
	for (i = 0; i < count && !err; i++) {
		const struct issue_phone *phone = &signings[i].phone;

		x509[i].key = generation_key(generation_of_serial(phone->grant.serial));
		x509[i].tbs = &tbs[i];
		x509[i].out = signings[i].certificate;
		err = build_tbs(issuer, phone, &tbs[i]);
	}
	if (!err)
		err = x509_sign_all(issuer->store, x509, count);
	for (i = 0; i < count && !err; i++)
		err = fill_answer(issuer, &signings[i]);
	for (i = 0; i < count; i++)
		buf_free(&tbs[i]);
	return err;
}

enum err issue_make(const struct issuer *issuer, struct issue_job *job, size_t first, size_t count)
{
	struct issue_signing signings[ISSUE_SLICE_MAX];
	size_t signing = 0, i;

	CHECK(count <= ISSUE_SLICE_MAX);
	for (i = first; i < first + count; i++) {
		struct issue_row *row = &job->rows[i];
		struct issue_phone *phone = &signings[signing].phone;

		row->answer.mac = job->request.rows[i].mac;
		row->answer.outcome = row->outcome;
		row->answer.detail.text = row->detail;
		row->answer.detail.len = strlen(row->detail);
		if (!issue_outcome_is_success(row->outcome))
			continue;
		*phone = (struct issue_phone){.kind = job->kind,
		    .model = job->model,
		    .mac = row->csr.mac,
		    .serial_number = row->serial_number,
		    .spki = row->csr.spki,
		    .spki_len = row->csr.spki_len,
		    .grant = row->grant};
		memcpy(phone->spki_sha256, row->csr.spki_sha256, SHA256_LEN);
		signings[signing].certificate = &row->certificate;
		signings[signing++].answer = &row->answer;
	}
	return issue_sign(issuer, signings, signing);
}

void issue_fail_signing(struct issue_job *job)
{
	LOG_ERROR("signing_failed", log_str("order", job->request.order));
	fail_job(job, SIGNER_FAILURE_UNAVAILABLE, "the signer's key store failed; ask again");
}

static void send_failed(const struct issue_job *job, issue_send_fn *send, void *ctx)
{
	struct buf frame = {0};

	signer_failed_encode(&frame, &job->failed);
	send(SIGNER_FAILED, &frame, ctx);
	buf_free(&frame);
}

void issue_answer(const struct issue_job *job, issue_send_fn *send, void *ctx)
{
	struct buf frame = {0};
	size_t i;

	if (issue_has_failed(job)) {
		send_failed(job, send, ctx);
		return;
	}
	signer_issued_begin(&frame);
	for (i = 0; i < job->request.row_count; i++) {
		enum err err = signer_issued_add(&frame, &job->rows[i].answer);

		if (err == ERR_FULL) {
			send(SIGNER_ISSUED, &frame, ctx);
			signer_issued_begin(&frame);
			err = signer_issued_add(&frame, &job->rows[i].answer);
		}
		CHECK(err == ERR_OK);
	}
	signer_issued_mark_last(&frame);
	send(SIGNER_ISSUED, &frame, ctx);
	buf_free(&frame);
}
