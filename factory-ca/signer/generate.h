/*
 * Keys made here for phones that cannot make good ones: generated, encrypted to the station (CMS,
 * RFC 5652), forgotten. Rows and the station's certificate come from the front, which is not
 * believed: only a certificate of the line-access CA, with the station's usage, its name and
 * keyAgreement, is a recipient. Runs in the signer; nobody stores a key, the front never sees one.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_GENERATE_H
#define FIRSTRING_FACTORY_CA_SIGNER_GENERATE_H

#include <openssl/x509.h>

#include "factory-ca/signer/issue.h"
#include "factory-ca/signer/protocol_certify.h"

struct generator {
	const struct issuer *issuer;
	X509 *line_access_ca;
	const char *station_eku; /* dotted */
};

/* Appends the payload of SIGNER_GENERATED; or fills in `failed` (ERR_REFUSED), nothing is reserved
 * then but where the ledger or the key store failed. */
MUST_CHECK enum err generate_run(const struct generator *generator,
    const struct signer_generate *request, int64_t now_unix_s, struct buf *out,
    struct signer_failed *failed);

#endif
