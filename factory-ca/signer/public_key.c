/*
 * A phone's public key: kind, size, known weaknesses. Its input is hostile; pure. Runs in the
 * signer, before anything is reserved for the key, and in the front. It does not test primality:
 * the factors of a public key are not to be had.
 */
#include "factory-ca/signer/public_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <string.h>

#include "common/pki/der.h"

static const uint8_t oid_ec_public_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
static const uint8_t oid_rsa_encryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};

/* RFC 8017 does not forbid small exponents; FIPS 186-5 section A.1.1 wants 2^16 < e < 2^256. */
enum { EXPONENT_MIN = 65537, EXPONENT_OCTETS_MAX = 32 };

static int element_is(const struct der_element *element, const void *bytes, size_t len)
{
	return element->content_len == len && memcmp(element->content, bytes, len) == 0;
}

/* The remainder of a big-endian number, octet by octet. */
static uint32_t remainder_of(const uint8_t *number, size_t len, uint32_t divisor)
{
	uint32_t rest = 0;
	size_t i;

	for (i = 0; i < len; i++)
		rest = (rest << 8 | number[i]) % divisor;
	return rest;
}

/* The odd primes up to 167: the fingerprint of ROCA looks at them, and no sound modulus has one of
 * them as a factor. */
static const uint8_t small_primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59,
    61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163,
    167};

static int is_power_of_65537(uint32_t rest, uint32_t prime)
{
	uint32_t power = 1;

	do {
		if (power == rest)
			return 1;
		power = power * (65537 % prime) % prime;
	} while (power != 1);
	return 0;
}

int public_key_is_roca(const uint8_t *modulus, size_t len)
{
	size_t i;

	/* The weak generator's primes are k*M + (65537^a mod M), M a product of small primes: so
	 * the modulus is a power of 65537 modulo each of them. One in 2^27 sound keys is, too. */
	for (i = 0; i < sizeof(small_primes); i++)
		if (!is_power_of_65537(
			remainder_of(modulus, len, small_primes[i]), small_primes[i]))
			return 0;
	return 1;
}

static int has_small_factor(const uint8_t *modulus, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(small_primes); i++)
		if (remainder_of(modulus, len, small_primes[i]) == 0)
			return 1;
	return 0;
}

/* A positive INTEGER in its shortest form, without the sign octet. */
static enum err read_positive(struct cursor *in, const uint8_t **bytes, size_t *len)
{
	struct der_element integer = der_read(in, DER_INTEGER);

	if (in->err || integer.content_len == 0 || integer.content[0] & 0x80)
		return ERR_SYNTAX;
	*bytes = integer.content;
	*len = integer.content_len;
	if (integer.content[0] == 0 && integer.content_len > 1) {
		if (!(integer.content[1] & 0x80))
			return ERR_SYNTAX;
		*bytes += 1;
		*len -= 1;
	}
	return ERR_OK;
}

static enum err check_exponent(const struct public_key *key, const char **why)
{
	uint32_t value = 0;
	size_t i;

	*why = "the RSA exponent is not an odd number of at least 65537";
	if (key->exponent_len > EXPONENT_OCTETS_MAX || !(key->exponent[key->exponent_len - 1] & 1))
		return ERR_WEAK_KEY;
	for (i = 0; key->exponent_len <= 4 && i < key->exponent_len; i++)
		value = value << 8 | key->exponent[i];
	if (key->exponent_len <= 4 && value < EXPONENT_MIN)
		return ERR_WEAK_KEY;
	return ERR_OK;
}

static enum err parse_rsa(struct public_key *key, const char **why)
{
	struct cursor in = cursor_of(key->bits, key->bits_len);
	struct der_element sequence = der_read(&in, DER_SEQUENCE);
	struct cursor fields = der_enter(&sequence);

	*why = "the RSA key is not a modulus and an exponent";
	if (in.err || cursor_left(&in) ||
	    read_positive(&fields, &key->modulus, &key->modulus_len) ||
	    read_positive(&fields, &key->exponent, &key->exponent_len) || cursor_left(&fields))
		return ERR_SYNTAX;
	if (key->modulus_len == 2048 / 8 && key->modulus[0] & 0x80) {
		key->type = KEY_RSA2048;
	} else if (key->modulus_len == 3072 / 8 && key->modulus[0] & 0x80) {
		key->type = KEY_RSA3072;
	} else {
		*why = "an RSA key must have 2048 or 3072 bits";
		return key->modulus_len < 2048 / 8 ? ERR_WEAK_KEY : ERR_RANGE;
	}
	if (check_exponent(key, why))
		return ERR_WEAK_KEY;
	*why = "the RSA modulus is even or has a small factor";
	if (!(key->modulus[key->modulus_len - 1] & 1) ||
	    has_small_factor(key->modulus, key->modulus_len))
		return ERR_WEAK_KEY;
	*why = "the RSA key comes from a broken generator (ROCA, CVE-2017-15361)";
	if (public_key_is_roca(key->modulus, key->modulus_len))
		return ERR_WEAK_KEY;
	return ERR_OK;
}

static enum err parse_ec(struct public_key *key, const struct der_element *curve, const char **why)
{
	size_t coordinate;

