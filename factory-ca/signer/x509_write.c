/*
 * Pieces of RFC 5280 as DER. Its input is ours; pure but for random serials and the key store that
 * signs. Runs in the signer and the ceremony. It decides nothing about who gets what.
 */
#include "factory-ca/signer/x509_write.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/der.h"

const struct oid x509_eku_client_auth = {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02}, 8};
const struct oid x509_eku_ocsp_signing = {{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09}, 8};

enum err oid_parse(const char *dotted, struct oid *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(dotted, 1);
	size_t len = object ? OBJ_length(object) : 0;
	enum err err = ERR_SYNTAX;

	if (len > 0 && len <= sizeof(oid->bytes)) {
		memcpy(oid->bytes, OBJ_get0_data(object), len);
		oid->len = len;
		err = ERR_OK;
	}
	ASN1_OBJECT_free(object);
	ERR_clear_error();
	return err;
}

struct oid oid_below(const struct oid *arc, uint8_t first, uint8_t second)
{
	struct oid below = *arc;

	CHECK(first < 0x80 && second < 0x80 && below.len + 2 <= sizeof(below.bytes));
	below.bytes[below.len++] = first;
	below.bytes[below.len++] = second;
	return below;
}

void x509_serial_random(uint8_t serial[X509_SERIAL_LEN])
{
	random_fill(serial, X509_SERIAL_LEN);
	serial[0] = 0x40 | (serial[0] & 0x3f);
}

void x509_put_rdn(struct buf *out, enum x509_attribute attribute, const char *text)
{
	static const uint8_t last_arc[] = {
	    [X509_O] = 10, [X509_OU] = 11, [X509_CN] = 3, [X509_SERIAL_NUMBER] = 5};
	const uint8_t oid[] = {0x55, 0x04, last_arc[attribute]};
	size_t set = der_begin(out, DER_SET), pair = der_begin(out, DER_SEQUENCE);

	der_put_oid(out, oid, sizeof(oid));
	/* X.520 wants PrintableString for serialNumber; RFC 5280 UTF8String for what is new. */
	der_put(out, attribute == X509_SERIAL_NUMBER ? DER_PRINTABLE_STRING : DER_UTF8_STRING, text,
	    strlen(text));
	der_end(out, pair);
	der_end(out, set);
}

void x509_put_signature_algorithm(struct buf *out, enum ca_key_algorithm algorithm)
{
	/* ecdsa-with-SHA256 and ecdsa-with-SHA384 (RFC 5758 section 3.2): no parameters. */
	const uint8_t oid[] = {
	    0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, algorithm == CA_ALGORITHM_P384 ? 0x03 : 0x02};
	size_t mark = der_begin(out, DER_SEQUENCE);

	CHECK(algorithm != CA_ALGORITHM_HMAC_SHA256);
	der_put_oid(out, oid, sizeof(oid));
	der_end(out, mark);
}

void x509_key_id(const void *bits, size_t len, uint8_t key_id[X509_KEY_ID_LEN])
{
	uint8_t digest[SHA256_LEN];

	sha256(bits, len, digest);
	memcpy(key_id, digest, X509_KEY_ID_LEN);
}

enum err x509_key_id_of_spki(const void *spki, size_t len, uint8_t key_id[X509_KEY_ID_LEN])
{
	struct cursor in = cursor_of(spki, len), fields;
	struct der_element sequence = der_read(&in, DER_SEQUENCE), bits;

	fields = der_enter(&sequence);
	der_read(&fields, DER_SEQUENCE);
	bits = der_read(&fields, DER_BIT_STRING);
	if (in.err || fields.err || cursor_left(&in) || cursor_left(&fields) ||
	    bits.content_len < 2)
		return ERR_SYNTAX;
	x509_key_id(bits.content + 1, bits.content_len - 1, key_id);
	return ERR_OK;
}

