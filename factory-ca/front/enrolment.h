/*
 * One phone's enrolment: what a station asked for, and what came of it. The same struct whether it
 * came as a batch row or by EST, and what the renderers write from.
 *
 * Everything above the outcome is hostile until batch_row.c or est.c has checked it. The
 * claim code proves possession of the box: it is wiped on free and has no place in a log.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_ENROLMENT_H
#define FIRSTRING_FACTORY_CA_FRONT_ENROLMENT_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/claim_code.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"
#include "factory-ca/signer/csr.h"
#include "factory-ca/signer/protocol.h"

enum {
	ENROLMENT_CSR_MAX =
	    4096, /* DER; an RSA-3072 request with a few attributes is under 1,000 */
	ENROLMENT_DETAIL_MAX = 240,
	ENROLMENT_MAC_ECHO_MAX = 32,
};

enum enrolment_status { ENROLMENT_PENDING, ENROLMENT_ISSUED, ENROLMENT_EXISTING, ENROLMENT_ERROR };

/* The row codes of the wire contract, and none for a row that is no error. */
enum enrolment_code {
	ENROLMENT_CODE_NONE,
	ENROLMENT_BAD_ROW,
	ENROLMENT_BAD_CSR,
	ENROLMENT_WEAK_KEY,
	ENROLMENT_OUT_OF_RANGE,
	ENROLMENT_ORDER_FULL,
	ENROLMENT_ORDER_CLOSED,
	ENROLMENT_MAC_HAS_OTHER_KEY,
	ENROLMENT_KEY_REUSED,
	ENROLMENT_REVOKED,
	ENROLMENT_CODE_COUNT,
};

struct enrolment {
	uint32_t row; /* counted from 1 over the lines that are not blank; 0 outside a batch */
	const char *request_id; /* for the log, where it is not the call's; borrowed */
	int has_mac;
	struct mac mac;
	char mac_echo[ENROLMENT_MAC_ECHO_MAX +
		      1]; /* what stood there, where it is no MAC; "" else */
	char serial_number[CSR_SERIAL_NUMBER_MAX + 1];
	int server_key; /* the signer makes the key; there is no CSR then */
	/* enum key_type. Of a server key KEY_TYPE_COUNT is the order's first, of a CSR none that is
	 * taken. */
	unsigned key_type;
	struct buf csr; /* DER */
	uint8_t spki_sha256[SHA256_LEN];

	enum enrolment_status status;
	enum enrolment_code code;
	int has_odd_key; /* refused for its kind or size alone: no weak key, though the code says so
			  */
	char detail[ENROLMENT_DETAIL_MAX];
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct buf certificate; /* DER */
	struct buf encrypted_key; /* of a server key: CMS EnvelopedData, DER, for the station */
	uint32_t claim_code_epoch; /* on record */
	int has_no_code; /* a transfer made the last one void; "code --rotate" makes the next */
	char claim_code[CLAIM_CODE_TEXT_LEN + 1];
};

/* "issued", "existing", "error". */
const char *enrolment_status_name(enum enrolment_status status);
/* "bad_row" and so on; "" for none. */
const char *enrolment_code_name(enum enrolment_code code);

/* Makes it an error with a sentence for the engineer at the line. */
void enrolment_refuse(struct enrolment *enrolment, enum enrolment_code code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
/* Refuses what csr_parse() did not take: its error, and a sentence. */
void enrolment_refuse_csr(struct enrolment *enrolment, enum err err, const char *why);
/* 1 when somebody should look at who sent it: a weak key, or one that two phones have; not a good
 * key of a kind that the order does not take. */
int enrolment_is_suspicious(const struct enrolment *enrolment, uint32_t order_key_types);
/* Wipes and frees what it holds; the struct itself is the caller's. */
void enrolment_free(struct enrolment *enrolment);

#endif
