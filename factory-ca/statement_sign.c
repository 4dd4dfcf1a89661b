/*
 * Signatures on statements, and the one binary form in which a signed statement travels. The bytes
 * come from whoever claims to be an operator: only a certificate directly under the line-access CA
 * with the operator EKU is one. Pure; runs in the command line (signs) and the signer (verifies).
 */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "factory-ca/statement.h"

static enum err say(enum err err, char *why, size_t why_len, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static enum err say(enum err err, char *why, size_t why_len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_len, format, args);
	va_end(args);
	return err;
}

void signed_statement_free(struct signed_statement *signed_statement)
{
	buf_free(&signed_statement->text);
	buf_free(&signed_statement->certificate);
	buf_free(&signed_statement->signature);
}

static enum err sign_text(EVP_PKEY *key, const struct buf *text, struct buf *signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t bytes[1024];
	size_t len = sizeof(bytes);
	enum err err = ERR_CRYPTO;

	if (context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(context, bytes, &len, text->bytes, text->len) == 1) {
		buf_put(signature, bytes, len);
		err = ERR_OK;
	}
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return err;
}

enum err statement_sign(const struct statement *statement, X509 *operator_certificate,
    EVP_PKEY *operator_key, struct signed_statement *signed_statement, char *why, size_t why_len)
{
	struct signed_statement made = {0};
	unsigned char *der = NULL;
	enum err err;
	int der_len;

	err = statement_print(statement, &made.text, why, why_len);
	if (err)
		goto out;
	if (X509_check_private_key(operator_certificate, operator_key) != 1) {
		err = say(ERR_SIGNATURE, why, why_len,
		    "the operator's key does not belong to the operator's certificate");
		goto out;
	}
	der_len = i2d_X509(operator_certificate, &der);
	if (der_len <= 0) {
		err = say(ERR_CRYPTO, why, why_len, "the operator's certificate cannot be written");
		goto out;
	}
	buf_put(&made.certificate, der, (size_t)der_len);
	err = sign_text(operator_key, &made.text, &made.signature);
	if (err) {
		say(err, why, why_len, "the operator's key cannot sign");
		goto out;
	}
	*signed_statement = made;
	memset(&made, 0, sizeof(made));
out:
	OPENSSL_free(der);
	ERR_clear_error();
	signed_statement_free(&made);
	return err;
}

static int has_extended_usage(X509 *certificate, const char *dotted)
{
	EXTENDED_KEY_USAGE *usages = NULL;
	ASN1_OBJECT *wanted = OBJ_txt2obj(dotted, 1);
	int i, found = 0;

	usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
	for (i = 0; wanted && i < sk_ASN1_OBJECT_num(usages); i++)
		if (OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted) == 0)
			found = 1;
	EXTENDED_KEY_USAGE_free(usages);
	ASN1_OBJECT_free(wanted);
	return found;
}

/* Directly under the CA, which is the one trust anchor, and valid at that moment. */
static enum err verify_chain(
    X509 *certificate, X509 *ca, int64_t now_unix_s, char *why, size_t why_len)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	enum err err = ERR_CRYPTO;

	if (!store || !context || !X509_STORE_add_cert(store, ca) ||
	    !X509_STORE_CTX_init(context, store, certificate, NULL))
		goto out;
	X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context),
	    X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_depth(X509_STORE_CTX_get0_param(context), 0);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)now_unix_s);
	err = ERR_OK;
	if (X509_verify_cert(context) != 1)
		err = say(ERR_SIGNATURE, why, why_len, "the operator's certificate: %s",
		    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
out:
	if (err == ERR_CRYPTO)
		say(err, why, why_len, "the operator's certificate cannot be checked");
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return err;
}

static enum err verify_text(
    X509 *certificate, const struct signed_statement *signed_statement, char *why, size_t why_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	enum err err = ERR_OK;

	if (!context || !key || EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestVerify(context, signed_statement->signature.bytes,
		signed_statement->signature.len, signed_statement->text.bytes,
		signed_statement->text.len) != 1)
		err = say(ERR_SIGNATURE, why, why_len,
		    "the statement's signature does not fit the operator's key");
	EVP_MD_CTX_free(context);
	return err;
}

