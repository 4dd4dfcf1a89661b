/* SHA-256 and HMAC-SHA256 by OpenSSL. Pure; a failure of the library is not the peer's doing. */
#include "common/pki/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

void sha256(const void *bytes, size_t len, uint8_t digest[SHA256_LEN])
{
	CHECK(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) == 1);
}

void hmac_sha256(
    const void *key, size_t key_len, const void *bytes, size_t len, uint8_t digest[SHA256_LEN])
{
	CHECK(HMAC(EVP_sha256(), key, (int)key_len, bytes, len, digest, NULL) != NULL);
}
