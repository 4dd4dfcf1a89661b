/*
 * A TBSCertificate that was just built, read back and held against the profile before it is signed.
 *
 * Written apart from profile.c and from x509_write.c, from the text of the profile: what both get
 * wrong in the same way is not found, all else is. Nothing but a phone's certificate passes: no CA,
 * no other usage, no other subject, no extension more or less. Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_PROFILE_LINT_H
#define FIRSTRING_FACTORY_CA_SIGNER_PROFILE_LINT_H

#include "common/base/err.h"
#include "factory-ca/signer/profile.h"

/* ERR_REFUSED: `why` (a literal) says what is not as it must be. Must not happen. */
MUST_CHECK enum err profile_lint(const struct profile *profile, const struct profile_device *device,
    const void *tbs, size_t tbs_len, const char **why);

#endif
