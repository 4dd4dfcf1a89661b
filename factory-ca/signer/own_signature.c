/*
 * One key's signatures, looked at again and again: with p256.c's tables once they pay, else by
 * EVP_DigestVerify(). Pure.
 */
#include "factory-ca/signer/own_signature.h"

#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>

struct own_signature {
	EVP_PKEY *key;
	unsigned expected;
	_Atomic(struct p256_tables *) tables; /* NULL: none yet, or none for this key */
};

struct own_signature *own_signature_new(EVP_PKEY *key)
{
	struct own_signature *own = calloc(1, sizeof(*own));

	CHECK(own != NULL && EVP_PKEY_up_ref(key) == 1);
	own->key = key;
	return own;
}

void own_signature_free(struct own_signature *own)
{
	if (!own)
		return;
	p256_tables_free(atomic_load(&own->tables));
	EVP_PKEY_free(own->key);
	free(own);
}

int own_signature_is_of(const struct own_signature *own, const EVP_PKEY *key)
{
	return own->key == key;
}

void own_signature_expect(struct own_signature *own)
{
	if (own->expected >= OWN_SIGNATURE_TABLE_AFTER)
		return;
	if (++own->expected == OWN_SIGNATURE_TABLE_AFTER)
		atomic_store(&own->tables, p256_tables_new(own->key));
}

const struct p256_tables *own_signature_tables(struct own_signature *own)
{
	return atomic_load(&own->tables);
}

enum err own_signature_verify(struct own_signature *own, const EVP_MD *digest, const void *bytes,
    size_t len, const void *signature, size_t signature_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	enum err err = ERR_SIGNATURE;

	if (context && EVP_DigestVerifyInit(context, NULL, digest, NULL, own->key) == 1 &&
	    EVP_DigestVerify(context, signature, signature_len, bytes, len) == 1)
		err = ERR_OK;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return err;
}
