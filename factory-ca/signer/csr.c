/*
 * PKCS#10 (RFC 2986) by our own DER reader. Its input is hostile; pure. Runs in the signer and in
 * the front. Only CN, serialNumber and the public key are taken out; attributes (the extensions
 * that a CSR asks for) must be well-formed and are then forgotten.
 */
#include "factory-ca/signer/csr.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/pki/der.h"
#include "factory-ca/signer/p256.h"
#include "factory-ca/signer/public_key.h"

static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03};
static const uint8_t oid_serial_number[] = {0x55, 0x04, 0x05};

/* The signature algorithms a CSR may be signed with. SHA-1 is not among them. */
static const struct signature_algorithm {
	uint8_t oid[9];
	size_t oid_len;
	int is_rsa;
	const EVP_MD *(*digest)(void);
} signature_algorithms[] = {
    {{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}, 8, 0, EVP_sha256},
    {{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03}, 8, 0, EVP_sha384},
    {{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04}, 8, 0, EVP_sha512},
    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}, 9, 1, EVP_sha256},
    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c}, 9, 1, EVP_sha384},
    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d}, 9, 1, EVP_sha512},
};

static const char not_on_curve[] = "the EC key is no point of its curve";
static const char not_possessed[] =
    "the signature of the CSR does not fit its key (no proof of possession)";

/* A CSR taken apart, before anything of it is believed. */
struct csr_parts {
	struct der_element info, subject, spki, signature;
	const struct signature_algorithm *algorithm; /* NULL: one that we do not accept */
};

static enum err refuse(enum err err, char *why, const char *sentence)
{
	snprintf(why, CSR_WHY_LEN, "%s", sentence);
	return err;
}

static const struct signature_algorithm *find_algorithm(const struct der_element *oid)
{
	size_t i, count = sizeof(signature_algorithms) / sizeof(signature_algorithms[0]);

	for (i = 0; i < count; i++)
		if (oid->content_len == signature_algorithms[i].oid_len &&
		    memcmp(oid->content, signature_algorithms[i].oid, oid->content_len) == 0)
			return &signature_algorithms[i];
	return NULL;
}

/* AlgorithmIdentifier; parameters are absent for ECDSA (RFC 5758) and NULL for RSA (RFC 4055). */
static struct der_element read_algorithm(struct cursor *in)
{
	struct der_element identifier = der_read(in, DER_SEQUENCE), oid, parameters;
	struct cursor fields = der_enter(&identifier);

	oid = der_read(&fields, DER_OID);
	if (cursor_left(&fields)) {
		parameters = der_read(&fields, DER_NULL);
		if (parameters.content_len != 0)
			fields.err = ERR_SYNTAX;
	}
	if (fields.err || cursor_left(&fields))
		in->err = ERR_SYNTAX;
	return oid;
}

static enum err take_apart(const void *der, size_t len, struct csr_parts *parts)
{
	struct cursor in = cursor_of(der, len), fields, info;
	struct der_element whole, version, oid;

	whole = der_read(&in, DER_SEQUENCE);
	fields = der_enter(&whole);
	parts->info = der_read(&fields, DER_SEQUENCE);
	oid = read_algorithm(&fields);
	parts->signature = der_read(&fields, DER_BIT_STRING);
	info = der_enter(&parts->info);
	version = der_read(&info, DER_INTEGER);
	parts->subject = der_read(&info, DER_SEQUENCE);
	parts->spki = der_read(&info, DER_SEQUENCE);
	if (cursor_left(&info))
		der_read(&info, DER_CONTEXT_CONSTRUCTED(0));
	if (in.err || fields.err || info.err || cursor_left(&in) || cursor_left(&fields) ||
	    cursor_left(&info))
		return ERR_SYNTAX;
	if (version.content_len != 1 || version.content[0] != 0 ||
	    parts->signature.content_len < 2 || parts->signature.content[0] != 0)
		return ERR_SYNTAX;
	parts->algorithm = find_algorithm(&oid);
	return ERR_OK;
}

