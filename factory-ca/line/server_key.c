/* Opening an envelope. What is in it is checked against the certificate by the caller. Pure. */
#include "factory-ca/line/server_key.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "common/base/text.h"

static enum err read_pkcs8(BIO *memory, EVP_PKEY **key)
{
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO_bio(memory, NULL);
	EVP_PKEY *found = info ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (!found)
		return ERR_SYNTAX;
	*key = found;
	return ERR_OK;
}

enum err server_key_open(
    const char *base64, size_t len, X509 *station, EVP_PKEY *station_key, EVP_PKEY **key)
{
	BIO *opened = BIO_new(BIO_s_secmem());
	struct buf der = {0};
	CMS_ContentInfo *envelope = NULL;
	const unsigned char *next;
	enum err err = ERR_SYNTAX;

	CHECK(opened != NULL);
	if (base64_decode(base64, len, &der) == ERR_OK) {
		next = der.bytes;
		envelope = d2i_CMS_ContentInfo(NULL, &next, (long)der.len);
	}
	if (envelope && CMS_decrypt(envelope, station_key, station, NULL, opened, CMS_BINARY) == 1)
		err = read_pkcs8(opened, key);
	CMS_ContentInfo_free(envelope);
	BIO_free(opened);
	buf_free(&der);
	ERR_clear_error();
	return err;
}
