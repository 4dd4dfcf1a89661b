/* A few octets out of a certificate's DER (RFC 5280 section 4.1). Pure. */
#include "factory-ca/front/certificate.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "common/pki/der.h"

enum err certificate_serial(const void *der, size_t len, uint8_t serial[SIGNER_SERIAL_LEN])
{
	struct cursor in = cursor_of(der, len), fields;
	struct der_element certificate, tbs, number;

	certificate = der_read(&in, DER_SEQUENCE);
	fields = der_enter(&certificate);
	tbs = der_read(&fields, DER_SEQUENCE);
	fields = der_enter(&tbs);
	der_read(&fields, DER_CONTEXT_CONSTRUCTED(0));
	number = der_read(&fields, DER_INTEGER);
	if (in.err || fields.err || number.content_len != SIGNER_SERIAL_LEN)
		return ERR_SYNTAX;
	memcpy(serial, number.content, SIGNER_SERIAL_LEN);
	return ERR_OK;
}

enum err certificate_not_after(const void *der, size_t len, int64_t *unix_s)
{
	const unsigned char *next = der;
	X509 *certificate = d2i_X509(NULL, &next, (long)len);
	struct tm tm = {0};
	int good = certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1;

	if (good)
		*unix_s = (int64_t)timegm(&tm);
	X509_free(certificate);
	ERR_clear_error();
	return good ? ERR_OK : ERR_SYNTAX;
}
