/* Our own signatures, looked at: tables come when they pay, for keys that can have them. */
#include <check.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

#include "factory-ca/signer/own_signature.h"
#include "tests/lib/unit.h"

static const uint8_t message[] = "what was signed";

static size_t sign(EVP_PKEY *key, const EVP_MD *digest, uint8_t signature[160])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t len = 160;

	ck_assert_int_eq(EVP_DigestSignInit(context, NULL, digest, NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(context, signature, &len, message, sizeof(message)), 1);
	EVP_MD_CTX_free(context);
	return len;
}

START_TEST(tables_come_when_they_pay)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct own_signature *own = own_signature_new(key);
	struct p256_claim claim = {0};
	uint8_t signature[160];
	unsigned i;

	for (i = 1; i < OWN_SIGNATURE_TABLE_AFTER; i++)
		own_signature_expect(own);
	ck_assert_ptr_null(own_signature_tables(own));
	own_signature_expect(own);
	claim.tables = own_signature_tables(own);
	ck_assert_ptr_nonnull(claim.tables);
	own_signature_expect(own);
	ck_assert_ptr_eq(own_signature_tables(own), claim.tables);
	claim.signature = signature;
	sha256(message, sizeof(message), claim.digest);
	claim.signature_len = sign(key, EVP_sha256(), signature);
	p256_verify(&claim, 1);
	ck_assert_int_eq(claim.verdict, P256_GOOD);
	claim.signature_len = sign(other, EVP_sha256(), signature);
	p256_verify(&claim, 1);
	ck_assert_int_eq(claim.verdict, P256_BAD_SIGNATURE);
	ck_assert(own_signature_is_of(own, key));
	ck_assert(!own_signature_is_of(own, other));
	own_signature_free(own);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(other_keys_have_none)
{
	EVP_PKEY *key = EVP_EC_gen("P-384");
	struct own_signature *own = own_signature_new(key);
	uint8_t signature[160];
	size_t len = sign(key, EVP_sha384(), signature);
	unsigned i;

	for (i = 0; i < 2 * OWN_SIGNATURE_TABLE_AFTER; i++)
		own_signature_expect(own);
	ck_assert_ptr_null(own_signature_tables(own));
	ck_assert_int_eq(
	    own_signature_verify(own, EVP_sha384(), message, sizeof(message), signature, len),
	    ERR_OK);
	signature[len / 2] ^= 1;
	ck_assert_int_eq(
	    own_signature_verify(own, EVP_sha384(), message, sizeof(message), signature, len),
	    ERR_SIGNATURE);
	own_signature_free(own);
	EVP_PKEY_free(key);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("own_signature");
	TCase *tests = tcase_create("own");

	tcase_add_test(tests, tables_come_when_they_pay);
	tcase_add_test(tests, other_keys_have_none);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
