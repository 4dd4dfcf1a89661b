/*
 * A factory for benches: a root, an issuing CA, and phones with a certificate and key each.
 *
 * Test tool; run by a bench, trusted. The certificates are of the shape that factory-ca issues.
 *
 * Usage: fleet --folder DIR --count N [--first-mac MAC] [--key p256|rsa2048]
 */
#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/mac.h"
#include "common/base/text.h"
#include "common/pki/digest.h"
#include "common/pki/key_type.h"
#include "tests/bench/fleet.h"

struct authority {
	X509 *certificate;
	EVP_PKEY *key;
};

static const char *const CA_EXTENSIONS[][2] = {{"basicConstraints", "critical,CA:TRUE"},
    {"keyUsage", "critical,keyCertSign,cRLSign"}, {"subjectKeyIdentifier", "hash"}, {NULL, NULL}};
static const char *const PHONE_EXTENSIONS[][2] = {{"basicConstraints", "critical,CA:FALSE"},
    {"keyUsage", "critical,digitalSignature"}, {"extendedKeyUsage", "clientAuth"},
    {"authorityKeyIdentifier", "keyid"},
    {"crlDistributionPoints", "URI:http://pki.phones.example/crl/issuing-0.crl"}, {NULL, NULL}};

static EVP_PKEY *key_make(enum key_type type)
{
	EVP_PKEY *key = type == KEY_RSA2048 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

	CHECK(key != NULL);
	return key;
}

static X509_NAME *name_make(const char *common_name, const char *serial)
{
	X509_NAME *name = X509_NAME_new();

	CHECK(name != NULL);
	CHECK(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
		  (const unsigned char *)"Example Phones", -1, -1, 0) == 1);
	if (serial != NULL)
		CHECK(X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_ASC,
			  (const unsigned char *)serial, -1, -1, 0) == 1);
	CHECK(X509_NAME_add_entry_by_txt(
		  name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0) == 1);
	return name;
}

static X509 *certificate_make(const struct authority *issuer, EVP_PKEY *key, const char *name,
    const char *serial, const char *const extensions[][2], EVP_PKEY *signer)
{
	X509 *made = X509_new();
	X509_NAME *subject = name_make(name, serial);
	uint8_t number[16];
	X509V3_CTX context;

	CHECK(made != NULL && X509_set_version(made, X509_VERSION_3) == 1);
	random_fill(number, sizeof number);
	number[0] = (uint8_t)(0x40 | (number[0] & 0x3f));
	BIGNUM *value = BN_bin2bn(number, sizeof number, NULL);
	CHECK(value != NULL && BN_to_ASN1_INTEGER(value, X509_get_serialNumber(made)) != NULL);
	BN_free(value);
	X509_gmtime_adj(X509_getm_notBefore(made), -3600);
	X509_gmtime_adj(X509_getm_notAfter(made), 10 * 365 * 86400L);
	CHECK(X509_set_subject_name(made, subject) == 1 && X509_set_pubkey(made, key) == 1);
	CHECK(X509_set_issuer_name(
		  made, issuer ? X509_get_subject_name(issuer->certificate) : subject) == 1);
	X509V3_set_ctx(&context, issuer ? issuer->certificate : made, made, NULL, NULL, 0);
	for (size_t i = 0; extensions[i][0] != NULL; i++) {
		X509_EXTENSION *extension =
		    X509V3_EXT_conf(NULL, &context, extensions[i][0], extensions[i][1]);
		CHECK(extension != NULL && X509_add_ext(made, extension, -1) == 1);
		X509_EXTENSION_free(extension);
	}
	CHECK(X509_sign(made, signer, EVP_sha256()) > 0);
	X509_NAME_free(subject);
	return made;
}

