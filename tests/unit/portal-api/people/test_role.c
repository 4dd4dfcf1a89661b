/* Roles: nobody has a scope of the other audience, and a narrower role has none that a wider lacks.
 */
#include <string.h>

#include "portal-api/people/role.h"
#include "tests/lib/unit.h"

START_TEST(each_role_is_of_its_audience)
{
	const enum audience audiences[] = {AUDIENCE_ITSP, AUDIENCE_MANUFACTURER};
	enum audience audience = audiences[_i];
	uint32_t wider = scopes_of_audience(audience);
	ck_assert_uint_eq(role_scopes(roles_of_audience(audience)[0]), wider);
	for (const char *const *name = roles_of_audience(audience); *name; name++) {
		uint32_t scopes = role_scopes(*name);
		ck_assert_uint_ne(scopes, 0);
		ck_assert_uint_eq(scopes & ~wider, 0);
		wider = scopes;
	}
}
END_TEST

START_TEST(what_the_narrow_ones_may_not)
{
	ck_assert(!(role_scopes("read_only") & SCOPE_CLAIMS_REVEAL));
	ck_assert(!(role_scopes("support") & SCOPE_CLAIMS_WRITE));
	ck_assert(!(role_scopes("engineer") & (SCOPE_USERS_WRITE | SCOPE_TOKENS_WRITE)));
	ck_assert(!(role_scopes("auditor") & SCOPE_ADMIN_WRITE));
	ck_assert_uint_eq(role_scopes(""), 0);
	ck_assert_uint_eq(role_scopes("Owner"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("role");
	TCase *tests = tcase_create("role");
	tcase_add_loop_test(tests, each_role_is_of_its_audience, 0, 2);
	tcase_add_test(tests, what_the_narrow_ones_may_not);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
