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
	size_t i;

	buf_free(&signed_statement->text);
	for (i = 0; i < STATEMENT_SIGNATURES_MAX; i++) {
		buf_free(&signed_statement->by[i].certificate);
		buf_free(&signed_statement->by[i].signature);
	}
	signed_statement->signature_count = 0;
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

/* Certificate and signature over the text, as the next of the statement. */
static enum err add_signature(struct signed_statement *signed_statement, X509 *certificate,
    EVP_PKEY *key, char *why, size_t why_len)
{
	struct statement_signature *by = &signed_statement->by[signed_statement->signature_count];
	unsigned char *der = NULL;
	enum err err = ERR_OK;
	int der_len;

	if (X509_check_private_key(certificate, key) != 1) {
		err = say(ERR_SIGNATURE, why, why_len,
		    "the operator's key does not belong to the operator's certificate");
		goto out;
	}
	der_len = i2d_X509(certificate, &der);
	if (der_len <= 0) {
		err = say(ERR_CRYPTO, why, why_len, "the operator's certificate cannot be written");
		goto out;
	}
	err = sign_text(key, &signed_statement->text, &by->signature);
	if (err) {
		say(err, why, why_len, "the operator's key cannot sign");
		goto out;
	}
	buf_put(&by->certificate, der, (size_t)der_len);
	signed_statement->signature_count++;
out:
	OPENSSL_free(der);
	ERR_clear_error();
	return err;
}

enum err statement_sign(const struct statement *statement, X509 *operator_certificate,
    EVP_PKEY *operator_key, struct signed_statement *signed_statement, char *why, size_t why_len)
{
	struct signed_statement made = {0};
	enum err err = statement_print(statement, &made.text, why, why_len);

	if (!err)
		err = add_signature(&made, operator_certificate, operator_key, why, why_len);
	if (err)
		signed_statement_free(&made);
	else
		*signed_statement = made;
	return err;
}

static X509 *read_certificate(const struct statement_signature *by)
{
	const unsigned char *der = by->certificate.bytes;
	X509 *certificate = NULL;

	if (by->certificate.len == 0)
		return NULL;
	certificate = d2i_X509(NULL, &der, (long)by->certificate.len);
	if (certificate && der != by->certificate.bytes + by->certificate.len) {
		X509_free(certificate);
		certificate = NULL;
	}
	ERR_clear_error();
	return certificate;
}

/* Two certificates of one person, or of one key, are one signature. */
static int is_same_person(const struct statement_signature *by, X509 *certificate)
{
	X509 *first = read_certificate(by);
	EVP_PKEY *key = first ? X509_get0_pubkey(first) : NULL;
	int same;

	if (!first)
		return 0;
	same = X509_NAME_cmp(X509_get_subject_name(first), X509_get_subject_name(certificate)) == 0;
	if (key && EVP_PKEY_eq(key, X509_get0_pubkey(certificate)) == 1)
		same = 1;
	X509_free(first);
	ERR_clear_error();
	return same;
}

enum err statement_sign_too(struct signed_statement *signed_statement, X509 *operator_certificate,
    EVP_PKEY *operator_key, char *why, size_t why_len)
{
	if (signed_statement->signature_count >= STATEMENT_SIGNATURES_MAX)
		return say(ERR_EXISTS, why, why_len, "two operators have signed it already");
	if (is_same_person(&signed_statement->by[0], operator_certificate))
		return say(ERR_EXISTS, why, why_len,
		    "this operator has signed it already; the second signature is another "
		    "person's");
	return add_signature(signed_statement, operator_certificate, operator_key, why, why_len);
}

int line_certificate_has_usage(X509 *certificate, const char *dotted)
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
enum err line_certificate_verify(
    X509 *certificate, X509 *ca, int64_t now_unix_s, const char *whose, char *why, size_t why_len)
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
		err = say(ERR_SIGNATURE, why, why_len, "the %s certificate: %s", whose,
		    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
out:
	if (err == ERR_CRYPTO)
		say(err, why, why_len, "the %s certificate cannot be checked", whose);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return err;
}

