/*
 * Signed statements: how operators tell the signer what may be made.
 *
 * A statement is a short canonical text, signed with an operator's key; it travels as text,
 * operator certificate and signature. The command line makes it, the front passes it on, the
 * signer alone decides (and keeps it in its journal). The text reads
 *
 *     firstring statement 1
 *     type: order-open
 *     reference: PO-2017-001
 *     model: T1
 *     profile: device-1
 *     key-types: p256,rsa2048
 *     first-mac: 001565AA0000
 *     quantity: 1000
 *     opens: 2017-05-01T00:00:00Z
 *     closes: none
 *     stations: line-1,line-2
 *
 * with these keys in this order, one spelling for each value, and nothing else. The other kinds:
 *
 *     type: order-close             type: rekey                   type: revoke
 *     reference: PO-2017-001        mac: 001565AA0001             mac: 001565AA0001
 *                                   grant: <32 hex digits>        serial: <32 hex digits>
 *     type: order-extend            reason: display replaced      reason: keyCompromise
 *     reference: PO-2017-001                                      note: stolen from the line
 *     quantity: 1200                type: operator-remove
 *     closes: 2017-07-01T00:00:00Z  operator: <64 hex digits>     type: ledger-restore
 *                                                                 records: 123456
 *                                                                 record-chain: <64 hex digits>
 *                                                                 journal-chain: <64 hex digits>
 *                                                                 witness-chain: <64 hex digits>
 *
 * A statement replayed changes nothing: a reference is used once and for ever, an extension only
 * widens, a grant counts by its own random number, what is revoked or removed stays so. One
 * operator signs, or two where the signer asks for it. Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_STATEMENT_H
#define FIRSTRING_FACTORY_CA_STATEMENT_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"
#include "common/pki/key_type.h"
#include "common/pki/revocation.h"

enum {
	STATEMENT_REFERENCE_MAX = 64, /* [A-Za-z0-9._-]{1,64} */
	STATEMENT_MODEL_MAX = 32, /* [A-Za-z0-9._-]{1,32} */
	STATEMENT_NAME_MAX = 64, /* station and operator names: [A-Za-z0-9._-]{1,64} */
	STATEMENT_STATIONS_MAX = 32,
	STATEMENT_QUANTITY_MAX = 16777216, /* the MACs of one OUI */
	STATEMENT_TEXT_MAX = 4096,
	STATEMENT_NOTE_MAX = 120, /* printable ASCII, no space at either end */
	STATEMENT_SERIAL_LEN = 16, /* octets of a certificate's serial number */
	STATEMENT_GRANT_LEN = 16,
	STATEMENT_SIGNATURES_MAX = 2,
};

#define STATEMENT_FIRST_LINE "firstring statement 1\n"

enum statement_type {
	STATEMENT_ORDER_OPEN,
	STATEMENT_ORDER_CLOSE,
	STATEMENT_ORDER_EXTEND,
	STATEMENT_REKEY, /* one MAC may have one certificate for another key, once */
	STATEMENT_REVOKE,
	STATEMENT_OPERATOR_REMOVE,
	STATEMENT_LEDGER_RESTORE, /* the ledger as it is counts, though it is older than known */
	STATEMENT_TYPE_COUNT
};
/* "order-open", "rekey", ... */
const char *statement_type_name(enum statement_type type);
/* 1 when it is about an order, named by its reference. */
int statement_is_of_order(enum statement_type type);

/* Which fields a certificate has. "device-1": the full profile; "device-1-compat": without the
 * otherNames in subjectAltName; "device-1-encrypt": the full profile with a key that answers can be
 * encrypted to as well. */
enum certificate_profile {
	CERTIFICATE_DEVICE_1,
	CERTIFICATE_DEVICE_1_COMPAT,
	CERTIFICATE_DEVICE_1_ENCRYPT,
	CERTIFICATE_PROFILE_COUNT
};
const char *certificate_profile_name(enum certificate_profile profile);
MUST_CHECK enum err certificate_profile_parse(
    const char *text, size_t len, enum certificate_profile *profile);

#define STATEMENT_NO_TIME INT64_MIN /* "none" */

struct statement_order {
	char reference[STATEMENT_REFERENCE_MAX + 1];
	/* The rest only for STATEMENT_ORDER_OPEN, but for quantity and closes, which an extension
	 * has too: the order's new ones. */
	char model[STATEMENT_MODEL_MAX + 1];
	enum certificate_profile profile;
	uint32_t key_types; /* bit 1 << enum key_type; at least one */
	struct mac first_mac;
	uint32_t quantity; /* 1..STATEMENT_QUANTITY_MAX; the range ends within 2^48 */
	int64_t opens_unix_s, closes_unix_s; /* or STATEMENT_NO_TIME; opens < closes */
	/* Sorted by the printer; 0 stations means "any". */
	char stations[STATEMENT_STATIONS_MAX][STATEMENT_NAME_MAX + 1];
	size_t station_count;
};

