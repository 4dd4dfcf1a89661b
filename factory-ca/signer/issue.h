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

/* Takes a payload apart; copies it. ERR_SYNTAX: malformed. `owner` is the caller's. */
MUST_CHECK enum err issue_job_new(
    struct cursor payload, void *owner, uint32_t id, struct issue_job **job);
void issue_job_free(struct issue_job *job);
void *issue_job_owner(const struct issue_job *job);
uint32_t issue_job_id(const struct issue_job *job);
size_t issue_job_rows(const struct issue_job *job);

/* Takes one frame of a job's answer. */
typedef void issue_send_fn(
    const struct issue_job *job, enum signer_message type, const struct buf *payload, void *ctx);

/* Runs jobs with at most LEDGER_GROUP_MAX rows in all; each is answered through `send`. */
void issue_run(const struct issuer *issuer, struct issue_job *const *jobs, size_t count,
    int64_t now_unix_s, issue_send_fn *send, void *ctx);

/* What a certificate is about, once its reservation is durable. Borrowed. */
struct issue_phone {
	struct mac mac;
	const char *serial_number;
	const uint8_t *spki;
	size_t spki_len;
	uint8_t spki_sha256[SHA256_LEN];
	struct ledger_grant grant;
};
/* Builds, reads back and signs the certificate (appended to `certificate`, which outlives the
 * answer), and fills in the answer's row. */
MUST_CHECK enum err issue_sign(const struct issuer *issuer, const struct statement_order *order,
    const struct issue_phone *phone, struct buf *certificate, struct signer_issued_row *answer);

/* The code of a phone's label: HMAC-SHA256 of MAC and epoch under a key of its own. */
MUST_CHECK enum err issue_claim_code(
    struct keystore *store, const struct mac *mac, uint32_t epoch, struct claim_code *code);

#endif
