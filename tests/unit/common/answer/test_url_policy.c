/* Which provisioning URLs are stored, and what becomes of one for a phone. */
#include "common/answer/url_host.h"
#include "common/answer/url_policy.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const char *const DOMAINS[] = {"itsp.example", "xn--bcher-kva.example"};

static const struct {
	const char *url;
	enum url_problem problem;
} URLS[] = {
    /* What is fine. */
    {"https://itsp.example/", URL_OK},
    {"https://itsp.example", URL_OK},
    {"https://prov.itsp.example/p/{mac}", URL_OK},
    {"https://PROV.ITSP.Example/p/{MAC}.cfg?sn={serial}&model={model}", URL_OK},
    {"HTTPS://prov.itsp.example/", URL_OK},
    {"https://prov.itsp.example:8443/{mac}{MAC}", URL_OK},
    {"https://prov.itsp.example?mac={mac}", URL_OK},
    {"https://a-b.itsp.example/~x/%C3%A9;v=1,2!$&'()*+@:", URL_OK},
    {"https://prov.xn--bcher-kva.example/", URL_OK},
    {"https://itsp.example/%7Bmac%7D", URL_OK},
    /* Other schemes, plain text above all. */
    {"", URL_NOT_HTTPS},
    {"http://prov.itsp.example/", URL_NOT_HTTPS},
    {"tftp://prov.itsp.example/", URL_NOT_HTTPS},
    {"ftp://prov.itsp.example/", URL_NOT_HTTPS},
    {"javascript:alert(1)", URL_NOT_HTTPS},
    {"file:///etc/passwd", URL_NOT_HTTPS},
    {"//prov.itsp.example/", URL_NOT_HTTPS},
    {"prov.itsp.example/", URL_NOT_HTTPS},
    {"https:/prov.itsp.example/", URL_NOT_HTTPS},
    {"https:prov.itsp.example/", URL_NOT_HTTPS},
    {"httpshttps://prov.itsp.example/", URL_NOT_HTTPS},
    /* Characters that end a line, a tag or the ASCII table. */
    {" https://prov.itsp.example/", URL_SYNTAX},
    {"https://prov.itsp.example/ ", URL_SYNTAX},
    {"https://prov.itsp.example/a b", URL_SYNTAX},
    {"https://prov.itsp.example/\r\nadmin = x", URL_SYNTAX},
    {"https://prov.itsp.example/\n", URL_SYNTAX},
    {"https://prov.itsp.example/\t", URL_SYNTAX},
    {"https://prov.itsp.example/\x7f", URL_SYNTAX},
    {"https://prov.itsp.example/\xc3\xa9", URL_SYNTAX},
    {"https://b\xc3\xbc"
     "cher.example/",
	URL_SYNTAX},
    {"https://prov.itsp.example/%0d%0aadmin=x", URL_SYNTAX},
    {"https://prov.itsp.example/%00", URL_SYNTAX},
    {"https://prov.itsp.example/%7f", URL_SYNTAX},
    {"https://prov.itsp.example/%", URL_SYNTAX},
    {"https://prov.itsp.example/%4", URL_SYNTAX},
    {"https://prov.itsp.example/%zz", URL_SYNTAX},
    {"https://prov.itsp.example/#top", URL_SYNTAX},
    {"https://prov.itsp.example#top", URL_SYNTAX},
    {"https://prov.itsp.example/<b>", URL_SYNTAX},
    {"https://prov.itsp.example/\"x\"", URL_SYNTAX},
    {"https://prov.itsp.example/a\\b", URL_SYNTAX},
    {"https://prov.itsp.example\\@evil.example/", URL_SYNTAX},
    {"https://prov.itsp.example/a|b^c`d", URL_SYNTAX},
    {"https://prov.itsp.example/[x]", URL_SYNTAX},
    /* User-info, however it is hidden. */
    {"https://user@prov.itsp.example/", URL_USER_INFO},
    {"https://user:pw@prov.itsp.example/", URL_USER_INFO},
    {"https://prov.itsp.example@evil.example/", URL_USER_INFO},
    {"https://prov.itsp.example:443@evil.example/", URL_USER_INFO},
    {"https://@itsp.example/", URL_USER_INFO},
    /* Addresses in every spelling. */
    {"https://192.0.2.7/", URL_ADDRESS},
    {"https://169.254.169.254/latest/meta-data", URL_ADDRESS},
    {"https://127.1/", URL_ADDRESS},
    {"https://2130706433/", URL_ADDRESS},
    {"https://0x7f000001/", URL_ADDRESS},
    {"https://0x7f.0.0.0x1/", URL_ADDRESS},
    {"https://0177.0.0.1/", URL_ADDRESS},
    {"https://127.0.0.1./", URL_ADDRESS},
    {"https://itsp.example.1/", URL_ADDRESS},
    {"https://[::1]/", URL_ADDRESS},
    {"https://[fe80::1%25eth0]:8443/", URL_ADDRESS},
    {"https://[::ffff:192.0.2.7]/", URL_ADDRESS},
    {"https://localhost/", URL_ADDRESS},
    {"https://LocalHost:8443/", URL_ADDRESS},
    {"https://x.localhost/", URL_ADDRESS},
    {"https://localhost.localdomain/", URL_ADDRESS},
    /* Hosts that are none. */
    {"https:///path", URL_HOST},
    {"https://:443/", URL_HOST},
    {"https://intranet/", URL_HOST},
    {"https://./", URL_HOST},
    {"https://.itsp.example/", URL_HOST},
    {"https://prov..itsp.example/", URL_HOST},
    {"https://prov.itsp.example./", URL_HOST},
    {"https://-prov.itsp.example/", URL_HOST},
    {"https://prov-.itsp.example/", URL_HOST},
    {"https://pr_ov.itsp.example/", URL_HOST},
    {"https://%70rov.itsp.example/", URL_HOST},
    {"https://*.itsp.example/", URL_HOST},
    {"https://ab--cd.itsp.example/", URL_HOST},
    {"https://xn--.itsp.example/", URL_HOST},
    {"https://xn--abc-.itsp.example/", URL_HOST},
    {"https://xn--99999999.itsp.example/", URL_HOST},
    {"https://aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.itsp.example/",
	URL_HOST},
    /* Ports. */
    {"https://itsp.example:/", URL_PORT},
    {"https://itsp.example:0/", URL_PORT},
    {"https://itsp.example:65536/", URL_PORT},
    {"https://itsp.example:0443/", URL_PORT},
    {"https://itsp.example:+443/", URL_PORT},
    {"https://itsp.example:8443x/", URL_PORT},
    {"https://itsp.example:1:2/", URL_PORT},
    /* Somebody else's host. */
    {"https://evil.example/", URL_NOT_APPROVED},
    {"https://notitsp.example/", URL_NOT_APPROVED},
    {"https://itsp.example.evil.example/", URL_NOT_APPROVED},
    {"https://example/", URL_HOST},
    {"https://xn--e1afmkfd.example/", URL_NOT_APPROVED},
    /* Fields. */
    {"https://{mac}.itsp.example/", URL_FIELD},
    {"https://itsp.example{mac}/", URL_FIELD},
    {"https://itsp.example:{mac}/", URL_FIELD},
    {"https://itsp.example/{{mac}}", URL_FIELD},
    {"https://itsp.example/{mac", URL_FIELD},
    {"https://itsp.example/mac}", URL_FIELD},
    {"https://itsp.example/{}", URL_FIELD},
    {"https://itsp.example/{Mac}", URL_FIELD},
    {"https://itsp.example/{password}", URL_FIELD},
    {"https://itsp.example/{ma{mac}c}", URL_FIELD},
};

