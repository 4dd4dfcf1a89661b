/* Reasons of revocations: each by its name, and no other. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/pki/revocation.h"

START_TEST(each_reason_by_its_name)
{
	enum revocation_reason reason;
	int code, count = 0;

	for (code = -1; code < 20; code++) {
		const char *name = revocation_reason_name((enum revocation_reason)code);

		if (!name)
			continue;
		count++;
		ck_assert_int_eq(revocation_reason_parse(name, strlen(name), &reason), ERR_OK);
		ck_assert_int_eq((int)reason, code);
		ck_assert_ptr_nonnull(strstr(REVOCATION_REASON_NAMES, name));
	}
	ck_assert_int_eq(count, 6);
}
END_TEST

START_TEST(other_names_are_refused)
{
	static const char *const names[] = {"", "keycompromise", "keyCompromis", "keyCompromise ",
	    "certificateHold", "removeFromCRL", "cACompromise", "1"};
	enum revocation_reason reason = REVOCATION_SUPERSEDED;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(
		    revocation_reason_parse(names[i], strlen(names[i]), &reason), ERR_SYNTAX);
	ck_assert_int_eq(reason, REVOCATION_SUPERSEDED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("revocation");
	TCase *tcase = tcase_create("reasons");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, each_reason_by_its_name);
	tcase_add_test(tcase, other_names_are_refused);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
