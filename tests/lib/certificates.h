/*
 * Real keys and certificates for tests, made by OpenSSL from a recipe: also the wrong ones that no
 * CA would issue. Every function ends the test when it cannot do what it is asked.
 */
#ifndef FIRSTRING_TESTS_CERTIFICATES_H
#define FIRSTRING_TESTS_CERTIFICATES_H

#include <check.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a certificate says; what is left zero is left out, or what a phone's certificate has. */
struct recipe {
	const char *common_names[3]; /* NULL-terminated */
	int common_name_type; /* V_ASN1_...; 0: UTF8String */
	const char *basic_constraints, *key_usage, *ext_key_usage; /* openssl.cnf(5) syntax */
	const char *subject_alt_name;
	const char *serial; /* hex, may begin with "-"; NULL: a good one */
	long not_before_s, not_after_s; /* from now; both 0: valid for a day */
	EVP_PKEY *key;
};

/* The extensions that a phone's certificate has. */
#define PHONE_EXTENSIONS                                                                           \
	.basic_constraints = "critical,CA:FALSE", .key_usage = "critical,digitalSignature",        \
	.ext_key_usage = "clientAuth"

/* "p256", "p384", "p521", "rsa1024", "rsa2048", "rsa3072", "rsa4096", "ed25519". */
static inline EVP_PKEY *key_make(const char *kind)
{
	EVP_PKEY *key = NULL;

	if (strncmp(kind, "rsa", 3) == 0)
		key = EVP_RSA_gen((unsigned)atoi(kind + 3));
	else if (strcmp(kind, "ed25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (strcmp(kind, "p256") == 0)
		key = EVP_EC_gen("P-256");
	else if (strcmp(kind, "p384") == 0)
		key = EVP_EC_gen("P-384");
	else if (strcmp(kind, "p521") == 0)
		key = EVP_EC_gen("P-521");
	ck_assert_msg(key != NULL, "%s", kind);
	return key;
}

static inline void certificate_extend(X509 *made, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	if (value == NULL)
		return;
	X509V3_set_ctx(&context, issuer, made, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ck_assert_msg(extension != NULL, "%s", value);
	ck_assert_int_eq(X509_add_ext(made, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Signed by `issuer`; by itself where that is NULL. */
static inline X509 *certificate_make(
    const struct recipe *recipe, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *made = X509_new();
	BIGNUM *serial = NULL;
	X509_NAME *subject = X509_NAME_new();

	ck_assert(made != NULL && subject != NULL);
	ck_assert_int_eq(X509_set_version(made, X509_VERSION_3), 1);
	ck_assert_int_gt(BN_hex2bn(&serial, recipe->serial ? recipe->serial : "4012345678"), 0);
	ck_assert_ptr_nonnull(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(made)));
	long not_after_s =
	    recipe->not_before_s == 0 && recipe->not_after_s == 0 ? 86400 : recipe->not_after_s;
	X509_gmtime_adj(X509_getm_notBefore(made), recipe->not_before_s);
	X509_gmtime_adj(X509_getm_notAfter(made), not_after_s);
	X509_NAME_add_entry_by_txt(
	    subject, "O", MBSTRING_UTF8, (const unsigned char *)"Example", -1, -1, 0);
	for (size_t i = 0; i < 3 && recipe->common_names[i] != NULL; i++)
		ck_assert_int_eq(
		    X509_NAME_add_entry_by_txt(subject, "CN",
			recipe->common_name_type ? recipe->common_name_type : V_ASN1_UTF8STRING,
			(const unsigned char *)recipe->common_names[i], -1, -1, 0),
		    1);
	ck_assert_int_eq(X509_set_subject_name(made, subject), 1);
	ck_assert_int_eq(
	    X509_set_issuer_name(made, issuer ? X509_get_subject_name(issuer) : subject), 1);
	ck_assert_int_eq(X509_set_pubkey(made, recipe->key), 1);
	certificate_extend(made, issuer, NID_basic_constraints, recipe->basic_constraints);
	certificate_extend(made, issuer, NID_key_usage, recipe->key_usage);
	certificate_extend(made, issuer, NID_ext_key_usage, recipe->ext_key_usage);
	certificate_extend(made, issuer, NID_subject_alt_name, recipe->subject_alt_name);

	EVP_PKEY *signer = issuer_key ? issuer_key : recipe->key;
	const EVP_MD *digest =
	    EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	ck_assert_int_gt(X509_sign(made, signer, digest), 0);
	X509_NAME_free(subject);
	BN_free(serial);
	return made;
}

static inline FILE *file_make(const char *path, mode_t mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	return fdopen(fd, "w");
}

static inline void text_write(const char *path, mode_t mode, const char *text)
{
	FILE *file = file_make(path, mode);

	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* PEM, leaf first; `next` may be NULL. */
static inline void certificate_write(const char *path, X509 *first, X509 *next)
{
	FILE *file = file_make(path, 0644);

	ck_assert_int_eq(PEM_write_X509(file, first), 1);
	if (next != NULL)
		ck_assert_int_eq(PEM_write_X509(file, next), 1);
	ck_assert_int_eq(fclose(file), 0);
}

/* PKCS#8 PEM; under a passphrase unless that is NULL. */
static inline void key_write(const char *path, mode_t mode, EVP_PKEY *key, const char *passphrase)
{
	FILE *file = file_make(path, mode);

	ck_assert_int_eq(PEM_write_PKCS8PrivateKey(file, key, passphrase ? EVP_aes_256_cbc() : NULL,
			     passphrase, passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	ck_assert_int_eq(fclose(file), 0);
}

#endif
