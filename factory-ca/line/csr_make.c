/* CSRs and rows. Serial numbers were checked: they hold nothing that JSON or DER would mind. Pure.
 */
#include "factory-ca/line/csr_make.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/text.h"

static void add_name(X509_NAME *subject, const char *type, const char *value)
{
	CHECK(X509_NAME_add_entry_by_txt(
		  subject, type, MBSTRING_ASC, (const unsigned char *)value, -1, -1, 0) == 1);
}

static void put_der(X509_REQ *request, struct buf *der)
{
	unsigned char *bytes = NULL;
	int len = i2d_X509_REQ(request, &bytes);

	CHECK(len > 0);
	buf_put(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
}

void csr_make(const struct line_phone *phone, EVP_PKEY *key, struct buf *der)
{
	X509_REQ *request = X509_REQ_new();
	X509_NAME *subject = X509_NAME_new();
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	CHECK(request && subject);
	add_name(subject, "serialNumber", phone->serial_number);
	add_name(subject, "CN", mac);
	CHECK(X509_REQ_set_subject_name(request, subject) == 1 &&
	      X509_REQ_set_pubkey(request, key) == 1 &&
	      X509_REQ_sign(request, key, EVP_sha256()) > 0);
	put_der(request, der);
	X509_NAME_free(subject);
	X509_REQ_free(request);
}

enum err csr_from_file(const struct buf *file, struct buf *der)
{
	BIO *memory = BIO_new_mem_buf(file->bytes, (int)file->len);
	const unsigned char *next = file->bytes;
	X509_REQ *request;
	enum err err = ERR_SYNTAX;

	CHECK(memory != NULL);
	request = PEM_read_bio_X509_REQ(memory, NULL, NULL, NULL);
	if (!request)
		request = d2i_X509_REQ(NULL, &next, (long)file->len);
	if (request) {
		put_der(request, der);
		err = ERR_OK;
	}
	X509_REQ_free(request);
	BIO_free(memory);
	ERR_clear_error();
	return err;
}

void csr_put_row(const struct line_phone *phone, const struct buf *der, struct buf *rows)
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	buf_printf(
	    rows, "{\"mac\":\"%s\",\"serial_number\":\"%s\",\"csr\":\"", mac, phone->serial_number);
	base64_encode(rows, der->bytes, der->len, 0);
	buf_put_str(rows, "\"}\n");
}

void csr_put_server_row(const struct line_phone *phone, enum key_type type, struct buf *rows)
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	buf_printf(rows,
	    "{\"mac\":\"%s\",\"serial_number\":\"%s\",\"key\":\"server\",\"key_type\":\"%s\"}\n",
	    mac, phone->serial_number, key_type_name(type));
}