START_TEST(checks_each_url)
{
	const char *url = URLS[_i].url;
	enum url_problem problem = url_policy_check(url, strlen(url), DOMAINS, 2);

	ck_assert_msg(problem == URLS[_i].problem, "%s: %s, not %s", url, url_problem_code(problem),
	    url_problem_code(URLS[_i].problem));
}
END_TEST

START_TEST(has_a_bound_and_reads_no_further)
{
	char url[URL_TEMPLATE_MAX + 2];
	static const char FRONT[] = "https://itsp.example/";

	memset(url, 'a', sizeof(url));
	memcpy(url, FRONT, sizeof(FRONT) - 1);
	ck_assert_int_eq(url_policy_check(url, URL_TEMPLATE_MAX, DOMAINS, 2), URL_OK);
	ck_assert_int_eq(url_policy_check(url, URL_TEMPLATE_MAX + 1, DOMAINS, 2), URL_TOO_LONG);
	ck_assert_int_eq(url_policy_check("https://itsp.example/\0x", 23, DOMAINS, 2), URL_SYNTAX);
	ck_assert_int_eq(url_policy_check("https://itsp.example/", 21, NULL, 0), URL_NOT_APPROVED);
}
END_TEST

static const struct {
	const char *host, *domain;
	int matches;
} HOSTS[] = {
    {"itsp.example", "itsp.example", 1},
    {"a.b.itsp.example", "itsp.example", 1},
    {"ITSP.EXAMPLE", "itsp.example", 1},
    {"notitsp.example", "itsp.example", 0},
    {"example", "itsp.example", 0},
    {"itsp.example.net", "itsp.example", 0},
    {"itsp.example", "", 0},
};

