/* SHA-256 and HMAC-SHA256 by OpenSSL. Pure; a failure of the library is not the peer's doing. */
#include "common/pki/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdatomic.h>

/* Fetched once: looking the algorithm up costs as much as hashing a short text. */
static EVP_MD *sha256_md(void)
{
	static _Atomic(EVP_MD *) known;
	EVP_MD *md = atomic_load(&known), *none = NULL;

	if (md != NULL)
		return md;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	CHECK(md != NULL);
	if (atomic_compare_exchange_strong(&known, &none, md))
		return md;
	EVP_MD_free(md); /* another thread was first */
	return none;
}

void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_LEN])
{
	CHECK(EVP_Digest(bytes, len, digest, NULL, sha256_md(), NULL) == 1);
}

void hmac_sha256(
    const void *key, size_t key_len, const void *bytes, size_t len, uint8_t digest[SHA256_LEN])
{
	CHECK(HMAC(EVP_sha256(), key, (int)key_len, bytes, len, digest, NULL) != NULL);
}
