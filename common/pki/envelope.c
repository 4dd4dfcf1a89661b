/* CMS EnvelopedData by OpenSSL; see envelope.h. */
#include "common/pki/envelope.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* SHA-1 is OpenSSL's default for the key derivation of an agreement. */
static int add_recipient(CMS_ContentInfo *cms, X509 *recipient)
{
	CMS_RecipientInfo *info = CMS_add1_recipient_cert(cms, recipient, CMS_KEY_PARAM);

	if (info == NULL)
		return 0;
	if (CMS_RecipientInfo_type(info) != CMS_RECIPINFO_AGREE)
		return CMS_RecipientInfo_type(info) == CMS_RECIPINFO_TRANS;
	EVP_PKEY_CTX *agreement = CMS_RecipientInfo_get0_pkey_ctx(info);
	return agreement != NULL && EVP_PKEY_CTX_set_ecdh_kdf_md(agreement, EVP_sha256()) > 0;
}

enum err envelope_seal(X509 *recipient, const void *bytes, size_t len, struct buf *out)
{
	enum err err = ERR_CRYPTO;
	unsigned char *der = NULL;
	BIO *content = len <= INT_MAX ? BIO_new_mem_buf(bytes, (int)len) : NULL;
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_BINARY | CMS_PARTIAL);

	if (content == NULL || cms == NULL || !add_recipient(cms, recipient) ||
	    CMS_final(cms, content, NULL, CMS_BINARY) != 1)
		goto out;
	int der_len = i2d_CMS_ContentInfo(cms, &der);
	if (der_len <= 0)
		goto out;
	buf_put(out, der, (size_t)der_len);
	err = out->err;
out:
	/* A stale one would break the next connection's SSL_get_error. */
	ERR_clear_error();
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(content);
	return err;
}