	if (element_is(curve, oid_p256, sizeof(oid_p256))) {
		key->type = KEY_P256;
		coordinate = 32;
	} else if (element_is(curve, oid_p384, sizeof(oid_p384))) {
		key->type = KEY_P384;
		coordinate = 48;
	} else {
		*why = "the curve is neither P-256 nor P-384";
		return ERR_RANGE;
	}
	*why = "the EC key is not an uncompressed point";
	if (key->bits_len != 1 + 2 * coordinate || key->bits[0] != 0x04)
		return ERR_SYNTAX;
	return ERR_OK;
}

enum err public_key_parse(const void *spki, size_t len, struct public_key *key, const char **why)
{
	struct cursor in = cursor_of(spki, len), fields, algorithm;
	struct der_element sequence, identifier, oid, parameters, bits;
	struct public_key found = {0};
	enum err err;

	sequence = der_read(&in, DER_SEQUENCE);
	fields = der_enter(&sequence);
	identifier = der_read(&fields, DER_SEQUENCE);
	bits = der_read(&fields, DER_BIT_STRING);
	algorithm = der_enter(&identifier);
	oid = der_read(&algorithm, DER_OID);
	parameters = der_read_any(&algorithm);
	*why = "the public key is not a SubjectPublicKeyInfo";
	if (in.err || fields.err || cursor_left(&in) || cursor_left(&fields) ||
	    bits.content_len < 2 || bits.content[0] != 0)
		return ERR_SYNTAX;
	found.bits = bits.content + 1;
	found.bits_len = bits.content_len - 1;
	*why = "the key is neither EC nor RSA";
	if (algorithm.err || cursor_left(&algorithm))
		return ERR_RANGE;
	/* Parameters that are spelt out may be anything (RFC 5480 section 2.1.1 forbids them). */
	if (element_is(&oid, oid_ec_public_key, sizeof(oid_ec_public_key)))
		err = parameters.tag == DER_OID ? parse_ec(&found, &parameters, why) : ERR_WEAK_KEY;
	else if (element_is(&oid, oid_rsa_encryption, sizeof(oid_rsa_encryption)) &&
		 parameters.tag == DER_NULL && parameters.content_len == 0)
		err = parse_rsa(&found, why);
	else
		err = ERR_RANGE;
	if (err)
		return err;
	*key = found;
	return ERR_OK;
}

/* OpenSSL wants the numbers of a key in the machine's byte order. */
static void reverse(uint8_t *to, const uint8_t *from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = from[len - 1 - i];
}

static EVP_PKEY *from_params(const char *type, int selection, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *made = NULL;

	CHECK(context && EVP_PKEY_fromdata_init(context) > 0);
	if (EVP_PKEY_fromdata(context, &made, selection, params) <= 0)
		made = NULL;
	EVP_PKEY_CTX_free(context);
	return made;
}

/* A key without a point. OpenSSL makes a curve anew for each key that comes as parameters, which
 * costs as much as signing; a copy of an empty key costs a quarter of that. Made once. */
static EVP_PKEY *empty_key(enum key_type type)
{
	static _Atomic(EVP_PKEY *) known[KEY_TYPE_COUNT];
	EVP_PKEY *empty = atomic_load(&known[type]), *none = NULL;
	char p256[] = "P-256", p384[] = "P-384";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(
				   OSSL_PKEY_PARAM_GROUP_NAME, type == KEY_P256 ? p256 : p384, 0),
	    OSSL_PARAM_END};

	if (empty)
		return empty;
	empty = from_params("EC", EVP_PKEY_KEY_PARAMETERS, params);
	CHECK(empty != NULL);
	if (atomic_compare_exchange_strong(&known[type], &none, empty))
		return empty;
	EVP_PKEY_free(empty); /* another thread was first */
	return none;
}

static EVP_PKEY *ec_to_evp(const struct public_key *key)
{
	EVP_PKEY *made = EVP_PKEY_dup(empty_key(key->type));

	CHECK(made != NULL);
	if (EVP_PKEY_set1_encoded_public_key(made, key->bits, key->bits_len) == 1)
		return made;
	EVP_PKEY_free(made);
	return NULL;
}

static EVP_PKEY *rsa_to_evp(const struct public_key *key)
{
	uint8_t modulus[3072 / 8], exponent[EXPONENT_OCTETS_MAX];
	OSSL_PARAM params[3] = {OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END};

	CHECK(key->modulus_len <= sizeof(modulus) && key->exponent_len <= sizeof(exponent));
	reverse(modulus, key->modulus, key->modulus_len);
	reverse(exponent, key->exponent, key->exponent_len);
	params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus, key->modulus_len);
	params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, exponent, key->exponent_len);
	return from_params("RSA", EVP_PKEY_PUBLIC_KEY, params);
}

enum err public_key_to_evp(const struct public_key *key, EVP_PKEY **pkey)
{
	int is_rsa = key->type == KEY_RSA2048 || key->type == KEY_RSA3072;
	EVP_PKEY *made = is_rsa ? rsa_to_evp(key) : ec_to_evp(key);

	if (!made) {
		ERR_clear_error();
		return ERR_WEAK_KEY;
	}
	*pkey = made;
	return ERR_OK;
}
