/* Key uses are counted across processes and crashes: exactly when all ended, never too low. */
#include <check.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "factory-ca/signer/key_uses.h"
#include "tests/lib/test_factory.h"

static char folder[TEST_PATH], path[TEST_PATH], why[KEYSTORE_WHY_LEN];

static void set_up(void)
{
	test_folder_make(folder);
	test_path(path, folder, "key-uses");
}

static void tear_down(void)
{
	test_folder_remove(folder);
}

static struct key_uses *open_uses(void)
{
	struct key_uses *uses = NULL;

	ck_assert_msg(key_uses_open(path, &uses, why) == ERR_OK, "%s", why);
	return uses;
}

static uint64_t count_of(enum ca_key key)
{
	uint64_t counts[CA_KEY_COUNT];

	ck_assert_msg(key_uses_read(path, counts, why) == ERR_OK, "%s", why);
	return counts[key];
}

static void use(struct key_uses *uses, enum ca_key key, int times)
{
	while (times-- > 0)
		key_uses_add(uses, key);
}

START_TEST(the_count_is_exact_when_all_have_ended)
{
	struct key_uses *one, *two;

	ck_assert_uint_eq(count_of(CA_KEY_ROOT), 0);
	one = open_uses();
	two = open_uses();
	use(one, CA_KEY_ISSUING, 1500);
	use(two, CA_KEY_ISSUING, 7);
	use(two, CA_KEY_CLAIM_CODE, KEY_USES_BLOCK);
	use(one, CA_KEY_CLAIM_CODE, 1);
	ck_assert_uint_ge(count_of(CA_KEY_ISSUING), 1507);
	key_uses_free(one);
	key_uses_free(two);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), 1507);
	ck_assert_uint_eq(count_of(CA_KEY_CLAIM_CODE), KEY_USES_BLOCK + 1);
	ck_assert_uint_eq(count_of(CA_KEY_ROOT), 0);
}
END_TEST

START_TEST(the_count_is_exact_while_the_signer_runs)
{
	struct key_uses *signer = open_uses(), *command;
	int i;

	for (i = 1; i <= 2 * KEY_USES_BLOCK + 1; i++) {
		key_uses_add(signer, CA_KEY_ISSUING);
		ck_assert_uint_eq(count_of(CA_KEY_ISSUING), (uint64_t)i);
	}
	/* Another one, for a moment: too high while it runs, never too low. */
	command = open_uses();
	use(command, CA_KEY_ISSUING, 3);
	ck_assert_uint_ge(count_of(CA_KEY_ISSUING), 2 * KEY_USES_BLOCK + 4);
	key_uses_free(command);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), 2 * KEY_USES_BLOCK + 4);
	key_uses_free(signer);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), 2 * KEY_USES_BLOCK + 4);
}
END_TEST

START_TEST(what_the_dead_had_in_hand_counts_as_used)
{
	struct key_uses *next;
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		use(open_uses(), CA_KEY_ISSUING, 10);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), KEY_USES_BLOCK);
	next = open_uses();
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), KEY_USES_BLOCK);
	use(next, CA_KEY_ISSUING, 5);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), KEY_USES_BLOCK + 5);
	key_uses_free(next);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), KEY_USES_BLOCK + 5);
}
END_TEST

START_TEST(a_file_of_the_release_before_is_taken_up)
{
	static const uint8_t before[] = "firstring uses 1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\1";
	struct key_uses *uses;
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(before, 1, sizeof(before) - 1, file), sizeof(before) - 1);
	fclose(file);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), 0x1001);
	uses = open_uses();
	use(uses, CA_KEY_ISSUING, 2);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), 0x1003);
	key_uses_free(uses);
	ck_assert_uint_eq(count_of(CA_KEY_ISSUING), 0x1003);
}
END_TEST

START_TEST(after_a_crash_it_is_not_too_low)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		use(open_uses(), CA_KEY_ISSUING, 2345);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_ge(count_of(CA_KEY_ISSUING), 2345);
	ck_assert_uint_lt(count_of(CA_KEY_ISSUING), 2345 + KEY_USES_BLOCK);
}
END_TEST

START_TEST(a_key_store_counts_what_it_does)
{
	struct keystore *store = test_keystore(folder);
	uint8_t digest[SHA256_LEN];
	struct buf signature = {0};

	ck_assert_int_eq(keystore_count_uses(store, path, why), ERR_OK);
	ck_assert_int_eq(keystore_sign(store, CA_KEY_ROOT, "text", 4, &signature), ERR_OK);
	ck_assert_int_eq(keystore_sign(store, CA_KEY_ROOT, "text", 4, &signature), ERR_OK);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mac", 3, digest), ERR_OK);
	keystore_free(store);
	ck_assert_uint_eq(count_of(CA_KEY_ROOT), 2);
	ck_assert_uint_eq(count_of(CA_KEY_CLAIM_CODE), 1);
	buf_free(&signature);
}
END_TEST

START_TEST(another_file_is_not_taken_for_it)
{
	struct key_uses *uses = NULL;
	uint64_t counts[CA_KEY_COUNT];
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs("something else that is long enough", file);
	fclose(file);
	ck_assert_int_eq(key_uses_open(path, &uses, why), ERR_SYNTAX);
	ck_assert_int_eq(key_uses_read(path, counts, why), ERR_SYNTAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("key_uses");
	TCase *tcase = tcase_create("key_uses");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_count_is_exact_when_all_have_ended);
	tcase_add_test(tcase, the_count_is_exact_while_the_signer_runs);
	tcase_add_test(tcase, what_the_dead_had_in_hand_counts_as_used);
	tcase_add_test(tcase, a_file_of_the_release_before_is_taken_up);
	tcase_add_test(tcase, after_a_crash_it_is_not_too_low);
	tcase_add_test(tcase, a_key_store_counts_what_it_does);
	tcase_add_test(tcase, another_file_is_not_taken_for_it);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
