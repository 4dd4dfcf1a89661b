/*
 * What the factory-ca front and the signer say to each other: the whole vocabulary.
 *
 * Typed requests only: there is no way to hand the signer bytes to be signed. Payloads travel in
 * the frames of common/net/ipc.h (at most 64 KiB); the frame's id ties an answer to its request.
 * Both ends decode strictly: a payload that is short, long or out of bounds is ERR_SYNTAX, and the
 * signer kills the peer that sent it. Pure: structs to bytes and back. Decoded texts and blobs are
 * borrowed from the payload.
 *
 * All integers are big-endian; a text is {u8 length, bytes}, a blob {u16 length, bytes}.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_H
#define FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/claim_code.h"
#include "common/base/err.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"
#include "factory-ca/statement.h"

enum {
	SIGNER_PROTOCOL_VERSION = 3,
	SIGNER_ROWS_MAX = 64, /* rows of one ISSUE or CLAIM_CODES request */
	SIGNER_CSR_MAX = 8 * 1024,
	SIGNER_CERTIFICATE_MAX = 4 * 1024,
	SIGNER_SERIAL_LEN = 16, /* octets of a certificate's serial number */
	SIGNER_SERIAL_NUMBER_MAX = 64, /* of a device: ub-serial-number, RFC 5280 appendix A */
	SIGNER_DETAIL_MAX = 200,
};

/* Frame types. A request is answered by the type that follows it, or by SIGNER_FAILED. */
enum signer_message {
	SIGNER_HELLO = 1, /* first frame of the front: u16 protocol version */
	SIGNER_WELCOME = 2,
	SIGNER_PING = 3, /* empty */
	SIGNER_PONG = 4, /* empty */
	SIGNER_ISSUE = 5, /* one order, 1..64 rows */
	SIGNER_ISSUED = 6, /* one or more frames, rows in the request's order; the last is marked */
	SIGNER_CLAIM_CODES = 7,
	SIGNER_CLAIM_CODE_TEXTS = 8,
	SIGNER_STATEMENT = 9, /* a signed statement: signed_statement_encode() */
	SIGNER_STATEMENT_OUTCOME = 10,
	SIGNER_ORDER_STATE = 11, /* text: reference */
	SIGNER_ORDER_STATE_IS = 12,
	SIGNER_CRL = 13, /* an issuing CA's CRL as it is to be published now; signer_crl_encode() */
	SIGNER_CRL_PART = 14, /* one or more frames; the last is marked; empty: it is known */
	SIGNER_FAILED = 15, /* the whole request was not done */
	SIGNER_OCSP_CERTIFICATE = 20, /* protocol_certify.h, as are those up to 39 */
	SIGNER_OCSP_CERTIFICATE_IS = 21,
	SIGNER_STATION_RENEW = 22,
	SIGNER_STATION_RENEWED = 23,
	SIGNER_GENERATE = 24,
	SIGNER_GENERATED = 25,
	SIGNER_AUDIT_HEAD = 40, /* where the audit chain ends: protocol_audit.h */
	SIGNER_AUDIT_HEAD_IS = 41,
	/* Of the signer's own user only, and heard before a greeting. */
	SIGNER_UNLOCK = 64, /* one custodian's opened share: custody_share_encode() */
	SIGNER_LOCK = 65, /* empty: forget the keys now */
	SIGNER_LOCK_STATE = 66,
};

/* Why a request as a whole was not done. Values are part of the protocol: append only. */
enum signer_failure {
	SIGNER_FAILURE_UNKNOWN_ORDER = 1, /* 404 */
	SIGNER_FAILURE_STATION_NOT_ALLOWED = 2, /* 403: the order does not name this station */
	SIGNER_FAILURE_UNAVAILABLE = 3, /* 503: ledger not writable, clock ran backwards */
	SIGNER_FAILURE_COUNT,
};
const char *signer_failure_code(enum signer_failure failure); /* "unknown_order", ... */

struct signer_failed {
	enum signer_failure failure;
	char detail[SIGNER_DETAIL_MAX + 1]; /* a sentence for people */
};
void signer_failed_encode(struct buf *out, const struct signer_failed *failed);
MUST_CHECK enum err signer_failed_decode(struct cursor in, struct signer_failed *failed);

