/* P-256 verification: OpenSSL's verdict on good signatures and on bad ones, alone and in batches,
 * with tables of the key and without. */
#include <check.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "factory-ca/signer/p256.h"
#include "tests/lib/unit.h"

enum { MESSAGE_LEN = 200, SIGNATURE_MAX = 160 };

struct signed_message {
	uint8_t message[MESSAGE_LEN], signature[SIGNATURE_MAX];
	size_t len;
};

static void sign(EVP_PKEY *key, const EVP_MD *digest, unsigned number, struct signed_message *made)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	memset(made->message, (int)number, MESSAGE_LEN);
	made->message[0] = (uint8_t)(number >> 8);
	made->len = SIGNATURE_MAX;
	ck_assert_int_eq(EVP_DigestSignInit(context, NULL, digest, NULL, key), 1);
	ck_assert_int_eq(
	    EVP_DigestSign(context, made->signature, &made->len, made->message, MESSAGE_LEN), 1);
	EVP_MD_CTX_free(context);
}

static enum err openssl_says(EVP_PKEY *key, const struct signed_message *made)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int verdict;

	ck_assert_int_eq(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
	verdict = EVP_DigestVerify(context, made->signature, made->len, made->message, MESSAGE_LEN);
	EVP_MD_CTX_free(context);
	return verdict == 1 ? ERR_OK : ERR_SIGNATURE;
}

/* A key as p256_verify() takes it, in both ways. */
struct known_key {
	EVP_PKEY *key;
	uint8_t point[P256_POINT_LEN];
	struct p256_tables *tables;
};

static void know(struct known_key *known, EVP_PKEY *key)
{
	size_t len = 0;

	known->key = key;
	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
			     known->point, P256_POINT_LEN, &len),
	    1);
	known->tables = p256_tables_new(key);
	ck_assert_ptr_nonnull(known->tables);
}

static void forget(struct known_key *known)
{
	p256_tables_free(known->tables);
	EVP_PKEY_free(known->key);
}

static struct p256_claim claim_of(
    const struct known_key *known, int by_tables, const struct signed_message *made)
{
	struct p256_claim claim = {.tables = by_tables ? known->tables : NULL,
	    .point = known->point,
	    .signature = made->signature,
	    .signature_len = made->len,
	    .verdict = P256_BAD_POINT};

	sha256(made->message, MESSAGE_LEN, claim.digest);
	return claim;
}

static enum err we_say(const struct known_key *known, const struct signed_message *made)
{
	struct p256_claim claims[2] = {claim_of(known, 0, made), claim_of(known, 1, made)};

	p256_verify(&claims[0], 1);
	p256_verify(&claims[1], 1);
	ck_assert_int_eq(claims[0].verdict, claims[1].verdict);
	return claims[0].verdict == P256_GOOD ? ERR_OK : ERR_SIGNATURE;
}

START_TEST(good_signatures_verify)
{
	unsigned key_number, number;

	for (key_number = 0; key_number < 8; key_number++) {
		struct known_key known;
		struct signed_message made;

		know(&known, EVP_EC_gen("P-256"));
		for (number = 0; number < 200; number++) {
			sign(known.key, EVP_sha256(), number, &made);
			ck_assert_int_eq(we_say(&known, &made), ERR_OK);
		}
		forget(&known);
	}
}
END_TEST

/* Whatever stands beside it in a batch, a signature has its own verdict. */
START_TEST(batches_are_judged_one_by_one)
{
	struct p256_claim claims[P256_BATCH_MAX];
	struct signed_message made[P256_BATCH_MAX];
	struct known_key known[2];
	unsigned round, i;

	know(&known[0], EVP_EC_gen("P-256"));
	know(&known[1], EVP_EC_gen("P-256"));
	for (round = 0; round < 200; round++) {
		unsigned count = 1 + round % P256_BATCH_MAX;

		for (i = 0; i < count; i++) {
			const struct known_key *key = &known[(round + i) % 2];

			sign(key->key, EVP_sha256(), round * 16 + i, &made[i]);
			/* Bad numbers, a bad DER, another message, and every mixture of them. */
			if (round >> (i % 5) & 1)
				made[i].signature[(round + i) % made[i].len] ^= 1;
			if ((round + i) % 7 == 0)
				made[i].message[3] ^= 1;
			claims[i] = claim_of(key, (int)(round / 3 + i) % 2, &made[i]);
		}
		p256_verify(claims, count);
		for (i = 0; i < count; i++)
			ck_assert_int_eq(claims[i].verdict == P256_GOOD,
			    openssl_says(known[(round + i) % 2].key, &made[i]) == ERR_OK);
	}
	p256_verify(claims, 0);
	forget(&known[0]);
	forget(&known[1]);
}
END_TEST

