/*
 * Fuzz target: OCSP requests, as DER and as the path of a GET. One that is read has a bounded
 * number of certificates, each with a serial to look up when it is of the issuer; and an answer can
 * be written to it.
 */
#include <openssl/x509.h>
#include <string.h>

#include "common/base/err.h"
#include "portal-api/ocsp/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static X509 *issuer;
static EVP_PKEY *key;

static void make_issuer(void)
{
	key = EVP_EC_gen("P-256");
	issuer = X509_new();
	CHECK(key && issuer && X509_set_version(issuer, 2) == 1);
	CHECK(ASN1_INTEGER_set(X509_get_serialNumber(issuer), 1) == 1);
	CHECK(X509_gmtime_adj(X509_getm_notBefore(issuer), 0) &&
	      X509_gmtime_adj(X509_getm_notAfter(issuer), 1000));
	CHECK(X509_set_pubkey(issuer, key) == 1 && X509_sign(issuer, key, EVP_sha256()) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ocsp_status statuses[OCSP_CERTIFICATES_MAX] = {{.verdict = OCSP_UNKNOWN}};
	struct ocsp_signer signer;
	struct ocsp_request *request;
	struct buf der = {0}, out = {0};
	uint8_t serial[OCSP_SERIAL_LEN];
	size_t i;

	if (!issuer)
		make_issuer();
	signer = (struct ocsp_signer){issuer, key};
	if (ocsp_path_decode((const char *)data, size, &der) == ERR_OK &&
	    ocsp_request_read(der.bytes, der.len, &request) == ERR_OK)
		ocsp_request_free(request);
	buf_free(&der);
	if (ocsp_request_read(data, size, &request) != ERR_OK)
		return 0;
	CHECK(ocsp_request_count(request) >= 1 &&
	      ocsp_request_count(request) <= OCSP_CERTIFICATES_MAX);
	for (i = 0; i < ocsp_request_count(request); i++)
		if (ocsp_request_is_of(request, i, issuer, serial))
			CHECK(serial[0] == 0 || serial[0] < 0x80); /* positive, or none of ours */
	CHECK(ocsp_answer_write(request, statuses, &signer, 1800000000, &out) == ERR_OK);
	buf_free(&out);
	ocsp_request_free(request);
	return 0;
}
