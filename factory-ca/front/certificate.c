/* A few octets out of a certificate's DER (RFC 5280 section 4.1). Pure. */
#include "factory-ca/front/certificate.h"

#include <string.h>

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