static struct authority authority_make(
    const struct authority *above, const char *name, const char *folder, const char *file)
{
	struct authority made = {.key = key_make(KEY_P256)};
	char path[4096];

	made.certificate = certificate_make(
	    above, made.key, name, NULL, CA_EXTENSIONS, above != NULL ? above->key : made.key);
	CHECK(snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path);
	FILE *out = fopen(path, "w");
	CHECK(out != NULL && PEM_write_X509(out, made.certificate) == 1 && fclose(out) == 0);
	return made;
}

static void put_phone(struct buf *fleet, struct buf *list, const struct authority *issuing,
    enum key_type type, const struct mac *mac)
{
	char name[MAC_TEXT_LEN + 1], serial[MAC_TEXT_LEN + 3];
	unsigned char *certificate_der = NULL, *key_der = NULL;
	struct fingerprint fingerprint;

	mac_format(mac, name);
	snprintf(serial, sizeof serial, "SN%s", name);
	EVP_PKEY *key = key_make(type);
	X509 *certificate =
	    certificate_make(issuing, key, name, serial, PHONE_EXTENSIONS, issuing->key);
	int certificate_len = i2d_X509(certificate, &certificate_der);
	int key_len = i2d_PrivateKey(key, &key_der);
	CHECK(certificate_len > 0 && key_len > 0);
	buf_put_u32(fleet, (uint32_t)certificate_len);
	buf_put(fleet, certificate_der, (size_t)certificate_len);
	buf_put_u32(fleet, (uint32_t)key_len);
	buf_put(fleet, key_der, (size_t)key_len);
	sha256(certificate_der, (size_t)certificate_len, fingerprint.bytes);
	buf_printf(list, "%s ", name);
	for (size_t i = 0; i < sizeof fingerprint.bytes; i++)
		buf_printf(list, "%02x", fingerprint.bytes[i]);
	buf_put_str(list, "\n");
	OPENSSL_free(certificate_der);
	OPENSSL_free(key_der);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void keep(const char *folder, const char *file, const struct buf *bytes)
{
	char path[4096];

	CHECK(bytes->err == ERR_OK);
	CHECK(snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path);
	if (file_write(path, 0600, bytes->bytes, bytes->len) != ERR_OK) {
		perror(path);
		exit(74);
	}
}

static _Noreturn void usage(int status)
{
	fputs("usage: fleet --folder DIR --count N [--first-mac MAC] [--key p256|rsa2048]\n",
	    status == 0 ? stdout : stderr);
	exit(status);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"folder", required_argument, NULL, 'd'},
	    {"count", required_argument, NULL, 'n'}, {"first-mac", required_argument, NULL, 'm'},
	    {"key", required_argument, NULL, 'k'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct mac mac = {{0x02, 0x15, 0x65, 0, 0, 0}};
	enum key_type type = KEY_P256;
	const char *folder = NULL;
	unsigned long count = 0;
	int option = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			folder = optarg;
		else if (option == 'n')
			count = strtoul(optarg, NULL, 10);
		else if (option == 'h')
			usage(0);
		else if (!(option == 'm' && mac_parse(optarg, strlen(optarg), &mac) == ERR_OK) &&
			 !(option == 'k' &&
			     key_type_parse(optarg, strlen(optarg), &type) == ERR_OK &&
			     (type == KEY_P256 || type == KEY_RSA2048)))
			usage(64);
	}
	if (folder == NULL || count == 0 || optind != argc)
		usage(64);
	struct authority root = authority_make(NULL, "Example Root", folder, FLEET_ROOT);
	struct authority issuing = authority_make(&root, "Example Issuing", folder, FLEET_ISSUING);
	struct buf fleet = {.max = FLEET_FILE_MAX}, list = {.max = FLEET_FILE_MAX};
	for (unsigned long i = 0; i < count; i++) {
		struct mac each;
		if (mac_from_uint(mac_to_uint(&mac) + i, &each) != ERR_OK)
			usage(64);
		put_phone(&fleet, &list, &issuing, type, &each);
	}
	keep(folder, FLEET_FILE, &fleet);
	keep(folder, FLEET_LIST, &list);
	return 0;
}
