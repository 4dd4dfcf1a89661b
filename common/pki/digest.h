/* SHA-256 and HMAC-SHA256 in one call, and the fingerprint type made of it. Pure. */
#ifndef FIRSTRING_PKI_DIGEST_H
#define FIRSTRING_PKI_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { SHA256_LEN = 32 };

/* SHA-256 of a certificate's DER: its name in the databases. */
struct fingerprint {
	uint8_t bytes[SHA256_LEN];
};

void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_LEN]);
void hmac_sha256(
    const void *key, size_t key_len, const void *bytes, size_t len, uint8_t digest[SHA256_LEN]);

#endif
