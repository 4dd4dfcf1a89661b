/*
 * A phone's public key: which kind it is, and whether it is one of the known-weak ones.
 *
 * The SubjectPublicKeyInfo comes from a CSR: hostile. Accepted are uncompressed points on P-256
 * and P-384, and RSA of exactly 2048 or 3072 bits. Pure. It cannot see a key that two phones
 * share: the ledger and the database do.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_PUBLIC_KEY_H
#define FIRSTRING_FACTORY_CA_SIGNER_PUBLIC_KEY_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/pki/key_type.h"

struct public_key {
	enum key_type type;
	const uint8_t *bits; /* content of subjectPublicKey: the point, or the RSAPublicKey */
	size_t bits_len;
	const uint8_t *modulus, *exponent; /* RSA only, big-endian without sign octet */
	size_t modulus_len, exponent_len;
};

/* Reads one SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), all borrowed. ERR_SYNTAX: it is none;
 * ERR_RANGE: of a kind or size that is not taken; ERR_WEAK_KEY: too short, or known to be weak.
 * `why` gets a literal sentence. */
MUST_CHECK enum err public_key_parse(
    const void *spki, size_t len, struct public_key *key, const char **why);

/* As an OpenSSL key (EVP_PKEY_free). ERR_WEAK_KEY: the point is not on its curve. */
MUST_CHECK enum err public_key_to_evp(const struct public_key *key, EVP_PKEY **pkey);

/* 1 when the modulus has the structure of CVE-2017-15361 (ROCA). */
int public_key_is_roca(const uint8_t *modulus, size_t len);

#endif
