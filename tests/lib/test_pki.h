/*
 * A small PKI made on the spot, as PEM files in a folder of the test's own: ca.pem with what it
 * issued (server.pem, client.pem, expired.pem) and a stranger with the same names
 * (stranger-ca.pem, stranger.pem); each NAME.pem has its NAME.key.
 */
#ifndef FIRSTRING_TESTS_TEST_PKI_H
#define FIRSTRING_TESTS_TEST_PKI_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"

struct test_issuer {
	EVP_PKEY *key;
	X509 *certificate;
};

static inline void test_pki_path(char path[256], const char *folder, const char *name)
{
	CHECK(snprintf(path, 256, "%s/%s", folder, name) < 256);
}

static inline void test_pki_extend(
    X509 *certificate, X509 *issuer, int extension, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &ctx, extension, value);
	CHECK(made != NULL && X509_add_ext(certificate, made, -1) == 1);
	X509_EXTENSION_free(made);
}

static inline void test_pki_save(
    const char *folder, const char *name, const struct test_issuer *one)
{
	char path[256], file_name[64];
	snprintf(file_name, sizeof(file_name), "%s.pem", name);
	test_pki_path(path, folder, file_name);
	FILE *file = fopen(path, "w");
	CHECK(file != NULL && PEM_write_X509(file, one->certificate) == 1 && fclose(file) == 0);
	snprintf(file_name, sizeof(file_name), "%s.key", name);
	test_pki_path(path, folder, file_name);
	file = fopen(path, "w");
	CHECK(file != NULL && chmod(path, 0600) == 0);
	CHECK(PEM_write_PrivateKey(file, one->key, NULL, NULL, 0, NULL, NULL) == 1);
	CHECK(fclose(file) == 0);
}

/* `purpose` is "CA", "serverAuth" or "clientAuth"; `issuer` NULL: self-signed. */
static inline struct test_issuer test_pki_issue(const char *folder, const char *name,
    const char *common_name, const struct test_issuer *issuer, const char *purpose, long valid_s)
{
	static long serial = 1;
	int is_ca = issuer == NULL;
	struct test_issuer made = {EVP_EC_gen("P-256"), X509_new()};
	CHECK(made.key != NULL && made.certificate != NULL);
	const struct test_issuer *by = is_ca ? &made : issuer;
	X509_set_version(made.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(made.certificate), "CN", MBSTRING_ASC,
	    (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(made.certificate, X509_get_subject_name(by->certificate));
	X509_gmtime_adj(X509_getm_notBefore(made.certificate), -86400);
	X509_gmtime_adj(X509_getm_notAfter(made.certificate), valid_s);
	X509_set_pubkey(made.certificate, made.key);
	test_pki_extend(made.certificate, by->certificate, NID_basic_constraints,
	    is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	test_pki_extend(made.certificate, by->certificate, NID_key_usage,
	    is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
	test_pki_extend(made.certificate, by->certificate, NID_subject_key_identifier, "hash");
	if (!is_ca) {
		test_pki_extend(made.certificate, by->certificate, NID_authority_key_identifier,
		    "keyid:always");
		test_pki_extend(made.certificate, by->certificate, NID_ext_key_usage, purpose);
		test_pki_extend(made.certificate, by->certificate, NID_subject_alt_name,
		    "DNS:localhost,IP:127.0.0.1");
	}
	CHECK(X509_sign(made.certificate, by->key, EVP_sha256()) > 0);
	test_pki_save(folder, name, &made);
	return made;
}

static inline void test_issuer_free(struct test_issuer *one)
{
	EVP_PKEY_free(one->key);
	X509_free(one->certificate);
}

/* Makes all of them in `folder`. */
static inline void test_pki_make(const char *folder)
{
	const long day_s = 86400;
	struct test_issuer ca = test_pki_issue(folder, "ca", "Test CA", NULL, "CA", day_s);
	struct test_issuer other =
	    test_pki_issue(folder, "stranger-ca", "Test CA", NULL, "CA", day_s);
	struct test_issuer leaves[] = {
	    test_pki_issue(folder, "server", "localhost", &ca, "serverAuth", day_s),
	    test_pki_issue(folder, "client", "001565AABBCC", &ca, "clientAuth", day_s),
	    test_pki_issue(folder, "expired", "001565AABBCC", &ca, "clientAuth", -3600),
	    test_pki_issue(folder, "stranger", "001565AABBCC", &other, "clientAuth", day_s),
	};
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		test_issuer_free(&leaves[i]);
	test_issuer_free(&ca);
	test_issuer_free(&other);
}

#endif
