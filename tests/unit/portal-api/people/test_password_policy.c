/* Which passwords people may have. */
#include <string.h>

#include "portal-api/people/password_policy.h"
#include "tests/lib/unit.h"

static const struct {
	const char *password;
	int fine;
} CASES[] = {
    {"correct horse battery staple", 1},
    {"Zw\xc3\xb6lf Zeichen!", 1},
    {"tolle-pw-1234", 1},
    {"elevenchars", 0},
    {"\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6", 0},
    {"", 0},
    {"aaaaaaaaaaaaaaaa", 0},
    {"abababababababab", 0},
    {"passwordpassword", 0},
    {"Password12345", 0},
    {"1234567890123", 0},
    {"ada.lovelace@alpha.example", 0},
    {"ada.lovelace1", 0},
    {"Ada Lovelace 1", 0},
    {"tab\there and there", 0},
};

START_TEST(each)
{
	const char *problem = person_password_problem(CASES[_i].password,
	    strlen(CASES[_i].password), "ada.lovelace@alpha.example", "Ada Lovelace");
	ck_assert_msg((problem == NULL) == CASES[_i].fine, "%s: %s", CASES[_i].password,
	    problem ? problem : "fine");
}
END_TEST

START_TEST(the_longest)
{
	char text[PERSON_PASSWORD_MAX + 2];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 26);
	ck_assert_ptr_null(person_password_problem(text, PERSON_PASSWORD_MAX, "a@b", "A"));
	ck_assert_ptr_nonnull(person_password_problem(text, PERSON_PASSWORD_MAX + 1, "a@b", "A"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("password_policy");
	TCase *tests = tcase_create("password_policy");
	tcase_add_loop_test(tests, each, 0, COUNT(CASES));
	tcase_add_test(tests, the_longest);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
