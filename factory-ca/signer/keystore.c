/*
 * What every key store has in common: the names of the keys, and the way to the back-end. No key
 * material passes here. Runs in the signer and in the ceremony's commands.
 */
#include "factory-ca/signer/keystore.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>

#include "factory-ca/signer/key_uses.h"
#include "factory-ca/signer/own_signature.h"

static const struct {
	const char *name;
	enum ca_key_algorithm algorithm;
} keys[CA_KEY_COUNT] = {
    [CA_KEY_ROOT] = {"root", CA_ALGORITHM_P384},
    [CA_KEY_ISSUING] = {"issuing", CA_ALGORITHM_P256},
    [CA_KEY_LINE_ACCESS] = {"line-access", CA_ALGORITHM_P256},
    [CA_KEY_CLAIM_CODE] = {"claim-code", CA_ALGORITHM_HMAC_SHA256},
    [CA_KEY_ISSUING_2] = {"issuing-2", CA_ALGORITHM_P256},
    [CA_KEY_ISSUING_3] = {"issuing-3", CA_ALGORITHM_P256},
    [CA_KEY_ISSUING_4] = {"issuing-4", CA_ALGORITHM_P256},
    [CA_KEY_ISSUING_5] = {"issuing-5", CA_ALGORITHM_P256},
    [CA_KEY_ISSUING_6] = {"issuing-6", CA_ALGORITHM_P256},
    [CA_KEY_ISSUING_7] = {"issuing-7", CA_ALGORITHM_P256},
    [CA_KEY_ISSUING_8] = {"issuing-8", CA_ALGORITHM_P256},
};

const char *ca_key_name(enum ca_key key)
{
	CHECK(key < CA_KEY_COUNT);
	return keys[key].name;
}

enum ca_key_algorithm ca_key_algorithm(enum ca_key key)
{
	CHECK(key < CA_KEY_COUNT);
	return keys[key].algorithm;
}

const char *ca_key_algorithm_name(enum ca_key_algorithm algorithm)
{
	switch (algorithm) {
	case CA_ALGORITHM_P256:
		return "p256";
	case CA_ALGORITHM_P384:
		return "p384";
	case CA_ALGORITHM_HMAC_SHA256:
		break;
	}
	return "hmac-sha256";
}

void keystore_begin(struct keystore *store, const struct keystore_backend *backend)
{
	store->backend = backend;
	CHECK(pthread_mutex_init(&store->lock, NULL) == 0);
}

void keystore_free(struct keystore *store)
{
	int i;

	if (!store)
		return;
	key_uses_free(store->uses);
	for (i = 0; i < CA_KEY_COUNT; i++)
		keystore_forget_own(store, (enum ca_key)i);
	pthread_mutex_destroy(&store->lock);
	store->backend->free(store);
}

void keystore_forget_own(struct keystore *store, enum ca_key key)
{
	own_signature_free(store->own[key]);
	store->own[key] = NULL;
}

enum err keystore_count_uses(struct keystore *store, const char *path, char *why)
{
	CHECK(store->uses == NULL);
	return key_uses_open(path, &store->uses, why);
}

static void count_use(struct keystore *store, enum ca_key key)
{
	if (store->uses)
		key_uses_add(store->uses, key);
}

enum err keystore_generate(struct keystore *store, enum ca_key key, char *why)
{
	CHECK(key < CA_KEY_COUNT);
	return store->backend->generate(store, key, why);
}

void keystore_discard(struct keystore *store, enum ca_key key)
{
	CHECK(key < CA_KEY_COUNT);
	store->backend->discard(store, key);
}

enum err keystore_check(struct keystore *store)
{
	return store->backend->check(store);
}

enum err keystore_load(struct keystore *store, enum ca_key key, char *why)
{
	CHECK(key < CA_KEY_COUNT);
	return store->backend->load(store, key, why);
}

enum err keystore_describe(
    struct keystore *store, enum ca_key key, struct ca_key_info *info, char *why)
{
	CHECK(key < CA_KEY_COUNT);
	return store->backend->describe(store, key, info, why);
}

