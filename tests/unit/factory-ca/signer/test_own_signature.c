/* Our own signatures, looked at: the tables give OpenSSL's verdict on good ones and on bad ones. */
#include <check.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <string.h>

#include "factory-ca/signer/own_signature.h"
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

static enum err we_say(struct own_signature *own, const struct signed_message *made)
{
	return own_signature_verify(
	    own, EVP_sha256(), made->message, MESSAGE_LEN, made->signature, made->len);
}

/* With its tables made. */
static struct own_signature *warmed_up(EVP_PKEY *key)
{
	struct own_signature *own = own_signature_new(key);
	struct signed_message made;
	unsigned i;

	sign(key, EVP_sha256(), 1, &made);
	for (i = 0; i < OWN_SIGNATURE_TABLE_AFTER; i++)
		ck_assert_int_eq(we_say(own, &made), ERR_OK);
	return own;
}

START_TEST(good_signatures_verify_with_and_without_tables)
{
	unsigned key_number, number;

	for (key_number = 0; key_number < 8; key_number++) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		struct own_signature *own = own_signature_new(key);
		struct signed_message made;

		for (number = 0; number < 300; number++) {
			sign(key, EVP_sha256(), number, &made);
			ck_assert_int_eq(we_say(own, &made), ERR_OK);
		}
		own_signature_free(own);
		EVP_PKEY_free(key);
	}
}
END_TEST

START_TEST(every_flipped_bit_is_seen)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct own_signature *own = warmed_up(key);
	struct signed_message made;
	size_t bit;

	sign(key, EVP_sha256(), 7, &made);
	for (bit = 0; bit < 8 * made.len; bit++) {
		made.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(we_say(own, &made), ERR_SIGNATURE);
		ck_assert_int_eq(openssl_says(key, &made), ERR_SIGNATURE);
		made.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < 8 * MESSAGE_LEN; bit += 7) {
		made.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(we_say(own, &made), ERR_SIGNATURE);
		made.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	made.len--;
	ck_assert_int_eq(we_say(own, &made), ERR_SIGNATURE);
	made.len += 2;
	ck_assert_int_eq(we_say(own, &made), ERR_SIGNATURE);
	made.len = 0;
	ck_assert_int_eq(we_say(own, &made), ERR_SIGNATURE);
	own_signature_free(own);
	EVP_PKEY_free(key);
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
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct own_signature *own = warmed_up(key);
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *order = BN_dup(EC_GROUP_get0_order(group)), *r, *s, *zero = BN_new(),
	       *one = BN_new();
	BIGNUM *r_and_order = BN_new(), *other_s = BN_new(), *minus_r;
	struct signed_message made;
	const unsigned char *next;
	ECDSA_SIG *numbers;
	size_t i;

	sign(key, EVP_sha256(), 9, &made);
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
		ck_assert_int_eq(we_say(own, &made), ERR_SIGNATURE);
		ck_assert_int_eq(openssl_says(key, &made), ERR_SIGNATURE);
	}
	/* (r, n - s) verifies, too: that is ECDSA. */
	set_numbers(&made, r, other_s);
	ck_assert_int_eq(we_say(own, &made), openssl_says(key, &made));
	BN_free(order), BN_free(r), BN_free(s), BN_free(zero), BN_free(one);
	BN_free(r_and_order), BN_free(other_s), BN_free(minus_r);
	ECDSA_SIG_free(numbers);
	EC_GROUP_free(group);
	own_signature_free(own);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(another_keys_signature_is_refused)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct own_signature *own = warmed_up(key);
	struct signed_message made;
	unsigned number;

	for (number = 0; number < 50; number++) {
		sign(other, EVP_sha256(), number, &made);
		ck_assert_int_eq(we_say(own, &made), ERR_SIGNATURE);
	}
	ck_assert(own_signature_is_of(own, key));
	ck_assert(!own_signature_is_of(own, other));
	own_signature_free(own);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(other_keys_and_digests_go_openssls_way)
{
	EVP_PKEY *key = EVP_EC_gen("P-384");
	struct own_signature *own = own_signature_new(key);
	struct signed_message made;
	unsigned number;

	for (number = 0; number < 2 * OWN_SIGNATURE_TABLE_AFTER; number++) {
		sign(key, EVP_sha384(), number, &made);
		ck_assert_int_eq(own_signature_verify(own, EVP_sha384(), made.message, MESSAGE_LEN,
				     made.signature, made.len),
		    ERR_OK);
		made.message[5] ^= 1;
		ck_assert_int_eq(own_signature_verify(own, EVP_sha384(), made.message, MESSAGE_LEN,
				     made.signature, made.len),
		    ERR_SIGNATURE);
	}
	own_signature_free(own);
	EVP_PKEY_free(key);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("own_signature");
	TCase *tests = tcase_create("own");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, good_signatures_verify_with_and_without_tables);
	tcase_add_test(tests, every_flipped_bit_is_seen);
	tcase_add_test(tests, numbers_out_of_range_are_refused);
	tcase_add_test(tests, another_keys_signature_is_refused);
	tcase_add_test(tests, other_keys_and_digests_go_openssls_way);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
