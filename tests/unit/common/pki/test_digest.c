/* SHA-256 and HMAC against their standards' own examples, and the names of key types. */
#include <string.h>

#include "common/base/text.h"
#include "common/pki/digest.h"
#include "common/pki/key_type.h"
#include "tests/lib/unit.h"

static void ck_assert_digest(const uint8_t digest[SHA256_LEN], const char *expected)
{
	char text[2 * SHA256_LEN + 1];

	hex_encode_lower(digest, SHA256_LEN, text);
	ck_assert_str_eq(text, expected);
}

START_TEST(sha256_is_that_of_fips_180)
{
	uint8_t digest[SHA256_LEN];

	sha256("", 0, digest);
	ck_assert_digest(
	    digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abc", 3, digest);
	ck_assert_digest(
	    digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(hmac_is_that_of_rfc_4231)
{
	uint8_t digest[SHA256_LEN];
	char long_key[131];

	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
	ck_assert_digest(
	    digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(long_key, 0xaa, sizeof long_key);
	hmac_sha256(long_key, sizeof long_key,
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54, digest);
	ck_assert_digest(
	    digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

START_TEST(key_types_have_the_names_of_the_wire)
{
	static const char *const NAMES[] = {"p256", "p384", "rsa2048", "rsa3072"};
	static const char *const OTHERS[] = {
	    "", "P256", "p-256", "p25", "p2566", "p521", "rsa", "rsa1024", "rsa4096", "ed25519"};
	enum key_type type = KEY_RSA3072;

	ck_assert_uint_eq(COUNT(NAMES), KEY_TYPE_COUNT);
	for (size_t i = 0; i < COUNT(NAMES); i++) {
		ck_assert_int_eq(key_type_parse(NAMES[i], strlen(NAMES[i]), &type), ERR_OK);
		ck_assert_uint_eq(type, i);
		ck_assert_str_eq(key_type_name(type), NAMES[i]);
	}
	for (size_t i = 0; i < COUNT(OTHERS); i++)
		ck_assert_int_eq(key_type_parse(OTHERS[i], strlen(OTHERS[i]), &type), ERR_SYNTAX);
	ck_assert_uint_eq(type, KEY_RSA3072);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("digest");
	TCase *tests = tcase_create("digest");

	tcase_add_test(tests, sha256_is_that_of_fips_180);
	tcase_add_test(tests, hmac_is_that_of_rfc_4231);
	tcase_add_test(tests, key_types_have_the_names_of_the_wire);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
