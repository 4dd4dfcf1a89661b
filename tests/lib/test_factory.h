/*
 * What tests of the factory need: a temporary folder, keys, CSRs of every kind, a line-access CA
 * with an operator, signed statements. Header-only; a test uses what it needs.
 */
#ifndef FIRSTRING_TESTS_LIB_TEST_FACTORY_H
#define FIRSTRING_TESTS_LIB_TEST_FACTORY_H

#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/keystore.h"
#include "factory-ca/statement.h"

#define TEST_ARC "1.3.6.1.4.1.32473"
#define TEST_OPERATOR_EKU TEST_ARC ".2.2"
#define TEST_STATION_EKU TEST_ARC ".2.1"
/* 2027-01-15T08:00:00Z */
#define TEST_NOW INT64_C(1800000000)

enum { TEST_PATH = 512, TEST_SCRYPT_LOG2_N = 14 };

static inline int test_remove_entry(
    const char *path, const struct stat *st, int kind, struct FTW *place)
{
	(void)st;
	(void)kind;
	(void)place;
	return remove(path);
}

/* A new folder of the caller's in $TMPDIR. */
static inline void test_folder_make(char path[TEST_PATH])
{
	const char *base = getenv("TMPDIR");

	snprintf(path, TEST_PATH, "%s/firstring-test-XXXXXX", base && *base ? base : "/tmp");
	CHECK(mkdtemp(path) != NULL);
}

