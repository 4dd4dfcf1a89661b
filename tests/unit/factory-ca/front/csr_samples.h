/* CSRs for the tests of the front, made on the spot with OpenSSL. */
#ifndef FIRSTRING_TESTS_CSR_SAMPLES_H
#define FIRSTRING_TESTS_CSR_SAMPLES_H

#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/base/buf.h"

static inline void sample_add_name(X509_NAME *name, const char *field, const char *value)
{
	if (value)
		ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC,
				     (const unsigned char *)value, -1, -1, 0),
		    1);
}

/* Appends the DER of a P-256 CSR; NULL leaves a name out. */
static inline void sample_csr(const char *common_name, const char *serial_number, struct buf *der)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *csr = X509_REQ_new();
	unsigned char *bytes = NULL;
	int len;

	ck_assert(key != NULL && csr != NULL);
	sample_add_name(X509_REQ_get_subject_name(csr), "serialNumber", serial_number);
	sample_add_name(X509_REQ_get_subject_name(csr), "CN", common_name);
	ck_assert_int_eq(X509_REQ_set_pubkey(csr, key), 1);
	ck_assert_int_gt(X509_REQ_sign(csr, key, EVP_sha256()), 0);
	len = i2d_X509_REQ(csr, &bytes);
	ck_assert_int_gt(len, 0);
	buf_put(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
	X509_REQ_free(csr);
	EVP_PKEY_free(key);
}

#endif
