/*
 * Issuing in groups. Everything in a row may be a lie of the front or of a station; what comes out
 * was built here. Single-threaded; the only wait is the group's fsync.
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
};

struct issue_job {
	void *owner;
	uint32_t id;
	struct buf payload; /* what `request` borrows from */
	struct signer_issue request;
	struct issue_row *rows; /* request.row_count of them */
	struct signer_failed failed; /* failure 0: none */
};

enum err issue_job_new(struct cursor payload, void *owner, uint32_t id, struct issue_job **job)
{
	struct issue_job *made = calloc(1, sizeof(*made));
	enum err err;

	CHECK(made != NULL);
	made->owner = owner;
	made->id = id;
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
	if (!job)
		return;
	buf_free(&job->payload);
	free(job->rows);
	free(job);
}

void *issue_job_owner(const struct issue_job *job)
{
	return job->owner;
}

uint32_t issue_job_id(const struct issue_job *job)
{
	return job->id;
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

/* What the request as a whole must be before a row of it is looked at. */
static void check_job(const struct issuer *issuer, struct issue_job *job, int64_t now_unix_s)
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

/* Row and CSR by themselves: 1 when they hold, else the row has its refusal. */
static int check_row(const struct signer_issue_row *asked, const struct statement_order *order,
    struct issue_row *row)
{
	char mac[MAC_TEXT_LEN + 1], why[CSR_WHY_LEN] = "";
	enum err err;

	if (!csr_serial_number_is_valid(asked->serial_number.text, asked->serial_number.len)) {
		refuse(row, ISSUE_BAD_ROW,
		    "serial_number: 1 to %d letters, digits, spaces or '().-:?",
		    CSR_SERIAL_NUMBER_MAX);
		return 0;
	}
	memcpy(row->serial_number, asked->serial_number.text, asked->serial_number.len);
	err = csr_verify(asked->csr, asked->csr_len, &row->csr, why);
	if (err) {
		refuse(row, err == ERR_WEAK_KEY ? ISSUE_WEAK_KEY : ISSUE_BAD_CSR, "%s", why);
		return 0;
	}
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
	if (!(order->key_types & 1U << row->csr.key_type)) {
		refuse_key_type(row, row->csr.key_type, order);
		return 0;
	}
	return 1;
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

static void reserve_job(const struct issuer *issuer, struct issue_job *job, int64_t now_unix_s)
{
	const struct ledger_order *order = ledger_find_order(issuer->ledger, job->request.order);
	size_t i;

	for (i = 0; i < job->request.row_count; i++) {
		const struct signer_issue_row *asked = &job->request.rows[i];
		struct issue_row *row = &job->rows[i];
		const struct ledger_claim claim = {.order = job->request.order,
		    .mac = asked->mac,
		    .serial_number = row->serial_number,
		    .spki_sha256 = row->csr.spki_sha256};

		if (check_row(asked, &order->order, row))
			row->outcome = issue_check_grant(issuer, &row->grant,
			    ledger_reserve(
				issuer->ledger, &claim, now_unix_s, &row->grant, row->detail),
			    row->detail);
	}
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

/* `out` gets the DER. */
static enum err make_certificate(const struct issuer *issuer, const struct statement_order *order,
    const struct issue_phone *phone, struct buf *out)
{
	struct profile_device device = {
	    .kind = order->profile,
	    .model = order->model,
	    .serial_number = phone->serial_number,
	    .mac = phone->mac,
	    .spki = phone->spki,
	    .spki_len = phone->spki_len,
	    .not_before_unix_s = phone->grant.not_before_unix_s,
	};
	unsigned generation = generation_of_serial(phone->grant.serial);
	const struct profile *profile = &issuer->profiles[generation - 1];
	struct buf tbs = {0};
	const char *why = "";
	enum err err;

	memcpy(device.serial, phone->grant.serial, sizeof(device.serial));
	err = profile_put_tbs(&tbs, profile, &device);
	if (!err) {
		err = profile_lint(profile, &device, tbs.bytes, tbs.len, &why);
		if (err)
			LOG_ERROR("certificate_not_as_the_profile", log_str("detail", why));
	}
	if (!err)
		err = x509_sign(issuer->store, generation_key(generation), &tbs, out);
	buf_free(&tbs);
	return err;
}

enum err issue_sign(const struct issuer *issuer, const struct statement_order *order,
    const struct issue_phone *phone, struct buf *certificate, struct signer_issued_row *answer)
{
	struct claim_code code;
	enum err err = make_certificate(issuer, order, phone, certificate);

	if (!err)
		err = issue_claim_code(issuer->store, &phone->mac, CLAIM_CODE_FIRST_EPOCH, &code);
	if (err)
		return err;
	answer->certificate = certificate->bytes;
	answer->certificate_len = certificate->len;
	memcpy(answer->serial, phone->grant.serial, sizeof(answer->serial));
	memcpy(answer->spki_sha256, phone->spki_sha256, SHA256_LEN);
	answer->not_before_unix_s = phone->grant.not_before_unix_s;
	answer->claim_code_epoch = CLAIM_CODE_FIRST_EPOCH;
	claim_code_hash(&code, &phone->mac, CLAIM_CODE_FIRST_EPOCH, answer->claim_code_hash);
	return ERR_OK;
}

/* Fills in a row of the answer. `certificate` gets the DER and outlives the answer's use of it. */
static enum err answer_row(const struct issuer *issuer, const struct issue_job *job, size_t i,
    struct buf *certificate, struct signer_issued_row *answer)
{
	const struct ledger_order *order = ledger_find_order(issuer->ledger, job->request.order);
	const struct issue_row *row = &job->rows[i];
	struct issue_phone phone = {.mac = row->csr.mac,
	    .serial_number = row->serial_number,
	    .spki = row->csr.spki,
	    .spki_len = row->csr.spki_len,
	    .grant = row->grant};

	memset(answer, 0, sizeof(*answer));
	answer->mac = job->request.rows[i].mac;
	answer->outcome = row->outcome;
	answer->detail.text = row->detail;
	answer->detail.len = strlen(row->detail);
	if (!issue_outcome_is_success(row->outcome))
		return ERR_OK;
	memcpy(phone.spki_sha256, row->csr.spki_sha256, SHA256_LEN);
	buf_clear(certificate);
	return issue_sign(issuer, &order->order, &phone, certificate, answer);
}

/* The rows of a job whose reservations are durable, in as many frames as they need. */
static enum err send_rows(
    const struct issuer *issuer, const struct issue_job *job, issue_send_fn *send, void *ctx)
{
	struct signer_issued_row answer;
	struct buf frame = {0}, certificate = {0};
	enum err err = ERR_OK;
	size_t i;

	signer_issued_begin(&frame);
	for (i = 0; i < job->request.row_count && !err; i++) {
		err = answer_row(issuer, job, i, &certificate, &answer);
		if (err)
			break;
		err = signer_issued_add(&frame, &answer);
		if (err == ERR_FULL) {
			send(job, SIGNER_ISSUED, &frame, ctx);
			signer_issued_begin(&frame);
			err = signer_issued_add(&frame, &answer);
		}
	}
	if (!err) {
		signer_issued_mark_last(&frame);
		send(job, SIGNER_ISSUED, &frame, ctx);
	}
	buf_free(&frame);
	buf_free(&certificate);
	return err;
}

static void send_failed(const struct issue_job *job, issue_send_fn *send, void *ctx)
{
	struct buf frame = {0};

	signer_failed_encode(&frame, &job->failed);
	send(job, SIGNER_FAILED, &frame, ctx);
	buf_free(&frame);
}

void issue_run(const struct issuer *issuer, struct issue_job *const *jobs, size_t count,
    int64_t now_unix_s, issue_send_fn *send, void *ctx)
{
	enum err err, ready = keystore_check(issuer->store);
	size_t i;

	for (i = 0; i < count; i++) {
		check_job(issuer, jobs[i], now_unix_s);
		/* Before a serial is reserved that nothing could sign. */
		if (ready && !jobs[i]->failed.failure)
			fail_job(jobs[i], SIGNER_FAILURE_UNAVAILABLE,
			    "the signer's key store is out of reach; nothing was issued");
		if (!jobs[i]->failed.failure)
			reserve_job(issuer, jobs[i], now_unix_s);
	}
	err = ledger_commit(issuer->ledger);
	for (i = 0; i < count; i++) {
		if (err && !jobs[i]->failed.failure)
			fail_job(jobs[i], SIGNER_FAILURE_UNAVAILABLE,
			    "the signer cannot write its ledger; nothing was issued");
		if (!jobs[i]->failed.failure && send_rows(issuer, jobs[i], send, ctx)) {
			LOG_ERROR("signing_failed", log_str("order", jobs[i]->request.order));
			fail_job(jobs[i], SIGNER_FAILURE_UNAVAILABLE,
			    "the signer's key store failed; ask again");
		}
		if (jobs[i]->failed.failure)
			send_failed(jobs[i], send, ctx);
	}
}
