/*
 * From rows to certificates: check, reserve, make durable, sign, answer.
 *
 * The rule that everything hangs on: no certificate is signed before its reservation is on disk.
 * Requests that wait together share one fsync. Rows are the front's, hence hostile; order, quota
 * and window are the ledger's business, the certificate's bytes the profile's. Runs in the signer.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_ISSUE_H
#define FIRSTRING_FACTORY_CA_SIGNER_ISSUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/claim_code.h"
#include "common/base/err.h"
#include "factory-ca/signer/csr.h"
#include "factory-ca/signer/generation.h"
#include "factory-ca/signer/keystore.h"
#include "factory-ca/signer/ledger.h"
#include "factory-ca/signer/profile.h"
#include "factory-ca/signer/protocol.h"

enum { CLAIM_CODE_FIRST_EPOCH = 0 };

struct issuer {
	struct keystore *store; /* with the issuing keys and CA_KEY_CLAIM_CODE loaded */
	struct ledger *ledger;
	/* Of generation N at N - 1; without an issuer where its key is not loaded. */
	struct profile profiles[GENERATION_MAX];
};
/* What ledger_reserve() granted can be signed: else a row is refused, with a sentence. Only a
 * record of a generation that is retired now, and that never reached the database, is not. */
enum issue_outcome issue_check_grant(const struct issuer *issuer, const struct ledger_grant *grant,
    enum issue_outcome outcome, char detail[SIGNER_DETAIL_MAX + 1]);

/* One ISSUE request, between its arrival and its answer. */
struct issue_job;

/* Takes a payload apart; copies it. ERR_SYNTAX: malformed. */
MUST_CHECK enum err issue_job_new(struct cursor payload, struct issue_job **job);
void issue_job_free(struct issue_job *job);
size_t issue_job_rows(const struct issue_job *job);

/*
 * The steps of a job, in this order. What is about the whole of it is the loop's; rows are checked
 * and made a few at a time, each once, on any thread: that touches nothing but those rows, and of
 * the issuer only what never changes.
 */

/* The request as a whole: 0 when it has failed, and issue_answer() comes next. */
int issue_admit(const struct issuer *issuer, struct issue_job *job, int64_t now_unix_s);
/* Rows and CSRs by themselves, with their proofs of possession; at most so many at once. */
enum { ISSUE_SLICE_MAX = CSR_BATCH_MAX };
void issue_check(struct issue_job *job, size_t first, size_t count);
/* Reserves for all rows that hold, and makes that durable: one fsync for all of these jobs, which
 * have at most LEDGER_GROUP_MAX rows together. Those that fail have issue_answer() next. */
void issue_reserve(
    const struct issuer *issuer, struct issue_job *const *jobs, size_t count, int64_t now_unix_s);
int issue_has_failed(const struct issue_job *job);
/* Builds and signs the certificates of rows whose reservations are durable; as many. */
MUST_CHECK enum err issue_make(
    const struct issuer *issuer, struct issue_job *job, size_t first, size_t count);
/* From the loop, where issue_make() did not succeed: nothing of the job is told. */
void issue_fail_signing(struct issue_job *job);

/* Takes one frame of a job's answer. */
typedef void issue_send_fn(enum signer_message type, const struct buf *payload, void *ctx);
/* The failure, or all rows, in as many frames as they need. */
void issue_answer(const struct issue_job *job, issue_send_fn *send, void *ctx);

/* What a certificate is about, once its reservation is durable. Borrowed. */
struct issue_phone {
	enum certificate_profile kind; /* kind and model are the order's */
	const char *model;
	struct mac mac;
	const char *serial_number;
	const uint8_t *spki;
	size_t spki_len;
	uint8_t spki_sha256[SHA256_LEN];
	struct ledger_grant grant;
};
struct issue_signing {
	struct issue_phone phone;
	struct buf *certificate; /* appended to; outlives the answer */
	struct signer_issued_row *answer;
};
/* Builds, reads back and signs the certificates, verifies them, and fills in the answers' rows; at
 * most ISSUE_SLICE_MAX. */
MUST_CHECK enum err issue_sign(
    const struct issuer *issuer, const struct issue_signing *signings, size_t count);

/* The code of a phone's label: HMAC-SHA256 of MAC and epoch under a key of its own. */
MUST_CHECK enum err issue_claim_code(
    struct keystore *store, const struct mac *mac, uint32_t epoch, struct claim_code *code);

#endif
