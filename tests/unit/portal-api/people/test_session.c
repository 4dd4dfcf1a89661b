/* Cookies, tokens against cross-site requests, and whose Origin is our own. */
#include <string.h>

#include "portal-api/people/session.h"
#include "tests/lib/unit.h"

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

#define GOOD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

START_TEST(the_session_is_found_among_cookies)
{
	static const struct {
		const char *cookie;
		enum err err;
	} cases[] = {{"__Host-firstring=" GOOD, ERR_OK},
	    {"a=b; __Host-firstring=" GOOD "; c=d", ERR_OK}, {"a=b;__Host-firstring=" GOOD, ERR_OK},
	    {"", ERR_NOT_FOUND}, {"a=b", ERR_NOT_FOUND}, {"firstring=" GOOD, ERR_NOT_FOUND},
	    {"x__Host-firstring=" GOOD, ERR_NOT_FOUND}, {"__Host-firstring=", ERR_NOT_FOUND},
	    {"__Host-firstring=" GOOD "0", ERR_NOT_FOUND},
	    {"__Host-firstring=g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		ERR_NOT_FOUND},
	    {"__Host-firstring=A0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		ERR_NOT_FOUND},
	    {";;; ;", ERR_NOT_FOUND}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[SESSION_TEXT_LEN + 1];
		ck_assert_int_eq(session_from_cookie(span_of(cases[i].cookie), text), cases[i].err);
		if (!cases[i].err)
			ck_assert_str_eq(text, GOOD);
	}
}
END_TEST

START_TEST(a_new_session_comes_back_from_its_cookie)
{
	char text[SESSION_TEXT_LEN + 1], other[SESSION_TEXT_LEN + 1];
	char cookie[SESSION_COOKIE_MAX];
	session_generate(text);
	session_generate(other);
	ck_assert_str_ne(text, other);
	session_cookie(text, cookie);
	ck_assert_ptr_nonnull(strstr(cookie, "; Path=/; Secure; HttpOnly; SameSite=Strict"));
	ck_assert_ptr_null(strstr(cookie, "Domain"));
	*strchr(cookie, ';') = '\0';
	ck_assert_int_eq(session_from_cookie(span_of(cookie), other), ERR_OK);
	ck_assert_str_eq(text, other);
	session_cookie(NULL, cookie);
	ck_assert_ptr_nonnull(strstr(cookie, "Max-Age=0"));
}
END_TEST

START_TEST(a_csrf_token_is_of_one_session)
{
	char a[SESSION_TEXT_LEN + 1], b[SESSION_TEXT_LEN + 1], token[CSRF_TEXT_LEN + 1];
	session_generate(a);
	session_generate(b);
	session_csrf_token(a, token);
	ck_assert(session_csrf_is_right(a, span_of(token)));
	ck_assert(!session_csrf_is_right(b, span_of(token)));
	ck_assert(!session_csrf_is_right(a, span_of("")));
	ck_assert(!session_csrf_is_right(a, (struct span){token, CSRF_TEXT_LEN - 1}));
	ck_assert(!session_csrf_is_right(a, span_of(a)));
}
END_TEST

START_TEST(only_our_own_origin)
{
	static const struct {
		const char *origin, *host;
		int own;
	} cases[] = {{"https://portal.example", "portal.example", 1},
	    {"https://portal.example:8443", "portal.example:8443", 1},
	    {"https://Portal.example", "portal.example", 1},
	    {"http://portal.example", "portal.example", 0},
	    {"https://portal.example", "portal.example:8443", 0},
	    {"https://portal.example.evil.example", "portal.example", 0},
	    {"https://evil.example", "portal.example", 0}, {"null", "portal.example", 0},
	    {"", "portal.example", 0}, {"https://", "", 0}};
	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_int_eq(
		    session_origin_is_own(span_of(cases[i].origin), span_of(cases[i].host)),
		    cases[i].own);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tests = tcase_create("session");
	tcase_add_test(tests, the_session_is_found_among_cookies);
	tcase_add_test(tests, a_new_session_comes_back_from_its_cookie);
	tcase_add_test(tests, a_csrf_token_is_of_one_session);
	tcase_add_test(tests, only_our_own_origin);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