static enum err verify_text(X509 *certificate, const struct buf *text,
    const struct statement_signature *by, char *why, size_t why_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	enum err err = ERR_OK;

	if (!context || !key || EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestVerify(
		context, by->signature.bytes, by->signature.len, text->bytes, text->len) != 1)
		err = say(ERR_SIGNATURE, why, why_len,
		    "the statement's signature does not fit the operator's key");
	EVP_MD_CTX_free(context);
	return err;
}

/* One signature, and that it is another person's than the one before. */
static enum err verify_one(const struct signed_statement *signed_statement, size_t i,
    X509 *line_access_ca, const char *operator_eku, int64_t now_unix_s, char *why, size_t why_len)
{
	const struct statement_signature *by = &signed_statement->by[i];
	X509 *certificate = read_certificate(by);
	enum err err;

	if (!certificate)
		return say(
		    ERR_SIGNATURE, why, why_len, "the statement carries no operator's certificate");
	err = line_certificate_verify(
	    certificate, line_access_ca, now_unix_s, "operator's", why, why_len);
	if (!err && !line_certificate_has_usage(certificate, operator_eku))
		err = say(ERR_SIGNATURE, why, why_len,
		    "the certificate is not an operator's (extended key usage %s is missing)",
		    operator_eku);
	if (!err)
		err = verify_text(certificate, &signed_statement->text, by, why, why_len);
	if (!err && i > 0 && is_same_person(&signed_statement->by[0], certificate))
		err = say(ERR_SIGNATURE, why, why_len, "both signatures are of one operator");
	X509_free(certificate);
	ERR_clear_error();
	return err;
}

enum err statement_verify(const struct signed_statement *signed_statement, X509 *line_access_ca,
    const char *operator_eku, int64_t now_unix_s, struct statement *statement, char *why,
    size_t why_len)
{
	enum err err = ERR_OK;
	size_t i;

	if (signed_statement->signature_count == 0)
		return say(ERR_SIGNATURE, why, why_len, "nobody has signed the statement");
	for (i = 0; i < signed_statement->signature_count && !err; i++)
		err = verify_one(
		    signed_statement, i, line_access_ca, operator_eku, now_unix_s, why, why_len);
	if (err)
		return err;
	return statement_parse((const char *)signed_statement->text.bytes,
	    signed_statement->text.len, statement, why, why_len);
}

void statement_signer_name(
    const struct statement_signature *signature, char name[STATEMENT_NAME_MAX + 1])
{
	X509 *certificate = read_certificate(signature);
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

struct fingerprint statement_signer(const struct statement_signature *signature)
{
	struct fingerprint fingerprint;

	sha256(signature->certificate.bytes, signature->certificate.len, fingerprint.bytes);
	return fingerprint;
}

static void put_blob(struct buf *out, const struct buf *blob)
{
	CHECK(blob->len <= UINT16_MAX);
	buf_put_u16(out, (uint16_t)blob->len);
	buf_put(out, blob->bytes, blob->len);
}

void signed_statement_encode(struct buf *out, const struct signed_statement *signed_statement)
{
	size_t i;

	CHECK(signed_statement->signature_count >= 1);
	put_blob(out, &signed_statement->text);
	for (i = 0; i < signed_statement->signature_count; i++) {
		put_blob(out, &signed_statement->by[i].certificate);
		put_blob(out, &signed_statement->by[i].signature);
	}
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
	/* Two of each and the text fit an entry of the journal. */
	enum { CERTIFICATE_MAX = 4096, SIGNATURE_MAX = 1024 };
	struct signed_statement found = {0};

	get_blob(&in, &found.text, STATEMENT_TEXT_MAX);
	do {
		struct statement_signature *by = &found.by[found.signature_count++];

		get_blob(&in, &by->certificate, CERTIFICATE_MAX);
		get_blob(&in, &by->signature, SIGNATURE_MAX);
	} while (!in.err && cursor_left(&in) && found.signature_count < STATEMENT_SIGNATURES_MAX);
	if (in.err || cursor_left(&in)) {
		signed_statement_free(&found);
		return ERR_SYNTAX;
	}
	*signed_statement = found;
	return ERR_OK;
}
