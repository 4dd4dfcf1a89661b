/* Scopes by name, and whose they are. */
#include <string.h>

#include "portal-api/auth/scope.h"
#include "tests/lib/unit.h"

START_TEST(names_and_bits_are_one_to_one)
{
	for (unsigned i = 0; i < SCOPE_COUNT; i++) {
		enum scope scope;
		const char *name = scope_name(i);
		ck_assert_int_eq(scope_parse(name, strlen(name), &scope), ERR_OK);
		ck_assert_uint_eq(scope, 1u << i);
	}
}
END_TEST

static const char *const NONE[] = {
    "", "claims", "claims:", "CLAIMS:READ", "claims:read ", "admin", "*"};

START_TEST(other_names_are_no_scopes)
{
	enum scope scope;
	ck_assert_int_eq(scope_parse(NONE[_i], strlen(NONE[_i]), &scope), ERR_NOT_FOUND);
}
END_TEST

START_TEST(no_scope_is_both_an_itsps_and_the_manufacturers)
{
	uint32_t itsp = scopes_of_audience(AUDIENCE_ITSP);
	uint32_t manufacturer = scopes_of_audience(AUDIENCE_MANUFACTURER);
	ck_assert_uint_eq(itsp & manufacturer, 0);
	ck_assert_uint_eq(itsp | manufacturer, (1u << SCOPE_COUNT) - 1);
	ck_assert_uint_eq(manufacturer, SCOPE_ADMIN_READ | SCOPE_ADMIN_WRITE);
}
END_TEST

START_TEST(a_set_is_told_as_words)
{
	char text[SCOPES_TEXT_MAX];
	scopes_format(0, text);
	ck_assert_str_eq(text, "");
	scopes_format(SCOPE_EVENTS_READ | SCOPE_CLAIMS_READ, text);
	ck_assert_str_eq(text, "claims:read events:read");
	scopes_format((1u << SCOPE_COUNT) - 1, text);
	ck_assert_str_eq(text + strlen(text) - 11, "users:write");
}
END_TEST

START_TEST(no_token_manages_people)
{
	ck_assert_uint_eq(scopes_of_audience(AUDIENCE_ITSP) & ~scopes_of_tokens(AUDIENCE_ITSP),
	    SCOPE_USERS_WRITE);
	ck_assert_uint_eq(
	    scopes_of_tokens(AUDIENCE_MANUFACTURER), scopes_of_audience(AUDIENCE_MANUFACTURER));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scope");
	TCase *tests = tcase_create("scope");
	tcase_add_test(tests, names_and_bits_are_one_to_one);
	tcase_add_loop_test(tests, other_names_are_no_scopes, 0, COUNT(NONE));
	tcase_add_test(tests, no_scope_is_both_an_itsps_and_the_manufacturers);
	tcase_add_test(tests, a_set_is_told_as_words);
	tcase_add_test(tests, no_token_manages_people);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
