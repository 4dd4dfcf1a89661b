/*
 * A CRL as a file for everybody: what it says of itself, and how it gets into published_dir. Used
 * by the front's publisher and by the commands; the bytes are the signer's.
 */
#ifndef FIRSTRING_FACTORY_CA_CRL_FILES_H
#define FIRSTRING_FACTORY_CA_CRL_FILES_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "factory-ca/config.h"
#include "factory-ca/signer/generation.h"

enum { CRL_FILE_MAX = 64 * 1024 * 1024 };

struct crl_info {
	int64_t number; /* cRLNumber */
	int64_t this_update_unix_s, next_update_unix_s;
	size_t entries;
};
/* ERR_SYNTAX: it is no CRL of ours. */
MUST_CHECK enum err crl_info_read(const struct buf *der, struct crl_info *info);

/*
 * Puts the CRL of an issuing CA of that generation into published_dir, and the CRLs of all and of
 * the root as PEM into crls.pem. One with a
 * lower number than the file's is left alone (ERR_EXISTS). ERR_IO with errno.
 */
MUST_CHECK enum err crl_files_write(
    const struct factory_config *config, unsigned generation, const struct buf *der);

#endif