/* Where custodians stand. */
struct signer_lock_state {
	int locked;
	uint8_t given, needed; /* shares; 0 of 0 before the first one */
	int64_t until_unix_s; /* unlocked until; 0: until the signer stops */
	char detail[SIGNER_DETAIL_MAX + 1]; /* why a share was refused; "" when it was taken */
};
void signer_lock_state_encode(struct buf *out, const struct signer_lock_state *state);
MUST_CHECK enum err signer_lock_state_decode(struct cursor in, struct signer_lock_state *state);

void signer_hello_encode(struct buf *out);
MUST_CHECK enum err signer_hello_decode(struct cursor in, uint16_t *version);

/* Who is at the other end: the front refuses to work with a signer of another CA. */
struct signer_welcome {
	uint16_t version;
	struct fingerprint issuing_ca; /* of the newest issuing CA's certificate */
	uint32_t open_orders;
	/* Of the generations whose keys it has: bit N - 1 for generation N. */
	uint8_t generations;
};
void signer_welcome_encode(struct buf *out, const struct signer_welcome *welcome);
MUST_CHECK enum err signer_welcome_decode(struct cursor in, struct signer_welcome *welcome);

struct signer_text {
	const char *text; /* not NUL-terminated; printable ASCII */
	size_t len;
};

struct signer_issue_row {
	struct mac mac;
	struct signer_text serial_number; /* of the device, 1..64 characters of PrintableString */
	const uint8_t *csr; /* DER */
	size_t csr_len; /* 1..SIGNER_CSR_MAX */
};

struct signer_issue {
	char order[STATEMENT_REFERENCE_MAX + 1];
	char station[STATEMENT_NAME_MAX + 1]; /* whom the front authenticated */
	struct fingerprint station_certificate;
	struct signer_issue_row rows[SIGNER_ROWS_MAX];
	size_t row_count;
};

/*
 * A request is begun with order and station, then rows are added until signer_issue_add() says
 * ERR_FULL: then the frame is full (bytes or rows), nothing was added and the row goes into the
 * next one. ERR_RANGE: the row itself is out of bounds. A request may hold one MAC only once;
 * the signer answers a repeated one as if it came later.
 */
void signer_issue_begin(struct buf *out, const char *order, const char *station,
    const struct fingerprint *station_certificate);
MUST_CHECK enum err signer_issue_add(struct buf *out, const struct signer_issue_row *row);
MUST_CHECK enum err signer_issue_decode(struct cursor in, struct signer_issue *issue);

/* What became of a row. Values are part of the protocol: append only. */
enum issue_outcome {
	ISSUE_ISSUED = 0, /* reserved in the ledger just now, and signed */
	/* Same order, MAC and key as before: the same TBS (serial, notBefore) signed again. The
	 * bytes that count are those on record in the database; these are for a record that was
	 * lost between reserving and storing. */
	ISSUE_EXISTING = 1,
	ISSUE_BAD_ROW = 2,
	ISSUE_BAD_CSR = 3,
	ISSUE_WEAK_KEY = 4,
	ISSUE_OUT_OF_RANGE = 5,
	ISSUE_ORDER_FULL = 6,
	ISSUE_ORDER_CLOSED = 7, /* closed, past its window, or not begun */
	ISSUE_MAC_HAS_OTHER_KEY = 8,
	ISSUE_KEY_REUSED = 9,
	ISSUE_REVOKED = 10,
	ISSUE_OUTCOME_COUNT,
};
/* The wire contract's row code: "issued", "existing", "bad_csr", "mac_has_other_key", ... */
const char *issue_outcome_code(enum issue_outcome outcome);
/* 1 for ISSUED and EXISTING. */
int issue_outcome_is_success(enum issue_outcome outcome);

struct signer_issued_row {
	struct mac mac;
	enum issue_outcome outcome;
	/* Of a success: */
	const uint8_t *certificate; /* DER */
	size_t certificate_len;
	uint8_t serial[SIGNER_SERIAL_LEN];
	uint8_t spki_sha256[SHA256_LEN];
	int64_t not_before_unix_s;
	uint8_t claim_code_hash[SHA256_LEN]; /* claim_code_hash() of common/pki/claim_hash.h */
	uint32_t claim_code_epoch;
	/* The code itself, of that epoch: for whoever finds another on record to ask for. */
	char claim_code[CLAIM_CODE_TEXT_LEN + 1];
	/* Of a refusal: a sentence that says what is wrong and what would be right. */
	struct signer_text detail;
};

