/* A provider that is OpenSSL's default one with shorter lists (provider(7), public calls only). It
 * reads no input; it runs in parents, before a fork. */
#include "common/pki/tls_library.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <string.h>

#include "common/base/err.h"

enum { KEPT_MAX = 16 };

/* What is offered of an operation. SHA-1 names certificates in OpenSSL's own lists, no signature;
 * CBC is for listeners of the compatible floor. Without the manager of RSA-PSS keys OpenSSL offers
 * no RSA-PSS signature with RSA keys either. TLS calls key derivation and MACs as keys, too. */
static struct shorter_list {
	int operation;
	const char *names[KEPT_MAX]; /* the first of the algorithm's names */
	OSSL_ALGORITHM
	kept[KEPT_MAX + 1]; /* ends with one that has no name; filled when asked for */
} lists[] = {
    {.operation = OSSL_OP_DIGEST,
	.names = {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"}},
    {.operation = OSSL_OP_CIPHER,
	.names = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-128-CBC", "AES-256-CBC",
	    "AES-128-CBC-HMAC-SHA1", "AES-256-CBC-HMAC-SHA1", "AES-128-CBC-HMAC-SHA256",
	    "AES-256-CBC-HMAC-SHA256"}},
    {.operation = OSSL_OP_MAC, .names = {"HMAC"}},
    {.operation = OSSL_OP_KDF, .names = {"HKDF", "TLS13-KDF", "TLS1-PRF"}},
    {.operation = OSSL_OP_RAND, .names = {"CTR-DRBG", "SEED-SRC"}},
    {.operation = OSSL_OP_KEYMGMT,
	.names = {"EC", "RSA", "RSA-PSS", "X25519", "HKDF", "TLS1-PRF", "HMAC"}},
    {.operation = OSSL_OP_KEYEXCH, .names = {"ECDH", "X25519", "HKDF", "TLS1-PRF"}},
    {.operation = OSSL_OP_SIGNATURE, .names = {"ECDSA", "RSA", "HMAC"}},
    {.operation = OSSL_OP_DECODER, .names = {"EC", "RSA", "DER"}},
};

/* The real one, in a context of its own: what it fetches for itself it finds there. */
static OSSL_PROVIDER *default_provider;

/* An algorithm's names are "EC:id-ecPublicKey:1.2.840.10045.2.1". */
static int is_listed(const struct shorter_list *list, const OSSL_ALGORITHM *algorithm)
{
	size_t len = strcspn(algorithm->algorithm_names, ":");

	for (size_t i = 0; i < KEPT_MAX && list->names[i] != NULL; i++) {
		if (strlen(list->names[i]) == len &&
		    strncmp(list->names[i], algorithm->algorithm_names, len) == 0)
			return 1;
	}
	return 0;
}

/* Decoders of one name differ by what they read: public keys of certificates, private keys of our
 * files, and the PEM around them. */
static int reads_what_we_have(const OSSL_ALGORITHM *decoder)
{
	static const char *const INPUTS[] = {"structure=SubjectPublicKeyInfo",
	    "structure=PrivateKeyInfo", "structure=type-specific", "input=pem"};

	if (strncmp(decoder->algorithm_names, "DER", 3) == 0)
		return strstr(decoder->property_definition, "input=pem") != NULL;
	for (size_t i = 0; i < sizeof INPUTS / sizeof INPUTS[0]; i++) {
		if (strstr(decoder->property_definition, INPUTS[i]) != NULL)
			return 1;
	}
	return 0;
}

static const OSSL_ALGORITHM *query_operation(void *provider_context, int operation, int *no_cache)
{
	const OSSL_ALGORITHM *all =
	    OSSL_PROVIDER_query_operation(default_provider, operation, no_cache);

	(void)provider_context;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		struct shorter_list *list = &lists[i];
		size_t count = 0;
		if (list->operation != operation)
			continue;
		for (; all != NULL && all->algorithm_names != NULL; all++) {
			if (!is_listed(list, all) ||
			    (operation == OSSL_OP_DECODER && !reads_what_we_have(all)))
				continue;
			CHECK(count < KEPT_MAX);
			list->kept[count++] = *all;
		}
		list->kept[count] = (OSSL_ALGORITHM){0};
		return list->kept;
	}
	return NULL;
}

static int get_capabilities(
    void *provider_context, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
	(void)provider_context;
	return OSSL_PROVIDER_get_capabilities(default_provider, capability, callback, arg);
}

static const OSSL_DISPATCH FUNCTIONS[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))get_capabilities}, {0, NULL}};

/* The algorithms' functions are the default provider's, and are given its context. */
static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
    const OSSL_DISPATCH **functions, void **provider_context)
{
	(void)handle, (void)core;
	*functions = FUNCTIONS;
	*provider_context = OSSL_PROVIDER_get0_provider_ctx(default_provider);
	return 1;
}

OSSL_LIB_CTX *tls_library(void)
{
	static OSSL_LIB_CTX *library;
	static OSSL_LIB_CTX *inner;

	if (library != NULL)
		return library;
	inner = OSSL_LIB_CTX_new();
	CHECK(inner != NULL);
	default_provider = OSSL_PROVIDER_load(inner, "default");
	CHECK(default_provider != NULL);
	library = OSSL_LIB_CTX_new();
	CHECK(library != NULL);
	CHECK(OSSL_PROVIDER_add_builtin(library, "shorter", provider_init) == 1);
	CHECK(OSSL_PROVIDER_load(library, "shorter") != NULL);
	return library;
}