enum err keystore_sign(
    struct keystore *store, enum ca_key key, const void *bytes, size_t len, struct buf *signature)
{
	CHECK(ca_key_algorithm(key) != CA_ALGORITHM_HMAC_SHA256);
	count_use(store, key);
	return store->backend->sign(store, key, bytes, len, signature);
}

static struct own_signature *own_of(struct keystore *store, enum ca_key key, EVP_PKEY *public_key)
{
	struct own_signature *own;

	CHECK(pthread_mutex_lock(&store->lock) == 0);
	/* A key that was locked and came again is another object. */
	if (store->own[key] && !own_signature_is_of(store->own[key], public_key))
		keystore_forget_own(store, key);
	if (!store->own[key])
		store->own[key] = own_signature_new(public_key);
	own = store->own[key];
	own_signature_expect(own);
	CHECK(pthread_mutex_unlock(&store->lock) == 0);
	return own;
}

/* By OpenSSL alone, or as a claim for p256_verify(). */
static enum err verify_or_claim(struct keystore *store, const struct keystore_signature *one,
    struct p256_claim *claims, size_t *claimed)
{
	EVP_PKEY *public_key = keystore_public_key(store, one->key);
	enum ca_key_algorithm algorithm = ca_key_algorithm(one->key);
	const struct p256_tables *tables;
	struct own_signature *own;

	if (!public_key)
		return ERR_UNAVAILABLE;
	own = own_of(store, one->key, public_key);
	tables = own_signature_tables(own);
	if (!tables || algorithm != CA_ALGORITHM_P256)
		return own_signature_verify(own,
		    algorithm == CA_ALGORITHM_P384 ? EVP_sha384() : EVP_sha256(), one->bytes,
		    one->len, one->signature.bytes, one->signature.len);
	claims[*claimed] = (struct p256_claim){.tables = tables,
	    .signature = one->signature.bytes,
	    .signature_len = one->signature.len};
	sha256(one->bytes, one->len, claims[*claimed].digest);
	++*claimed;
	return ERR_OK;
}

enum err keystore_verify_all(
    struct keystore *store, const struct keystore_signature *signatures, size_t count)
{
	struct p256_claim claims[KEYSTORE_SIGNATURES_MAX];
	size_t claimed = 0, i;
	enum err err = ERR_OK;

	CHECK(count <= KEYSTORE_SIGNATURES_MAX);
	for (i = 0; i < count && !err; i++)
		err = verify_or_claim(store, &signatures[i], claims, &claimed);
	if (err)
		return err;
	p256_verify(claims, claimed);
	for (i = 0; i < claimed; i++)
		if (claims[i].verdict != P256_GOOD)
			return ERR_SIGNATURE;
	return ERR_OK;
}

enum err keystore_verify(struct keystore *store, enum ca_key key, const void *bytes, size_t len,
    const struct buf *signature)
{
	/* Borrowed. */
	const struct keystore_signature one = {key, bytes, len, *signature};

	return keystore_verify_all(store, &one, 1);
}

enum err keystore_hmac(struct keystore *store, enum ca_key key, const void *bytes, size_t len,
    uint8_t digest[SHA256_LEN])
{
	CHECK(ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256);
	count_use(store, key);
	return store->backend->hmac(store, key, bytes, len, digest);
}

EVP_PKEY *keystore_public_key(struct keystore *store, enum ca_key key)
{
	CHECK(ca_key_algorithm(key) != CA_ALGORITHM_HMAC_SHA256);
	return store->backend->public_key(store, key);
}

enum err keystore_say(enum err err, char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, KEYSTORE_WHY_LEN, format, args);
	va_end(args);
	ERR_clear_error();
	return err;
}

enum err keystore_spki_digest(EVP_PKEY *pair, uint8_t digest[SHA256_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pair, &der);

	if (len <= 0)
		return ERR_CRYPTO;
	sha256(der, (size_t)len, digest);
	OPENSSL_free(der);
	return ERR_OK;
}
