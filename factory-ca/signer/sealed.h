/*
 * Sealing a secret under a passphrase or under a key: scrypt (RFC 7914), then AES-256-GCM.
 *
 * Key files and custodians' shares are made of this; each says in its own header what the
 * parameters are, and binds the header as associated data. Pure but for OpenSSL's work.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_SEALED_H
#define FIRSTRING_FACTORY_CA_SIGNER_SEALED_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"

enum {
	SEALED_KEK_LEN = 32,
	SEALED_SALT_LEN = 16,
	SEALED_NONCE_LEN = 12,
	SEALED_TAG_LEN = 16,
	SEALED_MAX = 4096,
	SEALED_SCRYPT_R = 8,
	SEALED_SCRYPT_P = 1,
};

/* The key that the passphrase gives; 128 * 2^log2_n * r bytes of memory are worked on. ERR_CRYPTO.
 */
MUST_CHECK enum err sealed_derive(const struct secret *passphrase,
    const uint8_t salt[SEALED_SALT_LEN], unsigned log2_n, struct secret *kek);

/* Appends ciphertext and tag. `associated` may be `out` as it is before. */
MUST_CHECK enum err sealed_put(const struct secret *kek, const uint8_t nonce[SEALED_NONCE_LEN],
    const struct buf *associated, const struct secret *plain, struct buf *out);
/* `sealed` is sealed_len bytes of ciphertext and the tag. ERR_SIGNATURE: another key, or altered.
 */
MUST_CHECK enum err sealed_open(const struct secret *kek, const uint8_t nonce[SEALED_NONCE_LEN],
    const uint8_t *associated, size_t associated_len, const uint8_t *sealed, size_t sealed_len,
    struct secret *plain);

#endif
