/*
 * What front and signer say beside CSRs of phones: the OCSP responder's certificate, a station's
 * renewed, and keys that the signer makes for phones and encrypts to the station. The rest of the
 * vocabulary is protocol.h's. Pure; decoded blobs are borrowed from the payload.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_CERTIFY_H
#define FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_CERTIFY_H

#include "factory-ca/signer/protocol.h"

struct signer_blob {
	const uint8_t *bytes;
	size_t len; /* 0..SIGNER_CERTIFICATE_MAX */
};

/* SIGNER_OCSP_CERTIFICATE: the certificate that is published now, or nothing, of a generation: each
 * issuing CA delegates by a certificate of its own. For which key one is
 * made is the signer's configuration. SIGNER_OCSP_CERTIFICATE_IS: another one to publish, or
 * nothing while the known one will do. */
void signer_ocsp_certificate_encode(
    struct buf *out, uint8_t generation, const struct signer_blob *certificate);
MUST_CHECK enum err signer_ocsp_certificate_decode(
    struct cursor in, uint8_t *generation, struct signer_blob *certificate);

/* SIGNER_STATION_RENEW: the certificate that authenticated the station, and a CSR of the same
 * subject. */
struct signer_renew {
	struct signer_blob certificate, csr;
};
void signer_renew_encode(struct buf *out, const struct signer_renew *renew);
MUST_CHECK enum err signer_renew_decode(struct cursor in, struct signer_renew *renew);

/* SIGNER_STATION_RENEWED: the new certificate, or why there is none. */
struct signer_renewed {
	struct signer_blob certificate; /* empty: refused */
	char detail[SIGNER_DETAIL_MAX + 1];
};
void signer_renewed_encode(struct buf *out, const struct signer_renewed *renewed);
MUST_CHECK enum err signer_renewed_decode(struct cursor in, struct signer_renewed *renewed);

/* SIGNER_GENERATE: phones that cannot make a good key themselves. The certificate is the station's,
 * to which the keys are encrypted; the signer checks that it is one. */
enum {
	SIGNER_GENERATE_ROWS_MAX = 8, /* an RSA key takes a part of a second */
	SIGNER_ENCRYPTED_KEY_MAX = 6 * 1024,
};
struct signer_generate_row {
	struct mac mac;
	struct signer_text serial_number;
	uint8_t key_type; /* enum key_type; KEY_TYPE_COUNT: the first that the order has */
};
struct signer_generate {
	char order[STATEMENT_REFERENCE_MAX + 1];
	char station[STATEMENT_NAME_MAX + 1];
	struct signer_blob station_certificate;
	struct signer_generate_row rows[SIGNER_GENERATE_ROWS_MAX];
	size_t row_count; /* 1..8 */
};
void signer_generate_encode(struct buf *out, const struct signer_generate *generate);
MUST_CHECK enum err signer_generate_decode(struct cursor in, struct signer_generate *generate);

/* SIGNER_GENERATED, one frame: each row as in SIGNER_ISSUED, and of a success the key. */
struct signer_generated_row {
	struct signer_issued_row issued;
	struct signer_blob encrypted_key; /* CMS EnvelopedData of a PKCS #8 key, DER */
};
struct signer_generated {
	struct signer_generated_row rows[SIGNER_GENERATE_ROWS_MAX];
	size_t row_count;
};
void signer_generated_begin(struct buf *out);
void signer_generated_add(struct buf *out, const struct signer_generated_row *row);
MUST_CHECK enum err signer_generated_decode(struct cursor in, struct signer_generated *generated);

#endif
