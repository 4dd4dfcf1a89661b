/*
 * Each signature (r, s) over a digest e holds when r = x(e/s G + r/s Q) modulo the order. The
 * inverses of all s come from one inversion (P. L. Montgomery's trick); x is compared without
 * leaving projective coordinates, which saves another. Pure.
 */
/* EC_GROUP_precompute_mult() and the projective coordinates are the calls that OpenSSL 3 calls
 * deprecated without others in their place. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "factory-ca/signer/p256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/pki/der.h"

enum { NUMBER_LEN = 32 };

struct p256_tables {
	EC_GROUP *group; /* P-256 with the public key as generator */
};

/* What a batch is calculated with. */
struct scratch {
	const EC_GROUP *group;
	const BIGNUM *order, *field;
	BN_CTX *numbers;
	EC_POINT *key, *one, *other;
	BIGNUM *r[P256_BATCH_MAX], *s[P256_BATCH_MAX];
	BIGNUM *products[P256_BATCH_MAX]; /* of s[0] to s[i] */
	BIGNUM *inverse, *w, *u, *v, *x, *z;
};

/* Made once; OpenSSL only reads it. */
static const EC_GROUP *curve(void)
{
	static _Atomic(EC_GROUP *) known;
	EC_GROUP *group = atomic_load(&known), *none = NULL;

	if (group)
		return group;
	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	CHECK(group != NULL);
	if (atomic_compare_exchange_strong(&known, &none, group))
		return group;
	EC_GROUP_free(group); /* another thread was first */
	return none;
}

static int read_key(EVP_PKEY *key, EC_POINT *point)
{
	uint8_t bytes[P256_POINT_LEN];
	size_t len = 0;

	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == 8 * NUMBER_LEN &&
	       EVP_PKEY_get_octet_string_param(
		   key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, bytes, sizeof(bytes), &len) == 1 &&
	       EC_POINT_oct2point(curve(), point, bytes, len, NULL) == 1;
}

struct p256_tables *p256_tables_new(EVP_PKEY *key)
{
	struct p256_tables *tables = calloc(1, sizeof(*tables));
	EC_POINT *point = EC_POINT_new(curve());

	CHECK(tables != NULL && point != NULL);
	tables->group = EC_GROUP_dup(curve());
	CHECK(tables->group != NULL);
	if (!read_key(key, point) ||
	    EC_GROUP_set_generator(tables->group, point, EC_GROUP_get0_order(curve()),
		EC_GROUP_get0_cofactor(curve())) != 1 ||
	    EC_GROUP_precompute_mult(tables->group, NULL) != 1) {
		p256_tables_free(tables);
		tables = NULL;
	}
	EC_POINT_free(point);
	ERR_clear_error();
	return tables;
}

void p256_tables_free(struct p256_tables *tables)
{
	if (!tables)
		return;
	EC_GROUP_free(tables->group);
	free(tables);
}

static void begin(struct scratch *scratch, size_t count)
{
	size_t i;

	*scratch = (struct scratch){.group = curve(),
	    .order = EC_GROUP_get0_order(curve()),
	    .field = EC_GROUP_get0_field(curve()),
	    .numbers = BN_CTX_new()};
	scratch->key = EC_POINT_new(scratch->group);
	scratch->one = EC_POINT_new(scratch->group);
	scratch->other = EC_POINT_new(scratch->group);
	CHECK(scratch->numbers && scratch->key && scratch->one && scratch->other);
	BN_CTX_start(scratch->numbers);
	for (i = 0; i < count; i++) {
		scratch->r[i] = BN_CTX_get(scratch->numbers);
		scratch->s[i] = BN_CTX_get(scratch->numbers);
		scratch->products[i] = BN_CTX_get(scratch->numbers);
	}
	scratch->inverse = BN_CTX_get(scratch->numbers);
	scratch->w = BN_CTX_get(scratch->numbers);
	scratch->u = BN_CTX_get(scratch->numbers);
	scratch->v = BN_CTX_get(scratch->numbers);
	scratch->x = BN_CTX_get(scratch->numbers);
	scratch->z = BN_CTX_get(scratch->numbers);
	CHECK(scratch->z != NULL);
}

static void end(struct scratch *scratch)
{
	BN_CTX_end(scratch->numbers);
	BN_CTX_free(scratch->numbers);
	EC_POINT_free(scratch->key);
	EC_POINT_free(scratch->one);
	EC_POINT_free(scratch->other);
	ERR_clear_error();
}

/* A positive INTEGER in its shortest form that is in 1..order-1. */
static int read_number(struct cursor *in, const struct scratch *scratch, BIGNUM *number)
{
	struct der_element integer = der_read(in, DER_INTEGER);
	const uint8_t *bytes = integer.content;
	size_t len = integer.content_len;

	if (in->err || len == 0 || len > NUMBER_LEN + 1 || bytes[0] & 0x80 ||
	    (len > 1 && bytes[0] == 0 && !(bytes[1] & 0x80)))
		return 0;
	return BN_bin2bn(bytes, (int)len, number) && !BN_is_zero(number) &&
	       BN_ucmp(number, scratch->order) < 0;
}

