/* The digest of a claim code is bound to phone, epoch and code. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/claim_hash.h"

START_TEST(it_is_the_sha256_that_its_header_says)
{
	const struct mac mac = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};
	const struct claim_code code = {"0123456789ABC"};
	static const char text[] = "firstring claim code v1\x00\x15\x65\xaa\xbb\xcc\x00\x00\x00\x07"
				   "0123456789ABC";
	uint8_t hash[SHA256_LEN], expected[SHA256_LEN];

	claim_code_hash(&code, &mac, 7, hash);
	sha256(text, sizeof(text) - 1, expected);
	ck_assert_mem_eq(hash, expected, SHA256_LEN);
}
END_TEST

START_TEST(another_phone_epoch_or_code_is_another_hash)
{
	const struct mac mac = {{0, 0x15, 0x65, 0, 0, 1}}, other_mac = {{0, 0x15, 0x65, 0, 0, 2}};
	const struct claim_code code = {"0123456789ABC"}, other_code = {"0123456789ABD"};
	uint8_t hash[4][SHA256_LEN];
	int i, j;

	claim_code_hash(&code, &mac, 0, hash[0]);
	claim_code_hash(&code, &other_mac, 0, hash[1]);
	claim_code_hash(&code, &mac, 1, hash[2]);
	claim_code_hash(&other_code, &mac, 0, hash[3]);
	for (i = 0; i < 4; i++)
		for (j = 0; j < i; j++)
			ck_assert_mem_ne(hash[i], hash[j], SHA256_LEN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("claim_hash");
	TCase *tcase = tcase_create("claim_hash");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, it_is_the_sha256_that_its_header_says);
	tcase_add_test(tcase, another_phone_epoch_or_code_is_another_hash);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