void x509_put_tbs(struct buf *out, const struct x509_tbs *tbs)
{
	static const uint8_t version_3[] = {2};
	size_t whole = der_begin(out, DER_SEQUENCE), mark;

	mark = der_begin(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put_uint(out, version_3, sizeof(version_3));
	der_end(out, mark);
	der_put_uint(out, tbs->serial, X509_SERIAL_LEN);
	x509_put_signature_algorithm(out, tbs->algorithm);
	buf_put(out, tbs->issuer, tbs->issuer_len);
	mark = der_begin(out, DER_SEQUENCE);
	der_put_time(out, tbs->not_before_unix_s);
	der_put_time(out, tbs->not_after_unix_s);
	der_end(out, mark);
	buf_put(out, tbs->subject, tbs->subject_len);
	buf_put(out, tbs->spki, tbs->spki_len);
	mark = der_begin(out, DER_CONTEXT_CONSTRUCTED(3));
	der_put(out, DER_SEQUENCE, tbs->extensions, tbs->extensions_len);
	der_end(out, mark);
	der_end(out, whole);
}

struct x509_extension x509_extension_begin(
    struct buf *out, const uint8_t *oid, size_t oid_len, int critical)
{
	static const uint8_t yes[] = {0xff};
	struct x509_extension marks;

	marks.extension = der_begin(out, DER_SEQUENCE);
	der_put_oid(out, oid, oid_len);
	if (critical)
		der_put(out, DER_BOOLEAN, yes, sizeof(yes));
	marks.value = der_begin(out, DER_OCTET_STRING);
	return marks;
}

void x509_extension_end(struct buf *out, struct x509_extension marks)
{
	der_end(out, marks.value);
	der_end(out, marks.extension);
}

/* An extension of the id-ce arc, 2.5.29.N. */
static struct x509_extension begin_ce(struct buf *out, uint8_t number, int critical)
{
	const uint8_t oid[] = {0x55, 0x1d, number};

	return x509_extension_begin(out, oid, sizeof(oid), critical);
}

void x509_put_basic_constraints(struct buf *out, int is_ca, int path_len)
{
	static const uint8_t yes[] = {0xff};
	const uint8_t len[] = {(uint8_t)path_len};
	struct x509_extension marks = begin_ce(out, 19, 1);
	size_t sequence = der_begin(out, DER_SEQUENCE);

	/* CA false is the DEFAULT and not encoded in DER. */
	if (is_ca)
		der_put(out, DER_BOOLEAN, yes, sizeof(yes));
	if (is_ca && path_len >= 0)
		der_put_uint(out, len, sizeof(len));
	der_end(out, sequence);
	x509_extension_end(out, marks);
}

void x509_put_key_usage(struct buf *out, unsigned usage)
{
	struct x509_extension marks = begin_ce(out, 15, 1);
	uint8_t content[2] = {0, 0};
	unsigned bit;

	/* A named bit list: bit 0 is the top bit, trailing zero bits are not encoded. */
	for (bit = 0; bit < 8; bit++) {
		if (usage & 1U << bit) {
			content[1] |= (uint8_t)(0x80 >> bit);
			content[0] = (uint8_t)(7 - bit);
		}
	}
	der_put(out, DER_BIT_STRING, content, sizeof(content));
	x509_extension_end(out, marks);
}

void x509_put_extended_key_usage(struct buf *out, const struct oid *usages, size_t count)
{
	struct x509_extension marks = begin_ce(out, 37, 0);
	size_t sequence = der_begin(out, DER_SEQUENCE), i;

	for (i = 0; i < count; i++)
		der_put_oid(out, usages[i].bytes, usages[i].len);
	der_end(out, sequence);
	x509_extension_end(out, marks);
}

void x509_put_subject_key_id(struct buf *out, const uint8_t key_id[X509_KEY_ID_LEN])
{
	struct x509_extension marks = begin_ce(out, 14, 0);

	der_put(out, DER_OCTET_STRING, key_id, X509_KEY_ID_LEN);
	x509_extension_end(out, marks);
}

void x509_put_authority_key_id(struct buf *out, const uint8_t key_id[X509_KEY_ID_LEN])
{
	struct x509_extension marks = begin_ce(out, 35, 0);
	size_t sequence = der_begin(out, DER_SEQUENCE);

	der_put(out, DER_CONTEXT(0), key_id, X509_KEY_ID_LEN);
	der_end(out, sequence);
	x509_extension_end(out, marks);
}

void x509_put_policy(struct buf *out, const struct oid *policy)
{
	struct x509_extension marks = begin_ce(out, 32, 0);
	size_t policies = der_begin(out, DER_SEQUENCE), one = der_begin(out, DER_SEQUENCE);

	der_put_oid(out, policy->bytes, policy->len);
	der_end(out, one);
	der_end(out, policies);
	x509_extension_end(out, marks);
}

void x509_put_crl_distribution_point(struct buf *out, const char *url)
{
	struct x509_extension marks = begin_ce(out, 31, 0);
	size_t points = der_begin(out, DER_SEQUENCE), point = der_begin(out, DER_SEQUENCE);
	size_t name = der_begin(out, DER_CONTEXT_CONSTRUCTED(0));
	size_t full_name = der_begin(out, DER_CONTEXT_CONSTRUCTED(0));

	der_put(out, DER_CONTEXT(6), url, strlen(url));
	der_end(out, full_name);
	der_end(out, name);
	der_end(out, point);
	der_end(out, points);
	x509_extension_end(out, marks);
}

static void put_access(struct buf *out, uint8_t method, const char *url)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, method};
	size_t mark = der_begin(out, DER_SEQUENCE);

	der_put_oid(out, oid, sizeof(oid));
	der_put(out, DER_CONTEXT(6), url, strlen(url));
	der_end(out, mark);
}

