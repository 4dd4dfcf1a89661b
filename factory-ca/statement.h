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
 * with these keys in this order, one spelling for each value, and nothing else. A reference is
 * used once and for ever, so that a statement replayed changes nothing. Pure.
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
#include "common/pki/key_type.h"

enum {
	STATEMENT_REFERENCE_MAX = 64, /* [A-Za-z0-9._-]{1,64} */
	STATEMENT_MODEL_MAX = 32, /* [A-Za-z0-9._-]{1,32} */
	STATEMENT_NAME_MAX = 64, /* station and operator names: [A-Za-z0-9._-]{1,64} */
	STATEMENT_STATIONS_MAX = 32,
	STATEMENT_QUANTITY_MAX = 16777216, /* the MACs of one OUI */
	STATEMENT_TEXT_MAX = 4096,
};

enum statement_type { STATEMENT_ORDER_OPEN, STATEMENT_ORDER_CLOSE, STATEMENT_TYPE_COUNT };

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
	/* The rest only for STATEMENT_ORDER_OPEN. */
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

struct statement {
	enum statement_type type;
	struct statement_order order;
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

/* A statement on its way. Owns its bytes: signed_statement_free(). */
struct signed_statement {
	struct buf text; /* canonical */
	struct buf certificate; /* the operator's, DER */
	struct buf signature; /* over `text`, SHA-256 with the operator's key */
};
void signed_statement_free(struct signed_statement *signed_statement);

/* Prints and signs. The struct must be empty. ERR_RANGE: see statement_print. */
MUST_CHECK enum err statement_sign(const struct statement *statement, X509 *operator_certificate,
    EVP_PKEY *operator_key, struct signed_statement *signed_statement, char *why, size_t why_len);

/*
 * ERR_SIGNATURE: the certificate is not directly under `line_access_ca`, is not valid at
 * `now_unix_s`, lacks the operator EKU (dotted OID), or the signature does not fit; ERR_SYNTAX:
 * the text is no statement. `why` says which. On success `statement` is what was signed.
 */
MUST_CHECK enum err statement_verify(const struct signed_statement *signed_statement,
    X509 *line_access_ca, const char *operator_eku, int64_t now_unix_s, struct statement *statement,
    char *why, size_t why_len);

/* The operator's name (CN of the certificate); "" when it has none. For logs and the database. */
void signed_statement_operator(
    const struct signed_statement *signed_statement, char name[STATEMENT_NAME_MAX + 1]);

/* The one binary form, in IPC frames, HTTP bodies and the journal: three blobs {u16 length, bytes}.
 * Decoding copies; trailing bytes are ERR_SYNTAX. */
void signed_statement_encode(struct buf *out, const struct signed_statement *signed_statement);
MUST_CHECK enum err signed_statement_decode(
    struct cursor in, struct signed_statement *signed_statement);

#endif
