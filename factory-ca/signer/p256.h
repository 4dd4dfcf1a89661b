/*
 * ECDSA verification on P-256 with SHA-256 (FIPS 186-4 section 6.4), several signatures at a time.
 *
 * OpenSSL does the arithmetic of the curve. What is done together is the one inversion that each
 * signature needs, and no lock of the library is taken, nor a count that threads share: so several
 * threads verify at full speed, and each signature costs three quarters of an EVP_DigestVerify().
 * For a public key that is met again and again there are tables, with which it costs a third.
 * Keys and signatures may be hostile. Pure; runs in the signer.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_P256_H
#define FIRSTRING_FACTORY_CA_SIGNER_P256_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pki/digest.h"

enum { P256_POINT_LEN = 65, P256_BATCH_MAX = 16 };

/* Multiples of one public key's point. They never change. */
struct p256_tables;
/* NULL when the key is none of P-256. Takes some milliseconds. */
struct p256_tables *p256_tables_new(EVP_PKEY *key);
void p256_tables_free(struct p256_tables *tables);

enum p256_verdict { P256_BAD_SIGNATURE, P256_BAD_POINT, P256_GOOD };

/* One signature to be looked at. Borrowed. */
struct p256_claim {
	const struct p256_tables *tables; /* of the key; NULL: see `point` */
	const uint8_t *point; /* the key, P256_POINT_LEN octets, uncompressed */
	uint8_t digest[SHA256_LEN];
	const uint8_t *signature; /* DER, and nothing behind it */
	size_t signature_len;
	enum p256_verdict verdict; /* the answer */
};

/* At most P256_BATCH_MAX. The verdict on each is what it would be alone. */
void p256_verify(struct p256_claim *claims, size_t count);

#endif