void x509_put_authority_info_access(struct buf *out, const char *issuer_url, const char *ocsp_url)
{
	static const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01};
	enum { METHOD_OCSP = 1, METHOD_CA_ISSUERS = 2 };
	struct x509_extension marks = x509_extension_begin(out, oid, sizeof(oid), 0);
	size_t sequence = der_begin(out, DER_SEQUENCE);

	put_access(out, METHOD_CA_ISSUERS, issuer_url);
	if (*ocsp_url)
		put_access(out, METHOD_OCSP, ocsp_url);
	der_end(out, sequence);
	x509_extension_end(out, marks);
}

static void put_signed(const struct x509_signing *signing, const struct buf *signature)
{
	size_t mark = der_begin(signing->out, DER_SEQUENCE);

	buf_put(signing->out, signing->tbs->bytes, signing->tbs->len);
	x509_put_signature_algorithm(signing->out, ca_key_algorithm(signing->key));
	der_put_bit_string(signing->out, signature->bytes, signature->len);
	der_end(signing->out, mark);
}

enum err x509_sign_all(struct keystore *store, const struct x509_signing *signings, size_t count)
{
	struct keystore_signature signatures[X509_SIGNINGS_MAX] = {0};
	enum err err = ERR_OK;
	size_t i;

	CHECK(count <= X509_SIGNINGS_MAX);
	for (i = 0; i < count && !err; i++) {
		const struct buf *tbs = signings[i].tbs;

		signatures[i].key = signings[i].key;
		signatures[i].bytes = tbs->bytes;
		signatures[i].len = tbs->len;
		err = tbs->err;
		if (!err)
			err = keystore_sign(
			    store, signings[i].key, tbs->bytes, tbs->len, &signatures[i].signature);
	}
	/* A fault while signing would give the key away with the bad signature: look first. */
	if (!err)
		err = keystore_verify_all(store, signatures, count);
	for (i = 0; i < count && !err; i++) {
		put_signed(&signings[i], &signatures[i].signature);
		err = signings[i].out->err;
	}
	for (i = 0; i < count; i++)
		buf_free(&signatures[i].signature);
	return err;
}

enum err x509_sign(struct keystore *store, enum ca_key key, const struct buf *tbs, struct buf *out)
{
	const struct x509_signing one = {key, tbs, out};

	return x509_sign_all(store, &one, 1);
}
