/*
 * An issuing CA's CRL, from the signer onto the record: fetched in parts, put into the database,
 * handed to the caller. Runs in the front's processes; the bytes are the signer's.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_CRL_PUBLISH_H
#define FIRSTRING_FACTORY_CA_FRONT_CRL_PUBLISH_H

#include "common/db/pg.h"
#include "factory-ca/crl_files.h"
#include "factory-ca/front/signer_client.h"

/* ERR_OK: it is on record; der is borrowed, and empty when the signer has nothing newer than what
 * is known. ERR_UNAVAILABLE: signer or database; ERR_IO: our own mistake, logged. */
typedef void crl_publish_fn(
    enum err err, const struct buf *der, const struct crl_info *info, void *ctx);

struct crl_publish {
	struct pg *pg;
	struct signer_client *signer;
	unsigned generation; /* of the issuing CA */
	int64_t known; /* number of the CRL that the caller has; 0: none */
	/* Appends the four parameters that say who did it. */
	void (*put_actor)(struct pg_params *params, void *ctx);
	crl_publish_fn *done; /* once, never from within */
	void *ctx;
};
/* Copies `request`. */
void crl_publish_start(const struct crl_publish *request);

#endif
