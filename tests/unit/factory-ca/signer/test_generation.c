/* Numbers, keys, names and serial numbers of the issuing CA's generations. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "factory-ca/config.h"
#include "factory-ca/signer/generation.h"
#include "factory-ca/signer/x509_write.h"

START_TEST(a_generation_and_its_key_belong_together)
{
	ck_assert_int_eq(generation_key(1), CA_KEY_ISSUING);
	ck_assert_str_eq(ca_key_name(generation_key(1)), "issuing");
	ck_assert_str_eq(ca_key_name(generation_key(2)), "issuing-2");
	ck_assert_str_eq(ca_key_name(generation_key(GENERATION_MAX)), "issuing-8");
	for (unsigned g = GENERATION_FIRST; g <= GENERATION_MAX; g++)
		ck_assert_uint_eq(generation_of_key(generation_key(g)), g);
	ck_assert_uint_eq(generation_of_key(CA_KEY_ROOT), 0);
	ck_assert_uint_eq(generation_of_key(CA_KEY_LINE_ACCESS), 0);
	ck_assert_uint_eq(generation_of_key(CA_KEY_CLAIM_CODE), 0);
	ck_assert_uint_eq(generation_shard(1), 0);
	ck_assert_uint_eq(generation_shard(2), 2);
}
END_TEST

START_TEST(a_serial_number_tells_its_generation)
{
	uint8_t serial[X509_SERIAL_LEN];

	for (unsigned g = GENERATION_FIRST; g <= GENERATION_MAX; g++) {
		for (int i = 0; i < 200; i++) {
			x509_serial_random(serial);
			generation_mark_serial(g, serial);
			ck_assert_uint_eq(generation_of_serial(serial), g);
			/* Positive, and always 16 octets. */
			ck_assert_int_gt(serial[0], 0);
			ck_assert_int_lt(serial[0], 0x80);
		}
	}
}
END_TEST

START_TEST(any_serial_number_is_of_some_generation)
{
	uint8_t serial[X509_SERIAL_LEN] = {0};

	for (int first = 0; first < 256; first++) {
		serial[0] = (uint8_t)first;
		ck_assert_uint_eq(generation_of_serial(serial),
		    first >= 2 && first <= GENERATION_MAX ? (unsigned)first : 1);
	}
}
END_TEST

START_TEST(names_and_places_carry_it)
{
	char issuing_name[80] = "Factory 7", base[] = "http://pki.example", state[] = "/state";
	struct factory_config config = {.issuing_name = issuing_name,
	    .crl_base_url = base,
	    .aia_base_url = base,
	    .state_dir = state,
	    .published_dir = state};
	char name[FACTORY_NAME_MAX + 1], url[FACTORY_URL_MAX], path[FACTORY_PATH_MAX];

	ck_assert_int_eq(factory_issuing_name(&config, 1, name), ERR_OK);
	ck_assert_str_eq(name, "Factory 7");
	ck_assert_int_eq(factory_issuing_name(&config, 2, name), ERR_OK);
	ck_assert_str_eq(name, "Factory 7 G2");
	factory_crl_url(&config, 1, url);
	ck_assert_str_eq(url, "http://pki.example/issuing-0.crl");
	factory_crl_url(&config, 2, url);
	ck_assert_str_eq(url, "http://pki.example/issuing-2.crl");
	factory_issuing_url(&config, 1, url);
	ck_assert_str_eq(url, "http://pki.example/issuing.cer");
	factory_issuing_url(&config, 2, url);
	ck_assert_str_eq(url, "http://pki.example/issuing-2.cer");
	factory_issuing_path(&config, 3, "pem", path);
	ck_assert_str_eq(path, "/state/ca/issuing-3.pem");
	memset(issuing_name, 'x', 62);
	issuing_name[62] = '\0';
	ck_assert_int_eq(factory_issuing_name(&config, 1, name), ERR_OK);
	ck_assert_int_eq(factory_issuing_name(&config, 2, name), ERR_TOO_LONG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("generation");
	TCase *tests = tcase_create("generation");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, a_generation_and_its_key_belong_together);
	tcase_add_test(tests, a_serial_number_tells_its_generation);
	tcase_add_test(tests, any_serial_number_is_of_some_generation);
	tcase_add_test(tests, names_and_places_carry_it);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
