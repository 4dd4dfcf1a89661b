/*
 * What the database keeps of a claim code: a digest bound to phone and epoch.
 *
 * The signer makes it with the certificate, the portal makes it of what an ITSP typed and compares.
 * A code has 65 bits that nobody can choose, so that a plain digest is enough. Pure.
 */
#ifndef FIRSTRING_PKI_CLAIM_HASH_H
#define FIRSTRING_PKI_CLAIM_HASH_H

#include <stdint.h>

#include "common/base/claim_code.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"

/* SHA-256 of "firstring claim code v1" || MAC (6) || epoch (4, big-endian) || the 13 symbols. */
void claim_code_hash(
    const struct claim_code *code, const struct mac *mac, uint32_t epoch, uint8_t hash[SHA256_LEN]);

#endif
