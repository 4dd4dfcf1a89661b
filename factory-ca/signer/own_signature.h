/*
 * Looking at signatures of our own keys before they leave: a fault while signing would give a key
 * away with the bad signature.
 *
 * The same public key again and again: after some hundred on P-256, multiples of its point are kept
 * in a table, which halves the cost. Every other key is OpenSSL's business alone. All inputs are
 * public or ours; a wrong verdict here can only keep a good certificate back, or let out one that
 * every verifier will refuse. Pure; used by the signer and the ceremony's commands.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_OWN_SIGNATURE_H
#define FIRSTRING_FACTORY_CA_SIGNER_OWN_SIGNATURE_H

#include <openssl/evp.h>
#include <stddef.h>

#include "common/base/err.h"
#include "factory-ca/signer/p256.h"

enum { OWN_SIGNATURE_TABLE_AFTER = 100 };

struct own_signature;

/* For one public key, which is kept. */
struct own_signature *own_signature_new(EVP_PKEY *key);
void own_signature_free(struct own_signature *own);
/* 1 when it is for this very object. */
int own_signature_is_of(const struct own_signature *own, const EVP_PKEY *key);

/* One more signature is to be looked at: the table is made when it will pay. One thread at a time.
 */
void own_signature_expect(struct own_signature *own);
/* For p256_verify(), which any number of threads may do; NULL: there is none, and
 * own_signature_verify() is left. */
const struct p256_tables *own_signature_tables(struct own_signature *own);
/* OpenSSL's word. ERR_SIGNATURE: the signature (DER) over the bytes does not verify with that
 * digest. */
MUST_CHECK enum err own_signature_verify(struct own_signature *own, const EVP_MD *digest,
    const void *bytes, size_t len, const void *signature, size_t signature_len);

#endif