static inline void test_folder_remove(const char *path)
{
	nftw(path, test_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void test_path(char path[TEST_PATH], const char *folder, const char *name)
{
	CHECK(snprintf(path, TEST_PATH, "%s/%s", folder, name) < TEST_PATH);
}

/* Changes one byte of a file. */
static inline void test_flip(const char *folder, const char *name, long offset)
{
	char path[TEST_PATH];
	FILE *file;
	int byte;

	test_path(path, folder, name);
	file = fopen(path, "r+");
	CHECK(file != NULL && fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET) == 0);
	byte = fgetc(file);
	CHECK(byte != EOF && fseek(file, -1, SEEK_CUR) == 0 && fputc(byte ^ 1, file) != EOF);
	fclose(file);
}

static inline long test_size(const char *folder, const char *name)
{
	char path[TEST_PATH];
	struct stat st;

	test_path(path, folder, name);
	CHECK(stat(path, &st) == 0);
	return (long)st.st_size;
}

/* "P-256", "P-384", "P-521", or an RSA size. */
static inline EVP_PKEY *test_key(const char *kind)
{
	EVP_PKEY *key =
	    kind[0] == 'P' ? EVP_EC_gen(kind) : EVP_RSA_gen((unsigned)strtoul(kind, NULL, 10));

	CHECK(key != NULL);
	return key;
}

/* A CSR whose subject is pairs of short name and value, NULL-terminated. */
struct test_csr {
	EVP_PKEY *key;
	const char *const *subject;
	const char *digest; /* NULL: SHA256 */
	int with_extensions; /* asks to be a CA, with a foreign name */
	EVP_PKEY *sign_with; /* NULL: its own key */
};

static inline void test_csr_extensions(X509_REQ *csr)
{
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();

	sk_X509_EXTENSION_push(
	    extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE"));
	sk_X509_EXTENSION_push(
	    extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:evil.example"));
	CHECK(X509_REQ_add_extensions(csr, extensions) == 1);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static inline void test_csr_make(const struct test_csr *wanted, struct buf *der)
{
	X509_REQ *csr = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	unsigned char *bytes = NULL;
	size_t i;
	int len;

	for (i = 0; wanted->subject[i]; i += 2)
		CHECK(X509_NAME_add_entry_by_txt(name, wanted->subject[i], MBSTRING_UTF8,
			  (const unsigned char *)wanted->subject[i + 1], -1, -1, 0) == 1);
	CHECK(X509_REQ_set_subject_name(csr, name) == 1);
	CHECK(X509_REQ_set_pubkey(csr, wanted->key) == 1);
	if (wanted->with_extensions)
		test_csr_extensions(csr);
	CHECK(X509_REQ_sign(csr, wanted->sign_with ? wanted->sign_with : wanted->key,
		  EVP_get_digestbyname(wanted->digest ? wanted->digest : "SHA256")) > 0);
	len = i2d_X509_REQ(csr, &bytes);
	CHECK(len > 0);
	buf_clear(der);
	buf_put(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
	X509_NAME_free(name);
	X509_REQ_free(csr);
}

/* The usual CSR of a phone. */
static inline void test_csr_of(EVP_PKEY *key, const char *mac, const char *serial, struct buf *der)
{
	const char *subject[] = {"CN", mac, "serialNumber", serial, NULL};
	const struct test_csr wanted = {.key = key, .subject = subject};

	test_csr_make(&wanted, der);
}

static inline void test_spki(EVP_PKEY *key, struct buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	CHECK(len > 0);
	buf_clear(out);
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

static inline X509 *test_parse(const struct buf *der)
{
	const unsigned char *next = der->bytes;
	X509 *certificate = d2i_X509(NULL, &next, (long)der->len);

	CHECK(certificate != NULL && next == der->bytes + der->len);
	return certificate;
}

/* All keys of a factory in a key store of a temporary folder. */
static inline struct keystore *test_keystore(const char *folder)
{
	struct secret passphrase = {0};
	struct keystore *store;
	char why[KEYSTORE_WHY_LEN];
	int i;

	secret_set(&passphrase, "correct horse", 13);
	store = keystore_file_new(folder, &passphrase, TEST_SCRYPT_LOG2_N);
	secret_free(&passphrase);
	for (i = 0; i < CA_KEY_COUNT; i++)
		CHECK(keystore_generate(store, (enum ca_key)i, why) == ERR_OK);
	return store;
}

/* The CA of stations and operators, and an operator or station under it. */
static inline X509 *test_line_access(struct keystore *store)
{
	const struct ca_request request = {.kind = CA_CERTIFICATE_LINE_ACCESS,
	    .organisation = "Example",
	    .common_name = "Line Access CA",
	    .not_before_unix_s = TEST_NOW - 1000};
	struct buf der = {0};
	X509 *certificate;

	CHECK(ca_certificate_make(store, &request, &der) == ERR_OK);
	certificate = test_parse(&der);
	buf_free(&der);
	return certificate;
}

static inline X509 *test_person(struct keystore *store, X509 *ca, EVP_PKEY *key, const char *name,
    const char *usage, int64_t not_after)
{
	struct access_request request = {.organisation = "Example",
	    .name = name,
	    .may_agree_keys = strcmp(usage, TEST_STATION_EKU) == 0,
	    .not_before_unix_s = not_after - 20000,
	    .not_after_unix_s = not_after};
	struct buf spki = {0}, der = {0};
	unsigned char *issuer = NULL;
	X509 *certificate;
	int len = i2d_X509_NAME(X509_get_subject_name(ca), &issuer);

	CHECK(len > 0 && oid_parse(usage, &request.usage) == ERR_OK);
	test_spki(key, &spki);
	request.issuer = issuer;
	request.issuer_len = (size_t)len;
	request.spki = spki.bytes;
	request.spki_len = spki.len;
	CHECK(access_certificate_make(store, &request, &der) == ERR_OK);
	certificate = test_parse(&der);
	OPENSSL_free(issuer);
	buf_free(&spki);
	buf_free(&der);
	return certificate;
}

static inline struct statement test_order(
    const char *reference, const char *first_mac, uint32_t quantity)
{
	struct statement statement = {.type = STATEMENT_ORDER_OPEN,
	    .order = {.model = "T1",
		.key_types = 1U << KEY_P256 | 1U << KEY_RSA2048,
		.quantity = quantity,
		.opens_unix_s = STATEMENT_NO_TIME,
		.closes_unix_s = STATEMENT_NO_TIME}};

	snprintf(statement.order.reference, sizeof(statement.order.reference), "%s", reference);
	CHECK(mac_parse(first_mac, strlen(first_mac), &statement.order.first_mac) == ERR_OK);
	return statement;
}

#endif
