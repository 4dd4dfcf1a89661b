/*
 * Fuzz target: the CSR reader and the DER reader under it.
 *
 * The input is what a phone sends as its CSR. Whatever is accepted must lie inside the input, keep
 * the rules of its header, and be accepted by OpenSSL's parser with the same key and signature: we
 * may be stricter than OpenSSL, never laxer.
 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/base/err.h"
#include "factory-ca/signer/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(const struct csr *csr, const uint8_t *data, size_t size)
{
	size_t serial_len = strlen(csr->serial_number);

	CHECK(csr->spki >= data && csr->spki + csr->spki_len <= data + size);
	CHECK(serial_len == 0 || csr_serial_number_is_valid(csr->serial_number, serial_len));
	CHECK(!(csr->mac.octets[0] & 1) && mac_to_uint(&csr->mac) != 0);
}

static void check_against_openssl(const struct csr *csr, const uint8_t *data, size_t size)
{
	const unsigned char *next = data, *spki = csr->spki;
	X509_REQ *request = d2i_X509_REQ(NULL, &next, (long)size);
	EVP_PKEY *ours = d2i_PUBKEY(NULL, &spki, (long)csr->spki_len);

	CHECK(request != NULL && next == data + size);
	CHECK(ours != NULL && EVP_PKEY_eq(X509_REQ_get0_pubkey(request), ours) == 1);
	CHECK(X509_REQ_verify(request, ours) == 1);
	EVP_PKEY_free(ours);
	X509_REQ_free(request);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CSR_WHY_LEN] = "";
	struct csr parsed, verified;
	enum err parse = csr_parse(data, size, &parsed, why);
	enum err verify = csr_verify(data, size, &verified, why);

	CHECK(ERR_peek_error() == 0);
	if (parse) {
		CHECK(verify != ERR_OK && why[0] != '\0');
		return 0;
	}
	check_fields(&parsed, data, size);
	if (verify == ERR_OK)
		check_against_openssl(&verified, data, size);
	return 0;
}
