/*
 * Certificates that are no phone's, as front and signer speak of them: the OCSP responder's, and a
 * station's renewed. The rest of the vocabulary is protocol.h's. Pure; decoded blobs are borrowed.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_CERTIFY_H
#define FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_CERTIFY_H

#include "factory-ca/signer/protocol.h"

struct signer_blob {
	const uint8_t *bytes;
	size_t len; /* 0..SIGNER_CERTIFICATE_MAX */
};

/* SIGNER_OCSP_CERTIFICATE: the certificate that is published now, or nothing. For which key one is
 * made is the signer's configuration. SIGNER_OCSP_CERTIFICATE_IS: another one to publish, or
 * nothing while the known one will do. */
void signer_ocsp_certificate_encode(struct buf *out, const struct signer_blob *certificate);
MUST_CHECK enum err signer_ocsp_certificate_decode(
    struct cursor in, struct signer_blob *certificate);

#endif
