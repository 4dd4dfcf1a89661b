/*
 * PKCS#10 certification requests (RFC 2986), read with our own DER reader.
 *
 * The bytes come from phones through stations: hostile. Taken out: CN, serialNumber, public key.
 * Checked: key type and size, known-weak keys, proof of possession. Everything else a CSR can ask
 * for (extensions, other names) is ignored, and never copied into a certificate. Pure; runs in the
 * signer, and in the front to learn MAC and serial number of an EST request.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_CSR_H
#define FIRSTRING_FACTORY_CA_SIGNER_CSR_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"
#include "common/pki/key_type.h"

enum { CSR_SERIAL_NUMBER_MAX = 64, CSR_WHY_LEN = 200 };

struct csr {
	struct mac mac; /* from CN, in any of the usual spellings */
	/* "" when the subject has none; else PrintableString characters but for , / + and \ */
	char serial_number[CSR_SERIAL_NUMBER_MAX + 1];
	enum key_type key_type;
	const uint8_t *spki; /* SubjectPublicKeyInfo, DER, borrowed from the input */
	size_t spki_len;
	uint8_t spki_sha256[SHA256_LEN];
};

/*
 * Parses without checking the signature: enough to learn who asks. ERR_SYNTAX: it is no CSR, or
 * its subject is not one CN that is a MAC and at most one serialNumber; ERR_RANGE: the key is of no
 * accepted type; ERR_WEAK_KEY: it is too short, or a known-weak one. `why` (CSR_WHY_LEN) gets a
 * sentence.
 */
MUST_CHECK enum err csr_parse(const void *der, size_t len, struct csr *csr, char *why);
/* The same, and the proof of possession: ERR_SIGNATURE when it does not verify. */
MUST_CHECK enum err csr_verify(const void *der, size_t len, struct csr *csr, char *why);

/* Several at once, which costs less. Each has its own answer, as csr_verify() would give it. */
enum { CSR_BATCH_MAX = 16 };
struct csr_request {
	const void *der;
	size_t len;
	enum err err; /* the answer; */
	struct csr csr; /* ERR_OK */
	char why[CSR_WHY_LEN]; /* else */
};
void csr_verify_all(struct csr_request *requests, size_t count);

/* Who asks, where the key and the signature do not count (EST serverkeygen, RFC 7030
 * section 4.4.1): key_type is that of the CSR's key, or KEY_TYPE_COUNT for one that we would not
 * accept; the key itself is not told. ERR_SYNTAX. */
MUST_CHECK enum err csr_parse_subject(const void *der, size_t len, struct csr *csr, char *why);

/* 1 when the text can stand as serialNumber in a certificate of ours: 1..64 PrintableString
 * characters without comma, slash, plus (ITSPs parse the one-line subject). */
int csr_serial_number_is_valid(const char *text, size_t len);

#endif