static int read_signature(const struct scratch *scratch, const struct p256_claim *claim, size_t i)
{
	struct cursor in = cursor_of(claim->signature, claim->signature_len);
	struct der_element whole = der_read(&in, DER_SEQUENCE);
	struct cursor fields = der_enter(&whole);

	return read_number(&fields, scratch, scratch->r[i]) &&
	       read_number(&fields, scratch, scratch->s[i]) && !in.err && !cursor_left(&in) &&
	       !cursor_left(&fields);
}

/* u G + v Q into `one`. */
static enum p256_verdict multiply(const struct scratch *scratch, const struct p256_claim *claim)
{
	const EC_GROUP *group = scratch->group;

	if (claim->tables)
		return EC_POINT_mul(
			   group, scratch->one, scratch->u, NULL, NULL, scratch->numbers) == 1 &&
			       EC_POINT_mul(claim->tables->group, scratch->other, scratch->v, NULL,
				   NULL, scratch->numbers) == 1 &&
			       EC_POINT_add(group, scratch->one, scratch->one, scratch->other,
				   scratch->numbers) == 1
			   ? P256_GOOD
			   : P256_BAD_SIGNATURE;
	/* Also looks whether it is a point of the curve at all. */
	if (EC_POINT_oct2point(
		group, scratch->key, claim->point, P256_POINT_LEN, scratch->numbers) != 1)
		return P256_BAD_POINT;
	return EC_POINT_mul(
		   group, scratch->one, scratch->u, scratch->key, scratch->v, scratch->numbers) == 1
		   ? P256_GOOD
		   : P256_BAD_SIGNATURE;
}

/* Whether number Z^2 is X, for the point's (X/Z^2, Y/Z^3). */
static int is_x(const struct scratch *scratch, const BIGNUM *number)
{
	return BN_mod_mul(scratch->u, number, scratch->z, scratch->field, scratch->numbers) &&
	       BN_cmp(scratch->u, scratch->x) == 0;
}

/* The x of `one` is r, or r and the order: it was taken modulo that. */
static int has_x(const struct scratch *scratch, const BIGNUM *r)
{
	if (EC_POINT_is_at_infinity(scratch->group, scratch->one) ||
	    EC_POINT_get_Jprojective_coordinates_GFp(scratch->group, scratch->one, scratch->x, NULL,
		scratch->z, scratch->numbers) != 1 ||
	    !BN_mod_sqr(scratch->z, scratch->z, scratch->field, scratch->numbers))
		return 0;
	if (is_x(scratch, r))
		return 1;
	return BN_add(scratch->v, r, scratch->order) && BN_cmp(scratch->v, scratch->field) < 0 &&
	       is_x(scratch, scratch->v);
}

/* `w` is the inverse of s. */
static enum p256_verdict judge(
    const struct scratch *scratch, const struct p256_claim *claim, const BIGNUM *r)
{
	enum p256_verdict verdict;

	CHECK(BN_bin2bn(claim->digest, SHA256_LEN, scratch->u) &&
	      BN_mod_mul(scratch->u, scratch->u, scratch->w, scratch->order, scratch->numbers) &&
	      BN_mod_mul(scratch->v, r, scratch->w, scratch->order, scratch->numbers));
	verdict = multiply(scratch, claim);
	return verdict == P256_GOOD && !has_x(scratch, r) ? P256_BAD_SIGNATURE : verdict;
}

/* Those whose numbers are in range, as indexes; and the products of their s. */
static size_t read_all(const struct scratch *scratch, struct p256_claim *claims, size_t count,
    size_t readable[P256_BATCH_MAX])
{
	size_t found = 0, i;

	for (i = 0; i < count; i++) {
		claims[i].verdict = P256_BAD_SIGNATURE;
		if (!read_signature(scratch, &claims[i], found))
			continue;
		if (found == 0)
			CHECK(BN_copy(scratch->products[0], scratch->s[0]) != NULL);
		else
			CHECK(BN_mod_mul(scratch->products[found], scratch->products[found - 1],
			    scratch->s[found], scratch->order, scratch->numbers));
		readable[found++] = i;
	}
	return found;
}

void p256_verify(struct p256_claim *claims, size_t count)
{
	size_t readable[P256_BATCH_MAX], left;
	struct scratch scratch;

	CHECK(count <= P256_BATCH_MAX);
	begin(&scratch, count);
	left = read_all(&scratch, claims, count, readable);
	if (left > 0)
		CHECK(BN_mod_inverse(scratch.inverse, scratch.products[left - 1], scratch.order,
			  scratch.numbers) != NULL);
	while (left-- > 0) {
		/* The inverse of s[0]...s[left], of which s[left] is taken out. */
		if (left == 0)
			CHECK(BN_copy(scratch.w, scratch.inverse) != NULL);
		else
			CHECK(BN_mod_mul(scratch.w, scratch.inverse, scratch.products[left - 1],
				  scratch.order, scratch.numbers) &&
			      BN_mod_mul(scratch.inverse, scratch.inverse, scratch.s[left],
				  scratch.order, scratch.numbers));
		claims[readable[left]].verdict =
		    judge(&scratch, &claims[readable[left]], scratch.r[left]);
	}
	end(&scratch);
}
