/*
 * scrypt and AES-256-GCM over OpenSSL. Input is the administrator's files and passphrases; an
 * altered byte must not open. Pure but for OpenSSL's work; runs in the signer and in commands.
 */
#include "factory-ca/signer/sealed.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

enum err sealed_derive(const struct secret *passphrase, const uint8_t salt[SEALED_SALT_LEN],
    unsigned log2_n, struct secret *kek)
{
	const uint64_t n = 1ULL << log2_n;

	secret_alloc(kek, SEALED_KEK_LEN);
	/* A little more than it works on is what OpenSSL asks for. */
	if (EVP_PBE_scrypt((const char *)passphrase->bytes, passphrase->len, salt, SEALED_SALT_LEN,
		n, SEALED_SCRYPT_R, SEALED_SCRYPT_P, 256 * n * SEALED_SCRYPT_R, kek->bytes,
		SEALED_KEK_LEN) == 1)
		return ERR_OK;
	secret_free(kek);
	ERR_clear_error();
	return ERR_CRYPTO;
}

enum err sealed_put(const struct secret *kek, const uint8_t nonce[SEALED_NONCE_LEN],
    const struct buf *associated, const struct secret *plain, struct buf *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t sealed[SEALED_MAX], tag[SEALED_TAG_LEN];
	enum err err = ERR_CRYPTO;
	int len = 0;

	CHECK(kek->len == SEALED_KEK_LEN && plain->len <= sizeof(sealed));
	if (context &&
	    EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, kek->bytes, nonce) == 1 &&
	    EVP_EncryptUpdate(context, NULL, &len, associated->bytes, (int)associated->len) == 1 &&
	    EVP_EncryptUpdate(context, sealed, &len, plain->bytes, (int)plain->len) == 1 &&
	    EVP_EncryptFinal_ex(context, sealed + len, &len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, SEALED_TAG_LEN, tag) == 1) {
		buf_put(out, sealed, plain->len);
		buf_put(out, tag, SEALED_TAG_LEN);
		err = ERR_OK;
	}
	EVP_CIPHER_CTX_free(context);
	return err;
}

enum err sealed_open(const struct secret *kek, const uint8_t nonce[SEALED_NONCE_LEN],
    const uint8_t *associated, size_t associated_len, const uint8_t *sealed, size_t sealed_len,
    struct secret *plain)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t tag[SEALED_TAG_LEN];
	enum err err = ERR_SIGNATURE;
	int len = 0;

	CHECK(kek->len == SEALED_KEK_LEN && associated != NULL && sealed != NULL);
	memcpy(tag, sealed + sealed_len, SEALED_TAG_LEN);
	secret_alloc(plain, sealed_len);
	if (context &&
	    EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, kek->bytes, nonce) == 1 &&
	    EVP_DecryptUpdate(context, NULL, &len, associated, (int)associated_len) == 1 &&
	    EVP_DecryptUpdate(context, plain->bytes, &len, sealed, (int)sealed_len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, SEALED_TAG_LEN, tag) == 1 &&
	    EVP_DecryptFinal_ex(context, plain->bytes + len, &len) == 1)
		err = ERR_OK;
	EVP_CIPHER_CTX_free(context);
	if (err)
		secret_free(plain);
	return err;
}
