/* What every unit test's main does: runs one suite and exits with 1 when a test failed. */
#ifndef FIRSTRING_TESTS_UNIT_H
#define FIRSTRING_TESTS_UNIT_H

#include <check.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

#endif
