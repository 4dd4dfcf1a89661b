/*
 * Which route a method and a path lead to, and what their parameters are.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/router.h"
#include "tests/lib/unit.h"

static const struct route ROUTES[] = {
    {"GET", "/", "root"},
    {"GET", "/v1/claims", "list"},
    {"GET", "/v1/claims/mine", "mine"},
    {"GET", "/v1/claims/{mac}", "get"},
    {"PUT", "/v1/claims/{mac}", "put"},
    {"DELETE", "/v1/claims/{mac}", "delete"},
    {"POST", "/v1/claims/{mac}/reveal", "reveal"},
    {"POST", "/v1/admin/devices:import", "import"},
    {"POST", "/.well-known/est/{order}/simpleenroll", "enrol"},
    {"GET", "/v1/orders/{order}/devices/{mac}", "device"},
};

static const struct {
	const char *method, *path;
	const char *found; /* NULL: none */
	const char *params; /* joined by a blank, or what is allowed */
} CASES[] = {
    {"GET", "/", "root", ""},
    {"HEAD", "/", "root", ""},
    {"GET", "/v1/claims", "list", ""},
    {"GET", "/v1/claims/001565AABBCC", "get", "001565AABBCC"},
    {"HEAD", "/v1/claims/001565AABBCC", "get", "001565AABBCC"},
    {"PUT", "/v1/claims/00:15:65:aa:bb:cc", "put", "00:15:65:aa:bb:cc"},
    {"PUT", "/v1/claims/00%3a15", "put", "00:15"},
    {"GET", "/v1/claims/mine", "mine", ""},
    {"GET", "/%76%31/claims", "list", ""},
    {"POST", "/v1/admin/devices:import", "import", ""},
    {"POST", "/.well-known/est/ORDER-1/simpleenroll", "enrol", "ORDER-1"},
    {"GET", "/v1/orders/R.1/devices/X", "device", "R.1 X"},
    {"GET", "/v1/claims/..", "get", ".."},
    {"PATCH", "/v1/claims", NULL, "GET, HEAD"},
    {"PATCH", "/v1/claims/X", NULL, "GET, HEAD, PUT, DELETE"},
    {"get", "/v1/claims", NULL, "GET, HEAD"},
    {"HEAD", "/v1/claims/X/reveal", NULL, "POST"},
    {"GET", "/v1/claims/", NULL, ""},
    {"GET", "/v1//claims", NULL, ""},
    {"GET", "//v1/claims", NULL, ""},
    {"GET", "/v1/claims/x/y", NULL, ""},
    {"GET", "/V1/claims", NULL, ""},
    {"GET", "/v1/claimsx", NULL, ""},
    {"GET", "/v1/claim", NULL, ""},
    {"GET", "/v1/./claims", NULL, ""},
    {"GET", "/v1/claims/a%2fb", NULL, ""},
    {"GET", "/v1/claims/a%00b", NULL, ""},
    {"GET", "/v1/claims/a%0ab", NULL, ""},
    {"GET", "/v1/claims%2fX", NULL, ""},
    {"GET", "/{mac}", NULL, ""},
    {"GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o", NULL, ""},
    {"GET", "", NULL, ""},
};

START_TEST(test_finds_routes)
{
	struct http1_head head = {.method = {CASES[_i].method, strlen(CASES[_i].method)},
	    .path = {CASES[_i].path, strlen(CASES[_i].path)}};
	struct router_match match;
	memset(&match, 0xff, sizeof(match));
	enum router_result result = router_match(ROUTES, COUNT(ROUTES), &head, &match);
	if (CASES[_i].found == NULL) {
		int allowed = CASES[_i].params[0] != '\0';
		ck_assert_int_eq(result, allowed ? ROUTER_METHOD : ROUTER_PATH);
		ck_assert_ptr_null(match.route);
		ck_assert_str_eq(match.allow, CASES[_i].params);
		return;
	}
	ck_assert_int_eq(result, ROUTER_FOUND);
	ck_assert_str_eq(match.route->target, CASES[_i].found);
	char params[4 * ROUTER_PARAM_LEN] = "";
	for (size_t i = 0; i < match.param_count; i++) {
		strcat(params, i > 0 ? " " : "");
		strcat(params, match.params[i]);
	}
	ck_assert_str_eq(params, CASES[_i].params);
}
END_TEST

START_TEST(test_a_long_segment_fits_nothing)
{
	char path[256] = "/v1/claims/";
	struct router_match match;
	memset(path + 11, 'a', ROUTER_PARAM_LEN - 1);
	struct http1_head head = {.method = {"GET", 3}, .path = {path, strlen(path)}};
	ck_assert_int_eq(router_match(ROUTES, 10, &head, &match), ROUTER_FOUND);
	path[strlen(path)] = 'a';
	head.path.len++;
	ck_assert_int_eq(router_match(ROUTES, 10, &head, &match), ROUTER_PATH);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("router");
	TCase *tcase = tcase_create("routes");
	tcase_add_loop_test(tcase, test_finds_routes, 0, (int)(sizeof(CASES) / sizeof(CASES[0])));
	tcase_add_test(tcase, test_a_long_segment_fits_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