int csr_serial_number_is_valid(const char *text, size_t len)
{
	/* PrintableString (X.680 section 41.4) without what separates names in a one-line subject:
	 * an "=" would let a serial number pose as "CN=...". */
	static const char punctuation[] = "'().-:? ";
	size_t i;

	if (len == 0 || len > CSR_SERIAL_NUMBER_MAX || text[0] == ' ' || text[len - 1] == ' ')
		return 0;
	for (i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c && strchr(punctuation, c))))
			return 0;
	}
	return 1;
}

static int is_text(const struct der_element *value)
{
	return value->tag == DER_PRINTABLE_STRING || value->tag == DER_UTF8_STRING ||
	       value->tag == DER_IA5_STRING;
}

static int is_type(const struct der_element *type, const uint8_t oid[3])
{
	return type->content_len == 3 && memcmp(type->content, oid, 3) == 0;
}

/* One attribute of the subject's names; `seen` counts CNs and serialNumbers. */
static enum err read_attribute(struct cursor *in, struct csr *csr, int seen[2], char *why)
{
	struct der_element attribute = der_read(in, DER_SEQUENCE), type, value;
	struct cursor fields = der_enter(&attribute);

	type = der_read(&fields, DER_OID);
	value = der_read_any(&fields);
	if (fields.err || cursor_left(&fields))
		return refuse(ERR_SYNTAX, why, "the subject of the CSR is not well-formed");
	if (is_type(&type, oid_common_name)) {
		if (seen[0]++)
			return refuse(ERR_SYNTAX, why, "the subject of the CSR has two CNs");
		if (!is_text(&value) ||
		    mac_parse((const char *)value.content, value.content_len, &csr->mac))
			return refuse(
			    ERR_SYNTAX, why, "the CN of the CSR is not the MAC address of a phone");
	} else if (is_type(&type, oid_serial_number)) {
		if (seen[1]++)
			return refuse(
			    ERR_SYNTAX, why, "the subject of the CSR has two serialNumbers");
		if (!is_text(&value) ||
		    !csr_serial_number_is_valid((const char *)value.content, value.content_len))
			return refuse(ERR_SYNTAX, why,
			    "the serialNumber of the CSR is not 1 to 64 letters, digits, spaces "
			    "or '().-:?");
		memcpy(csr->serial_number, value.content, value.content_len);
		csr->serial_number[value.content_len] = '\0';
	}
	return ERR_OK;
}

static enum err read_subject(const struct der_element *subject, struct csr *csr, char *why)
{
	struct cursor names = der_enter(subject);
	int seen[2] = {0, 0};
	enum err err;

	while (cursor_left(&names)) {
		struct der_element name = der_read(&names, DER_SET);
		struct cursor attributes = der_enter(&name);

		if (attributes.err || !cursor_left(&attributes))
			return refuse(ERR_SYNTAX, why, "the subject of the CSR is not well-formed");
		while (cursor_left(&attributes)) {
			err = read_attribute(&attributes, csr, seen, why);
			if (err)
				return err;
		}
	}
	if (!seen[0])
		return refuse(ERR_SYNTAX, why, "the subject of the CSR has no CN (the MAC)");
	return ERR_OK;
}

/* Everything but the signature. */
static enum err read_csr(const void *der, size_t len, struct csr_parts *parts,
    struct public_key *key, struct csr *csr, char *why)
{
	const char *key_why = NULL;
	enum err err;

	if (take_apart(der, len, parts))
		return refuse(ERR_SYNTAX, why, "this is no PKCS#10 certification request in DER");
	err = read_subject(&parts->subject, csr, why);
	if (err)
		return err;
	err = public_key_parse(parts->spki.whole, parts->spki.whole_len, key, &key_why);
	if (err)
		return refuse(err, why, key_why);
	csr->key_type = key->type;
	csr->spki = parts->spki.whole;
	csr->spki_len = parts->spki.whole_len;
	sha256(csr->spki, csr->spki_len, csr->spki_sha256);
	return ERR_OK;
}

enum err csr_parse(const void *der, size_t len, struct csr *csr, char *why)
{
	struct csr_parts parts = {0};
	struct public_key key = {0};
	struct csr found = {0};
	enum err err = read_csr(der, len, &parts, &key, &found, why);

	if (!err)
		*csr = found;
	return err;
}

enum err csr_parse_subject(const void *der, size_t len, struct csr *csr, char *why)
{
	struct csr_parts parts = {0};
	struct csr found = {.key_type = KEY_TYPE_COUNT};
	struct public_key key = {0};
	const char *key_why;
	enum err err;