START_TEST(every_flipped_bit_is_seen)
{
	struct known_key known;
	struct signed_message made;
	size_t bit;

	know(&known, EVP_EC_gen("P-256"));
	sign(known.key, EVP_sha256(), 7, &made);
	for (bit = 0; bit < 8 * made.len; bit++) {
		made.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
		ck_assert_int_eq(openssl_says(known.key, &made), ERR_SIGNATURE);
		made.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < 8 * MESSAGE_LEN; bit += 7) {
		made.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
		made.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	made.len--;
	ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
	made.len += 2;
	ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
	made.len = 0;
	ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
	forget(&known);
}
END_TEST

static void set_numbers(struct signed_message *made, const BIGNUM *r, const BIGNUM *s)
{
	ECDSA_SIG *numbers = ECDSA_SIG_new();
	unsigned char *next = made->signature;

	ck_assert_int_eq(ECDSA_SIG_set0(numbers, BN_dup(r), BN_dup(s)), 1);
	made->len = (size_t)i2d_ECDSA_SIG(numbers, &next);
	ECDSA_SIG_free(numbers);
}

START_TEST(numbers_out_of_range_are_refused)
{
	struct known_key known;
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *order = BN_dup(EC_GROUP_get0_order(group)), *r, *s, *zero = BN_new(),
	       *one = BN_new();
	BIGNUM *r_and_order = BN_new(), *other_s = BN_new(), *minus_r;
	struct signed_message made;
	const unsigned char *next;
	ECDSA_SIG *numbers;
	size_t i;

	know(&known, EVP_EC_gen("P-256"));
	sign(known.key, EVP_sha256(), 9, &made);
	next = made.signature;
	numbers = d2i_ECDSA_SIG(NULL, &next, (long)made.len);
	r = BN_dup(ECDSA_SIG_get0_r(numbers));
	s = BN_dup(ECDSA_SIG_get0_s(numbers));
	minus_r = BN_dup(r);
	BN_set_negative(minus_r, 1);
	BN_zero(zero);
	ck_assert_int_eq(BN_one(one), 1);
	ck_assert_int_eq(BN_add(r_and_order, r, order), 1);
	ck_assert_int_eq(BN_sub(other_s, order, s), 1);
	const BIGNUM *const pairs[][2] = {{zero, s}, {r, zero}, {zero, zero}, {order, s},
	    {r, order}, {r_and_order, s}, {s, r}, {one, one}, {minus_r, s}};
	for (i = 0; i < COUNT(pairs); i++) {
		set_numbers(&made, pairs[i][0], pairs[i][1]);
		ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
		ck_assert_int_eq(openssl_says(known.key, &made), ERR_SIGNATURE);
	}
	/* (r, n - s) verifies, too: that is ECDSA. */
	set_numbers(&made, r, other_s);
	ck_assert_int_eq(we_say(&known, &made), openssl_says(known.key, &made));
	BN_free(order), BN_free(r), BN_free(s), BN_free(zero), BN_free(one);
	BN_free(r_and_order), BN_free(other_s), BN_free(minus_r);
	ECDSA_SIG_free(numbers);
	EC_GROUP_free(group);
	forget(&known);
}
END_TEST

START_TEST(another_keys_signature_is_refused)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	struct signed_message made;
	struct known_key known;
	unsigned number;

	know(&known, EVP_EC_gen("P-256"));
	for (number = 0; number < 50; number++) {
		sign(other, EVP_sha256(), number, &made);
		ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
	}
	forget(&known);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(a_key_off_the_curve_is_told)
{
	struct signed_message made;
	struct known_key known;
	struct p256_claim claim;
	size_t bit;

	know(&known, EVP_EC_gen("P-256"));
	sign(known.key, EVP_sha256(), 1, &made);
	for (bit = 0; bit < 8 * P256_POINT_LEN; bit += 13) {
		known.point[bit / 8] ^= (uint8_t)(1 << bit % 8);
		claim = claim_of(&known, 0, &made);
		p256_verify(&claim, 1);
		ck_assert_int_eq(claim.verdict, P256_BAD_POINT);
		known.point[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	forget(&known);
}
END_TEST

START_TEST(tables_are_for_p256)
{
	EVP_PKEY *others[] = {EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1"), EVP_RSA_gen(2048)};
	size_t i;

	for (i = 0; i < COUNT(others); i++) {
		ck_assert_ptr_null(p256_tables_new(others[i]));
		EVP_PKEY_free(others[i]);
	}
	p256_tables_free(NULL);
}
END_TEST

/* A public key of our choice. */
static EVP_PKEY *key_of_point(const EC_GROUP *group, const EC_POINT *point)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	uint8_t bytes[P256_POINT_LEN];
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;

	ck_assert_uint_eq(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes,
			      sizeof(bytes), NULL),
	    P256_POINT_LEN);
	ck_assert_int_eq(
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0), 1);
	ck_assert_int_eq(OSSL_PARAM_BLD_push_octet_string(
			     builder, OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof(bytes)),
	    1);
	params = OSSL_PARAM_BLD_to_param(builder);
	ck_assert_int_eq(EVP_PKEY_fromdata_init(context), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* What an attacker may choose: any point R whose x is r modulo the order, any s; the key that makes
 * this a signature of the message is (s R - e G) / r. `x`: of R; r is what it is modulo the order.
 * 0: there is no such point. */
static int forge(
    const BIGNUM *x, int is_infinite, struct known_key *known, struct signed_message *made)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	const BIGNUM *order = EC_GROUP_get0_order(group);
	EC_POINT *at = EC_POINT_new(group), *key = EC_POINT_new(group);
	BIGNUM *r = BN_new(), *s = BN_new(), *e = BN_new(), *inverse = BN_new();
	uint8_t digest[SHA256_LEN];
	BN_CTX *numbers = BN_CTX_new();
	int found = EC_POINT_set_compressed_coordinates(group, at, x, 0, numbers) == 1;

	if (found) {
		memset(made->message, 'm', MESSAGE_LEN);
		sha256(made->message, MESSAGE_LEN, digest);
		BN_bin2bn(digest, SHA256_LEN, e);
		ck_assert_int_eq(BN_nnmod(r, x, order, numbers), 1);
		ck_assert_int_eq(BN_set_word(s, 12345), 1);
		ck_assert_ptr_nonnull(BN_mod_inverse(inverse, r, order, numbers));
		ck_assert_int_eq(BN_mod_sub(e, order, e, order, numbers), 1);
		/* For the point at infinity: s R is left out. */
		ck_assert_int_eq(EC_POINT_mul(group, key, e, is_infinite ? NULL : at,
				     is_infinite ? NULL : s, numbers),
		    1);
		ck_assert_int_eq(EC_POINT_mul(group, key, NULL, key, inverse, numbers), 1);
		set_numbers(made, r, s);
		know(known, key_of_point(group, key));
	}
	BN_free(r), BN_free(s), BN_free(e), BN_free(inverse);
	BN_CTX_free(numbers);
	EC_POINT_free(at);
	EC_POINT_free(key);
	EC_GROUP_free(group);
	return found;
}

/* r is x modulo the order: between the order and the field's prime it is another number than x. */
START_TEST(an_x_past_the_order_verifies)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *x = BN_dup(EC_GROUP_get0_order(group));
	struct signed_message made;
	struct known_key known;
	unsigned found = 0, number;

	for (number = 0; number < 20; number++) {
		ck_assert_int_eq(BN_add_word(x, 1), 1);
		if (!forge(x, 0, &known, &made))
			continue;
		found++;
		ck_assert_int_eq(openssl_says(known.key, &made), ERR_OK);
		ck_assert_int_eq(we_say(&known, &made), ERR_OK);
		made.message[0] ^= 1;
		ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
		forget(&known);
	}
	ck_assert_uint_gt(found, 3);
	BN_free(x);
	EC_GROUP_free(group);
}
END_TEST

START_TEST(the_point_at_infinity_is_no_signature)
{
	BIGNUM *x = BN_new();
	struct signed_message made;
	struct known_key known;
	unsigned number;

	for (number = 1; number < 20; number++) {
		ck_assert_int_eq(BN_set_word(x, number), 1);
		if (!forge(x, 1, &known, &made))
			continue;
		ck_assert_int_eq(openssl_says(known.key, &made), ERR_SIGNATURE);
		ck_assert_int_eq(we_say(&known, &made), ERR_SIGNATURE);
		forget(&known);
	}
	BN_free(x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("p256");
	TCase *tcase = tcase_create("p256");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, good_signatures_verify);
	tcase_add_test(tcase, batches_are_judged_one_by_one);
	tcase_add_test(tcase, every_flipped_bit_is_seen);
	tcase_add_test(tcase, numbers_out_of_range_are_refused);
	tcase_add_test(tcase, another_keys_signature_is_refused);
	tcase_add_test(tcase, a_key_off_the_curve_is_told);
	tcase_add_test(tcase, tables_are_for_p256);
	tcase_add_test(tcase, an_x_past_the_order_verifies);
	tcase_add_test(tcase, the_point_at_infinity_is_no_signature);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
