/*
 * Contexts of OpenSSL that are ready to sign with one key, kept for the next signature.
 *
 * Making one costs a fifth of a signature, and more where several threads make them at once. Each
 * is used by one thread at a time. They hold the key: who forgets it frees them first. Used by the
 * key store of sealed files.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_SIGN_CONTEXTS_H
#define FIRSTRING_FACTORY_CA_SIGNER_SIGN_CONTEXTS_H

#include <openssl/evp.h>
#include <pthread.h>
#include <stddef.h>

enum { SIGN_CONTEXTS_MAX = 64 };

/* Zeros are none. Under the lock that each call is given. */
struct sign_contexts {
	EVP_PKEY_CTX *ready[SIGN_CONTEXTS_MAX];
	size_t count;
};

/* One that nobody else has, until it is given back; NULL: the library failed. */
EVP_PKEY_CTX *sign_contexts_take(
    struct sign_contexts *contexts, pthread_mutex_t *lock, EVP_PKEY *pair, const EVP_MD *md);
void sign_contexts_give_back(
    struct sign_contexts *contexts, pthread_mutex_t *lock, EVP_PKEY_CTX *context);
/* While nobody signs. */
void sign_contexts_free(struct sign_contexts *contexts);

#endif
