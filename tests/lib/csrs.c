/*
 * A production line's worth of phones for tests and benches: makes keys and CSRs and prints the
 * rows of a batch call as NDJSON, one phone a line.
 *
 * Test tool; run by hand or by a test, trusted. It does not talk to any server.
 *
 * Usage: csrs --first-mac MAC --count N [--key p256|p384|rsa2048|rsa3072] [--keys FOLDER]
 */
#include <getopt.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/err.h"
#include "common/base/mac.h"
#include "common/pki/key_type.h"

static EVP_PKEY *key_make(enum key_type type)
{
	EVP_PKEY *key = NULL;

	switch (type) {
	case KEY_P256:
		key = EVP_EC_gen("P-256");
		break;
	case KEY_P384:
		key = EVP_EC_gen("P-384");
		break;
	case KEY_RSA2048:
		key = EVP_RSA_gen(2048);
		break;
	case KEY_RSA3072:
		key = EVP_RSA_gen(3072);
		break;
	case KEY_TYPE_COUNT:
		break;
	}
	CHECK(key != NULL);
	return key;
}

static void key_write(const char *folder, const char *mac, EVP_PKEY *key)
{
	char path[4096];

	CHECK(snprintf(path, sizeof path, "%s/%s.key", folder, mac) < (int)sizeof path);
	FILE *file = fopen(path, "w");
	CHECK(file != NULL);
	CHECK(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	CHECK(fclose(file) == 0);
}

static X509_REQ *csr_make(EVP_PKEY *key, const char *mac, const char *serial)
{
	X509_REQ *csr = X509_REQ_new();
	X509_NAME *subject = X509_NAME_new();

	CHECK(csr != NULL && subject != NULL);
	CHECK(X509_NAME_add_entry_by_txt(subject, "serialNumber", MBSTRING_ASC,
		  (const unsigned char *)serial, -1, -1, 0) == 1);
	CHECK(X509_NAME_add_entry_by_txt(
		  subject, "CN", MBSTRING_ASC, (const unsigned char *)mac, -1, -1, 0) == 1);
	CHECK(X509_REQ_set_subject_name(csr, subject) == 1);
	CHECK(X509_REQ_set_pubkey(csr, key) == 1);
	CHECK(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
	X509_NAME_free(subject);
	return csr;
}

/* The row with the CSR as PEM, its line ends escaped for JSON. */
static void row_print(const char *mac, const char *serial, X509_REQ *csr)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *pem = NULL;

	CHECK(memory != NULL && PEM_write_bio_X509_REQ(memory, csr) == 1);
	long len = BIO_get_mem_data(memory, &pem);
	printf("{\"mac\":\"%s\",\"serial_number\":\"%s\",\"csr\":\"", mac, serial);
	for (long i = 0; i < len; i++) {
		if (pem[i] == '\n')
			fputs("\\n", stdout);
		else
			putchar(pem[i]);
	}
	puts("\"}");
	BIO_free(memory);
}

static _Noreturn void usage(int status)
{
	fputs("usage: csrs --first-mac MAC --count N [--key p256|p384|rsa2048|rsa3072] "
	      "[--keys FOLDER]\n",
	    status == 0 ? stdout : stderr);
	exit(status);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"first-mac", required_argument, NULL, 'm'},
	    {"count", required_argument, NULL, 'n'}, {"key", required_argument, NULL, 'k'},
	    {"keys", required_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct mac first = {{0}};
	enum key_type type = KEY_P256;
	const char *folder = NULL;
	unsigned long count = 0;
	int option = 0, has_mac = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'm':
			has_mac = mac_parse(optarg, strlen(optarg), &first) == ERR_OK;
			break;
		case 'n':
			count = strtoul(optarg, NULL, 10);
			break;
		case 'k':
			if (key_type_parse(optarg, strlen(optarg), &type) != ERR_OK)
				usage(64);
			break;
		case 'd':
			folder = optarg;
			break;
		case 'h':
			usage(0);
		default:
			usage(64);
		}
	}
	if (!has_mac || count == 0 || optind != argc)
		usage(64);
	for (unsigned long i = 0; i < count; i++) {
		struct mac mac;
		char text[MAC_TEXT_LEN + 1], serial[MAC_TEXT_LEN + 4];

		if (mac_from_uint(mac_to_uint(&first) + i, &mac) != ERR_OK)
			usage(64);
		mac_format(&mac, text);
		snprintf(serial, sizeof serial, "SN-%s", text);
		EVP_PKEY *key = key_make(type);
		X509_REQ *csr = csr_make(key, text, serial);
		if (folder != NULL)
			key_write(folder, text, key);
		row_print(text, serial, csr);
		X509_REQ_free(csr);
		EVP_PKEY_free(key);
	}
	return fflush(stdout) == 0 ? 0 : 74;
}