START_TEST(matches_on_label_boundaries)
{
	ck_assert_int_eq(url_host_matches(HOSTS[_i].host, strlen(HOSTS[_i].host), HOSTS[_i].domain),
	    HOSTS[_i].matches);
}
END_TEST

static const struct {
	const char *text, *normal; /* NULL: refused */
} NAMES[] = {
    {"ITSP.Example", "itsp.example"},
    {"a.b-c.example", "a.b-c.example"},
    {"example", NULL},
    {"", NULL},
    {".itsp.example", NULL},
    {"itsp.example.", NULL},
    {"*.itsp.example", NULL},
    {"192.0.2.7", NULL},
    {"localhost", NULL},
    {"itsp.example/x", NULL},
    {"itsp.example:443", NULL},
    {"itsp .example", NULL},
};

START_TEST(normalises_domains)
{
	char normal[254] = "untouched";
	enum err err = url_domain_normalise(NAMES[_i].text, strlen(NAMES[_i].text), normal);

	ck_assert_int_eq(err, NAMES[_i].normal != NULL ? ERR_OK : ERR_SYNTAX);
	ck_assert_str_eq(normal, NAMES[_i].normal != NULL ? NAMES[_i].normal : "untouched");
}
END_TEST

static const struct {
	const char *host;
	int special;
} SPECIAL_USE[] = {
    {"itsp.local", 1},
    {"a.b.Internal", 1},
    {"home.arpa", 1},
    {"itsp.home.arpa", 1},
    {"x.onion", 1},
    {"x.invalid", 1},
    {"x.test", 1},
    {"x.alt", 1},
    {"x.localhost", 1},
    {"local", 1},
    {"local.net", 0},
    {"x.notlocal", 0},
    {"x.locals", 0},
    {"itsp.example", 0},
    {"example.com", 0},
    {"co.uk", 0},
    {"", 0},
};

START_TEST(knows_names_of_special_use)
{
	const char *host = SPECIAL_USE[_i].host;
	ck_assert_int_eq(url_host_is_special_use(host, strlen(host)), SPECIAL_USE[_i].special);
}
END_TEST

static const struct {
	const char *template, *url; /* NULL: ERR_SYNTAX */
} EXPANSIONS[] = {
    {"https://itsp.example/{mac}/{MAC}", "https://itsp.example/001565aabbcc/001565AABBCC"},
    {"HTTPS://Itsp.example:1/", "https://Itsp.example:1/"},
    {"https://itsp.example?s={serial}&m={model}", "https://itsp.example?s=A%2F1%202%25&m=T46_G-1"},
    {"https://itsp.example", "https://itsp.example"},
    {"https://itsp.example/{mac", NULL},
    {"http://itsp.example/", NULL},
};

START_TEST(expands_for_one_phone)
{
	struct url_fields fields = {
	    .mac = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}}, .serial = "A/1 2%", .model = "T46_G-1"};
	struct buf out = {0};

	buf_put_str(&out, ">");
	enum err err = url_expand(EXPANSIONS[_i].template, &fields, &out);
	if (EXPANSIONS[_i].url == NULL) {
		ck_assert_int_eq(err, ERR_SYNTAX);
		ck_assert_uint_eq(out.len, 1);
	} else {
		ck_assert_int_eq(err, ERR_OK);
		ck_assert_str_eq((char *)out.bytes + 1, EXPANSIONS[_i].url);
	}
	buf_free(&out);
}
END_TEST

START_TEST(no_value_brings_a_control_character)
{
	struct url_fields fields = {.serial = "a\r\nb", .model = "m"};
	struct buf out = {0};

	ck_assert_int_eq(url_expand("https://itsp.example/{serial}", &fields, &out), ERR_SYNTAX);
	ck_assert_uint_eq(out.len, 0);
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("url_policy");
	TCase *tests = tcase_create("all");

	tcase_add_loop_test(tests, checks_each_url, 0, COUNT(URLS));
	tcase_add_test(tests, has_a_bound_and_reads_no_further);
	tcase_add_test(tests, no_value_brings_a_control_character);
	tcase_add_loop_test(tests, matches_on_label_boundaries, 0, COUNT(HOSTS));
	tcase_add_loop_test(tests, normalises_domains, 0, COUNT(NAMES));
	tcase_add_loop_test(tests, knows_names_of_special_use, 0, COUNT(SPECIAL_USE));
	tcase_add_loop_test(tests, expands_for_one_phone, 0, COUNT(EXPANSIONS));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
