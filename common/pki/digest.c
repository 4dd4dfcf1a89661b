/* SHA-256 and HMAC-SHA256 by OpenSSL. Pure; a failure of the library is not the peer's doing. */
#include "common/pki/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

/* Fetched once: looking the algorithm up costs as much as hashing a short text. */
static EVP_MD *sha256_md;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	CHECK(sha256_md != NULL);
}

void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_LEN])
{
	pthread_once(&sha256_once, fetch_sha256);
	CHECK(EVP_Digest(bytes, len, digest, NULL, sha256_md, NULL) == 1);
}

void hmac_sha256(
    const void *key, size_t key_len, const void *bytes, size_t len, uint8_t digest[SHA256_LEN])
{
	CHECK(HMAC(EVP_sha256(), key, (int)key_len, bytes, len, digest, NULL) != NULL);
}