/* One row alone, for messages that hold more beside it. */
void signer_issued_row_put(struct buf *out, const struct signer_issued_row *row);
void signer_issued_row_get(struct cursor *in, struct signer_issued_row *row);

struct signer_issued {
	int last; /* no frame of this answer follows */
	struct signer_issued_row rows[SIGNER_ROWS_MAX];
	size_t row_count;
};
/* The same manner: ERR_FULL means send this frame and begin the next. */
void signer_issued_begin(struct buf *out);
MUST_CHECK enum err signer_issued_add(struct buf *out, const struct signer_issued_row *row);
void signer_issued_mark_last(struct buf *out);
MUST_CHECK enum err signer_issued_decode(struct cursor in, struct signer_issued *issued);

struct signer_claim_row {
	struct mac mac; /* must lie in an order's range, open or closed */
	uint32_t epoch;
};
struct signer_claim_codes {
	struct signer_claim_row rows[SIGNER_ROWS_MAX];
	size_t row_count; /* 1..64 */
};
void signer_claim_codes_encode(struct buf *out, const struct signer_claim_codes *codes);
MUST_CHECK enum err signer_claim_codes_decode(struct cursor in, struct signer_claim_codes *codes);

struct signer_claim_text {
	struct mac mac;
	uint32_t epoch;
	int known; /* 0: no order covers the MAC; text is empty and the hash zero */
	char text[CLAIM_CODE_TEXT_LEN + 1]; /* "XXXXX-XXXXX-XXXX" */
	uint8_t hash[SHA256_LEN]; /* claim_code_hash(), for a rotated code */
};
struct signer_claim_texts {
	struct signer_claim_text rows[SIGNER_ROWS_MAX]; /* in the request's order */
	size_t row_count;
};
void signer_claim_texts_encode(struct buf *out, const struct signer_claim_texts *texts);
MUST_CHECK enum err signer_claim_texts_decode(struct cursor in, struct signer_claim_texts *texts);

enum statement_outcome {
	STATEMENT_ACCEPTED = 0, /* durable in the signer's journal */
	STATEMENT_EXISTING = 1, /* this very statement was accepted before */
	STATEMENT_REFUSED = 2,
	STATEMENT_OUTCOME_COUNT,
};
/* Codes of a refusal: "bad_statement" (does not parse), "bad_signature" (signature, certificate
 * chain, operator EKU or validity, an operator who was removed), "second_signature_needed",
 * "order_differs" (this reference names another order), "order_overlaps", "order_narrower" (an
 * extension that takes away), "order_closed", "unknown_order", "unknown_device" (a grant for a MAC
 * that no order covers), "signer_unavailable". */
struct signer_statement_outcome {
	enum statement_outcome outcome;
	char code[32];
	char detail[SIGNER_DETAIL_MAX + 1];
};
void signer_statement_outcome_encode(
    struct buf *out, const struct signer_statement_outcome *outcome);
MUST_CHECK enum err signer_statement_outcome_decode(
    struct cursor in, struct signer_statement_outcome *outcome);

void signer_order_state_encode(struct buf *out, const char *reference);
MUST_CHECK enum err signer_order_state_decode(
    struct cursor in, char reference[STATEMENT_REFERENCE_MAX + 1]);

struct signer_order_state {
	int closed; /* by a statement; the window is in the statement itself */
	uint32_t issued; /* distinct MACs on the ledger; 0 for an order closed before the start */
	uint8_t statement_sha256[SHA256_LEN]; /* of the canonical text that opened it */
};
void signer_order_state_is_encode(struct buf *out, const struct signer_order_state *state);
MUST_CHECK enum err signer_order_state_is_decode(
    struct cursor in, struct signer_order_state *state);

/* `known`: the number of a CRL of that generation that the peer has, 0 for none. */
void signer_crl_encode(struct buf *out, uint8_t generation, uint64_t known);
MUST_CHECK enum err signer_crl_decode(struct cursor in, uint8_t *generation, uint64_t *known);

struct signer_crl_part {
	int last;
	const uint8_t *bytes;
	size_t len;
};
void signer_crl_part_encode(struct buf *out, const struct signer_crl_part *part);
MUST_CHECK enum err signer_crl_part_decode(struct cursor in, struct signer_crl_part *part);

#endif
