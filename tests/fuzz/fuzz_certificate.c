/*
 * Fuzz target: who a certificate is. Whatever OpenSSL parses is judged without a crash and without
 * a stale error; who is accepted has a MAC that a phone can have.
 */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "common/pki/device_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *next = data;
	struct device_id id;
	X509 *certificate = d2i_X509(NULL, &next, (long)size);

	ERR_clear_error();
	if (certificate == NULL)
		return 0;
	enum device_id_reason reason = device_id_from_certificate(certificate, X509_V_OK, &id);
	CHECK(reason < DEVICE_ID_REASON_COUNT);
	CHECK(ERR_peek_error() == 0);
	if (reason == DEVICE_ID_OK)
		CHECK((id.mac.octets[0] & 1) == 0 && mac_to_uint(&id.mac) != 0);
	X509_free(certificate);
	return 0;
}
