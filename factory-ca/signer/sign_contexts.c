/* A stack of contexts under a lock. Runs in the signer, on any of its threads, and in commands. */
#include "factory-ca/signer/sign_contexts.h"

#include "common/base/err.h"

static EVP_PKEY_CTX *make(EVP_PKEY *pair, const EVP_MD *md)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pair, NULL);

	if (context && EVP_PKEY_sign_init(context) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(context, md) == 1)
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

EVP_PKEY_CTX *sign_contexts_take(
    struct sign_contexts *contexts, pthread_mutex_t *lock, EVP_PKEY *pair, const EVP_MD *md)
{
	EVP_PKEY_CTX *context = NULL;

	CHECK(pthread_mutex_lock(lock) == 0);
	if (contexts->count > 0)
		context = contexts->ready[--contexts->count];
	CHECK(pthread_mutex_unlock(lock) == 0);
	return context ? context : make(pair, md);
}

void sign_contexts_give_back(
    struct sign_contexts *contexts, pthread_mutex_t *lock, EVP_PKEY_CTX *context)
{
	CHECK(pthread_mutex_lock(lock) == 0);
	if (contexts->count < SIGN_CONTEXTS_MAX) {
		contexts->ready[contexts->count++] = context;
		context = NULL;
	}
	CHECK(pthread_mutex_unlock(lock) == 0);
	EVP_PKEY_CTX_free(context);
}

void sign_contexts_free(struct sign_contexts *contexts)
{
	while (contexts->count > 0)
		EVP_PKEY_CTX_free(contexts->ready[--contexts->count]);
}