/* Where a ledger that was put back from a backup ends. */
struct statement_ledger {
	uint64_t record_count;
	uint8_t record_chain[SHA256_LEN], journal_chain[SHA256_LEN];
	uint8_t witness_chain[SHA256_LEN]; /* of records as last seen; zeros: not known */
};

struct statement {
	enum statement_type type;
	struct statement_order order; /* of the three kinds of an order */
	struct mac mac; /* REKEY, REVOKE */
	uint8_t grant[STATEMENT_GRANT_LEN]; /* REKEY: random; one grant, one statement */
	uint8_t serial[STATEMENT_SERIAL_LEN]; /* REVOKE: of the certificate */
	enum revocation_reason reason; /* REVOKE */
	char note[STATEMENT_NOTE_MAX + 1]; /* REKEY, REVOKE: why, for people; REVOKE: may be "" */
	struct fingerprint operator_certificate; /* OPERATOR_REMOVE */
	struct statement_ledger ledger; /* LEDGER_RESTORE */
};

/* 1 when the text matches [A-Za-z0-9._-]{1,max}: references, models, names. */
int statement_word_is_valid(const char *text, size_t len, size_t max);

/* Appends the canonical text. ERR_RANGE with `why` when a value is out of bounds (what the command
 * line shows), nothing is appended then. */
MUST_CHECK enum err statement_print(
    const struct statement *statement, struct buf *out, char *why, size_t why_len);
/* Strict: only what statement_print() writes, byte for byte. `why` says line and reason. */
MUST_CHECK enum err statement_parse(
    const char *text, size_t len, struct statement *statement, char *why, size_t why_len);

/* 1 when the order names the station, or any. */
int statement_allows_station(const struct statement_order *order, const char *station);
/* 1 when the two orders have a MAC in common. */
int statement_orders_overlap(const struct statement_order *a, const struct statement_order *b);

/* 1 when the text can stand as a note: see STATEMENT_NOTE_MAX. */
int statement_note_is_valid(const char *text, size_t len);

/* A statement on its way. Owns its bytes: signed_statement_free(). */
struct statement_signature {
	struct buf certificate; /* the operator's, DER */
	struct buf signature; /* over the text, SHA-256 with the operator's key */
};
struct signed_statement {
	struct buf text; /* canonical */
	struct statement_signature by[STATEMENT_SIGNATURES_MAX];
	size_t signature_count; /* 1 or 2 */
};
void signed_statement_free(struct signed_statement *signed_statement);

/* Adds a second operator's signature. ERR_EXISTS: there are two, or the first is of the same
 * person (name) or key; ERR_SIGNATURE: key and certificate do not belong together. */
MUST_CHECK enum err statement_sign_too(struct signed_statement *signed_statement,
    X509 *operator_certificate, EVP_PKEY *operator_key, char *why, size_t why_len);

/* Prints and signs. The struct must be empty. ERR_RANGE: see statement_print. */
MUST_CHECK enum err statement_sign(const struct statement *statement, X509 *operator_certificate,
    EVP_PKEY *operator_key, struct signed_statement *signed_statement, char *why, size_t why_len);

/*
 * ERR_SIGNATURE: a certificate is not directly under `line_access_ca`, is not valid at
 * `now_unix_s`, lacks the operator EKU (dotted OID), a signature does not fit, or both are of one
 * person; ERR_SYNTAX: the text is no statement. `why` says which. On success `statement` is what
 * was signed, by signature_count operators.
 */
MUST_CHECK enum err statement_verify(const struct signed_statement *signed_statement,
    X509 *line_access_ca, const char *operator_eku, int64_t now_unix_s, struct statement *statement,
    char *why, size_t why_len);

/* The name of who made a signature (CN of the certificate); "" when it has none. For logs and
 * people. */
void statement_signer_name(
    const struct statement_signature *signature, char name[STATEMENT_NAME_MAX + 1]);
/* SHA-256 of his certificate. */
struct fingerprint statement_signer(const struct statement_signature *signature);

/* 0 when the certificate is directly under `ca` and valid at that moment; else ERR_SIGNATURE with
 * `why`. `whose`: "operator's", "station's". */
MUST_CHECK enum err line_certificate_verify(
    X509 *certificate, X509 *ca, int64_t now_unix_s, const char *whose, char *why, size_t why_len);
/* 1 when it has that extended key usage (dotted OID). */
int line_certificate_has_usage(X509 *certificate, const char *dotted);

/* The one binary form, in IPC frames, HTTP bodies, files and the journal: blobs {u16 length,
 * bytes}: the text, then certificate and signature once or twice. Decoding copies; trailing bytes
 * are ERR_SYNTAX. */
void signed_statement_encode(struct buf *out, const struct signed_statement *signed_statement);
MUST_CHECK enum err signed_statement_decode(
    struct cursor in, struct signed_statement *signed_statement);

#endif
