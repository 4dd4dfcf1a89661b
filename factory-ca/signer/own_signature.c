/*
 * ECDSA verification (FIPS 186-4 section 6.4) with two tables: OpenSSL's own for the base point,
 * and one that it makes for the public key as if that were a base point. Anything unexpected falls
 * back on EVP_DigestVerify(). Pure.
 */
/* EC_GROUP_precompute_mult() is the one call that OpenSSL 3 calls deprecated without another. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "factory-ca/signer/own_signature.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "common/pki/digest.h"

enum { POINT_LEN = 65 };

struct own_signature {
	EVP_PKEY *key;
	unsigned verified;
	/* NULL without tables. */
	EC_GROUP *base, *ours; /* P-256; the same with the public key as generator */
	BN_CTX *numbers;
};

struct own_signature *own_signature_new(EVP_PKEY *key)
{
	struct own_signature *own = calloc(1, sizeof(*own));

	CHECK(own != NULL && EVP_PKEY_up_ref(key) == 1);
	own->key = key;
	return own;
}

void own_signature_free(struct own_signature *own)
{
	if (!own)
		return;
	EC_GROUP_free(own->base);
	EC_GROUP_free(own->ours);
	BN_CTX_free(own->numbers);
	EVP_PKEY_free(own->key);
	free(own);
}

int own_signature_is_of(const struct own_signature *own, const EVP_PKEY *key)
{
	return own->key == key;
}

static void make_tables(struct own_signature *own)
{
	EC_GROUP *base = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), *ours = NULL;
	BN_CTX *numbers = BN_CTX_new();
	uint8_t bytes[POINT_LEN];
	size_t len = 0;
	EC_POINT *point = NULL;

	if (!base || !numbers || !EVP_PKEY_is_a(own->key, "EC") ||
	    EVP_PKEY_get_bits(own->key) != 256 ||
	    EVP_PKEY_get_octet_string_param(
		own->key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, bytes, sizeof(bytes), &len) != 1)
		goto out;
	ours = EC_GROUP_dup(base);
	point = EC_POINT_new(base);
	if (ours && point && EC_POINT_oct2point(base, point, bytes, len, numbers) == 1 &&
	    EC_GROUP_set_generator(
		ours, point, EC_GROUP_get0_order(base), EC_GROUP_get0_cofactor(base)) == 1 &&
	    EC_GROUP_precompute_mult(ours, numbers) == 1) {
		own->base = base;
		own->ours = ours;
		own->numbers = numbers;
		base = ours = NULL;
		numbers = NULL;
	}
out:
	EC_POINT_free(point);
	EC_GROUP_free(ours);
	EC_GROUP_free(base);
	BN_CTX_free(numbers);
	ERR_clear_error();
}

/* The signature's numbers, when it is DER and nothing else, and they are in 1..order-1. */
static ECDSA_SIG *read_signature(const struct own_signature *own, const uint8_t *bytes, size_t len)
{
	const BIGNUM *order = EC_GROUP_get0_order(own->base), *r, *s;
	const unsigned char *next = bytes;
	unsigned char *again = NULL;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &next, (long)len);
	int again_len = signature ? i2d_ECDSA_SIG(signature, &again) : 0;
	int is_good = again_len > 0 && (size_t)again_len == len && memcmp(again, bytes, len) == 0;

	if (is_good) {
		ECDSA_SIG_get0(signature, &r, &s);
		is_good = !BN_is_negative(r) && !BN_is_zero(r) && BN_ucmp(r, order) < 0 &&
			  !BN_is_negative(s) && !BN_is_zero(s) && BN_ucmp(s, order) < 0;
	}
	OPENSSL_free(again);
	if (!is_good) {
		ECDSA_SIG_free(signature);
		signature = NULL;
	}
	return signature;
}

/* r == x((e/s) G + (r/s) Q) mod n */
static int equation_holds(
    struct own_signature *own, const ECDSA_SIG *signature, const uint8_t digest[SHA256_LEN])
{
	const BIGNUM *order = EC_GROUP_get0_order(own->base), *r, *s;
	EC_POINT *one = EC_POINT_new(own->base), *other = EC_POINT_new(own->base);
	BIGNUM *inverse, *e, *u, *x;
	int holds;

	BN_CTX_start(own->numbers);
	inverse = BN_CTX_get(own->numbers);
	e = BN_CTX_get(own->numbers);
	u = BN_CTX_get(own->numbers);
	x = BN_CTX_get(own->numbers);
	ECDSA_SIG_get0(signature, &r, &s);
	holds = x && one && other && BN_mod_inverse(inverse, s, order, own->numbers) &&
		BN_bin2bn(digest, SHA256_LEN, e) &&
		BN_mod_mul(u, e, inverse, order, own->numbers) &&
		EC_POINT_mul(own->base, one, u, NULL, NULL, own->numbers) == 1 &&
		BN_mod_mul(u, r, inverse, order, own->numbers) &&
		EC_POINT_mul(own->ours, other, u, NULL, NULL, own->numbers) == 1 &&
		EC_POINT_add(own->base, one, one, other, own->numbers) == 1 &&
		EC_POINT_get_affine_coordinates(own->base, one, x, NULL, own->numbers) == 1 &&
		BN_nnmod(x, x, order, own->numbers) && BN_ucmp(x, r) == 0;
	BN_CTX_end(own->numbers);
	EC_POINT_free(one);
	EC_POINT_free(other);
	return holds;
}

static enum err verify_with_tables(struct own_signature *own, const void *bytes, size_t len,
    const void *signature, size_t signature_len)
{
	ECDSA_SIG *numbers = read_signature(own, signature, signature_len);
	uint8_t digest[SHA256_LEN];
	int holds;

	sha256(bytes, len, digest);
	holds = numbers && equation_holds(own, numbers, digest);
	ECDSA_SIG_free(numbers);
	ERR_clear_error();
	return holds ? ERR_OK : ERR_SIGNATURE;
}

enum err own_signature_verify(struct own_signature *own, const EVP_MD *digest, const void *bytes,
    size_t len, const void *signature, size_t signature_len)
{
	EVP_MD_CTX *context;
	enum err err = ERR_SIGNATURE;

	if (++own->verified == OWN_SIGNATURE_TABLE_AFTER)
		make_tables(own);
	if (own->ours && EVP_MD_is_a(digest, "SHA256"))
		return verify_with_tables(own, bytes, len, signature, signature_len);
	context = EVP_MD_CTX_new();
	if (context && EVP_DigestVerifyInit(context, NULL, digest, NULL, own->key) == 1 &&
	    EVP_DigestVerify(context, signature, signature_len, bytes, len) == 1)
		err = ERR_OK;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return err;
}