	if (take_apart(der, len, &parts))
		return refuse(ERR_SYNTAX, why, "this is no PKCS#10 certification request in DER");
	err = read_subject(&parts.subject, &found, why);
	if (err)
		return err;
	if (!public_key_parse(parts.spki.whole, parts.spki.whole_len, &key, &key_why))
		found.key_type = key.type;
	*csr = found;
	return ERR_OK;
}

static enum err verify_possession(const struct csr_parts *parts, EVP_PKEY *pkey)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	enum err err = ERR_CRYPTO;

	if (!context ||
	    EVP_DigestVerifyInit(context, NULL, parts->algorithm->digest(), NULL, pkey) <= 0)
		goto out;
	err = ERR_SIGNATURE;
	if (EVP_DigestVerify(context, parts->signature.content + 1,
		parts->signature.content_len - 1, parts->info.whole, parts->info.whole_len) == 1)
		err = ERR_OK;
out:
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return err;
}

/* Possession by OpenSSL alone. */
static enum err verify_one(
    const struct csr_parts *parts, const struct public_key *key, char why[CSR_WHY_LEN])
{
	EVP_PKEY *pkey = NULL;
	enum err err = public_key_to_evp(key, &pkey);

	if (err)
		return refuse(err, why, not_on_curve);
	err = verify_possession(parts, pkey);
	EVP_PKEY_free(pkey);
	return err ? refuse(err, why, not_possessed) : ERR_OK;
}

static void claim_possession(
    const struct csr_parts *parts, const struct public_key *key, struct p256_claim *claim)
{
	*claim = (struct p256_claim){.point = key->bits,
	    .signature = parts->signature.content + 1,
	    .signature_len = parts->signature.content_len - 1};
	sha256(parts->info.whole, parts->info.whole_len, claim->digest);
}

static enum err settle(const struct p256_claim *claim, char why[CSR_WHY_LEN])
{
	switch (claim->verdict) {
	case P256_GOOD:
		return ERR_OK;
	case P256_BAD_POINT:
		return refuse(ERR_WEAK_KEY, why, not_on_curve);
	case P256_BAD_SIGNATURE:
		break;
	}
	return refuse(ERR_SIGNATURE, why, not_possessed);
}

/* Everything but possession; 1: a claim of it is left to be verified. */
static int prepare(struct csr_request *request, struct p256_claim *claim)
{
	struct csr_parts parts = {0};
	struct public_key key = {0};
	int is_rsa;

	request->err =
	    read_csr(request->der, request->len, &parts, &key, &request->csr, request->why);
	if (request->err)
		return 0;
	is_rsa = key.type == KEY_RSA2048 || key.type == KEY_RSA3072;
	if (!parts.algorithm || parts.algorithm->is_rsa != is_rsa) {
		request->err = refuse(ERR_SIGNATURE, request->why,
		    "the CSR is not signed with SHA-256, SHA-384 or SHA-512 by its own kind of "
		    "key");
	} else if (key.type == KEY_P256 && parts.algorithm->digest == EVP_sha256) {
		claim_possession(&parts, &key, claim);
		return 1;
	} else {
		request->err = verify_one(&parts, &key, request->why);
	}
	return 0;
}

void csr_verify_all(struct csr_request *requests, size_t count)
{
	struct p256_claim claims[CSR_BATCH_MAX];
	struct csr_request *claimants[CSR_BATCH_MAX];
	size_t claimed = 0, i;

	CHECK(count <= CSR_BATCH_MAX);
	for (i = 0; i < count; i++)
		if (prepare(&requests[i], &claims[claimed]))
			claimants[claimed++] = &requests[i];
	if (claimed > 0)
		p256_verify(claims, claimed);
	for (i = 0; i < claimed; i++)
		claimants[i]->err = settle(&claims[i], claimants[i]->why);
}

enum err csr_verify(const void *der, size_t len, struct csr *csr, char *why)
{
	struct csr_request request = {.der = der, .len = len};

	csr_verify_all(&request, 1);
	if (request.err)
		memcpy(why, request.why, CSR_WHY_LEN);
	else
		*csr = request.csr;
	return request.err;
}