static X509 *read_certificate(const struct signed_statement *signed_statement)
{
	const unsigned char *der = signed_statement->certificate.bytes;
	X509 *certificate = NULL;

	if (signed_statement->certificate.len == 0)
		return NULL;
	certificate = d2i_X509(NULL, &der, (long)signed_statement->certificate.len);
	if (certificate &&
	    der != signed_statement->certificate.bytes + signed_statement->certificate.len) {
		X509_free(certificate);
		certificate = NULL;
	}
	ERR_clear_error();
	return certificate;
}

enum err statement_verify(const struct signed_statement *signed_statement, X509 *line_access_ca,
    const char *operator_eku, int64_t now_unix_s, struct statement *statement, char *why,
    size_t why_len)
{
	X509 *certificate = read_certificate(signed_statement);
	enum err err;

	if (!certificate) {
		err = say(
		    ERR_SIGNATURE, why, why_len, "the statement carries no operator's certificate");
		goto out;
	}
	err = verify_chain(certificate, line_access_ca, now_unix_s, why, why_len);
	if (err)
		goto out;
	if (!has_extended_usage(certificate, operator_eku)) {
		err = say(ERR_SIGNATURE, why, why_len,
		    "the certificate is not an operator's (extended key usage %s is missing)",
		    operator_eku);
		goto out;
	}
	err = verify_text(certificate, signed_statement, why, why_len);
	if (err)
		goto out;
	err = statement_parse((const char *)signed_statement->text.bytes,
	    signed_statement->text.len, statement, why, why_len);
out:
	X509_free(certificate);
	ERR_clear_error();
	return err;
}

void signed_statement_operator(
    const struct signed_statement *signed_statement, char name[STATEMENT_NAME_MAX + 1])
{
	X509 *certificate = read_certificate(signed_statement);
	char text[STATEMENT_NAME_MAX + 1] = "";
	int len = -1;

	if (certificate)
		len = X509_NAME_get_text_by_NID(
		    X509_get_subject_name(certificate), NID_commonName, text, sizeof(text));
	if (len < 0 || !statement_word_is_valid(text, (size_t)len, STATEMENT_NAME_MAX))
		text[0] = '\0';
	memcpy(name, text, sizeof(text));
	X509_free(certificate);
	ERR_clear_error();
}

static void put_blob(struct buf *out, const struct buf *blob)
{
	CHECK(blob->len <= UINT16_MAX);
	buf_put_u16(out, (uint16_t)blob->len);
	buf_put(out, blob->bytes, blob->len);
}

void signed_statement_encode(struct buf *out, const struct signed_statement *signed_statement)
{
	put_blob(out, &signed_statement->text);
	put_blob(out, &signed_statement->certificate);
	put_blob(out, &signed_statement->signature);
}

static void get_blob(struct cursor *in, struct buf *blob, size_t max)
{
	size_t len = cursor_u16(in);
	const uint8_t *bytes = cursor_bytes(in, len);

	if (in->err || len == 0 || len > max)
		in->err = ERR_SYNTAX;
	else
		buf_put(blob, bytes, len);
}

enum err signed_statement_decode(struct cursor in, struct signed_statement *signed_statement)
{
	enum { CERTIFICATE_MAX = 8192, SIGNATURE_MAX = 1024 };
	struct signed_statement found = {0};

	get_blob(&in, &found.text, STATEMENT_TEXT_MAX);
	get_blob(&in, &found.certificate, CERTIFICATE_MAX);
	get_blob(&in, &found.signature, SIGNATURE_MAX);
	if (in.err || cursor_left(&in)) {
		signed_statement_free(&found);
		return ERR_SYNTAX;
	}
	*signed_statement = found;
	return ERR_OK;
}
