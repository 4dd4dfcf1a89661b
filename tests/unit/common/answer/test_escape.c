/* What each escaping carries, and how. That no value escapes its place in a document is shown by
 * real parsers in tests/integration/redirector. */
#include "common/answer/escape.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct {
	enum escaping escaping;
	const char *text, *escaped; /* NULL: cannot carry it */
} CASES[] = {
    {ESCAPE_XML, "a&b<c>\"'d", "a&amp;b&lt;c&gt;\"'d"},
    {ESCAPE_XML, "]]>", "]]&gt;"},
    {ESCAPE_XML, "\xc3\xa9", "\xc3\xa9"},
    {ESCAPE_XML, "a\nb", NULL},
    {ESCAPE_XML, "a\x01", NULL},
    {ESCAPE_XML, "\xc2\x85", NULL}, /* NEL */
    {ESCAPE_XML, "\xef\xbf\xbf", NULL}, /* U+FFFF */
    {ESCAPE_XML, "\xef\xbf\xbd", "\xef\xbf\xbd"},
    {ESCAPE_XML, "\xed\xa0\x80", NULL}, /* a surrogate */
    {ESCAPE_XML, "\xff", NULL},
    {ESCAPE_XML_ATTRIBUTE, "a&b<c>\"'d", "a&amp;b&lt;c&gt;&quot;&#39;d"},
    {ESCAPE_XML_ATTRIBUTE, "a\tb", NULL},
    {ESCAPE_JSON, "a\"b\\c\nd/\xc3\xa9", "a\\\"b\\\\c\\nd/\xc3\xa9"},
    {ESCAPE_JSON, "a\rb", NULL},
    {ESCAPE_JSON, "\x7f", NULL},
    {ESCAPE_JSON, "\xc0\x80", NULL}, /* overlong */
    {ESCAPE_LINE, "a:b=c#d\"e\\f", "a:b=c#d\"e\\f"},
    {ESCAPE_LINE, "", ""},
    {ESCAPE_LINE, "a\nb", NULL},
    {ESCAPE_LINE, "a\rb", NULL},
    {ESCAPE_LINE, "a\tb", NULL},
    {ESCAPE_LINE, " a", NULL},
    {ESCAPE_LINE, "a ", NULL},
    {ESCAPE_LINE, "\xc3\xa9", NULL},
    {ESCAPE_QUOTED_LINE, "a b", "a b"},
    {ESCAPE_QUOTED_LINE, "a\"b", NULL},
    {ESCAPE_QUOTED_LINE, "a\\", NULL},
    {ESCAPE_QUOTED_LINE, "a\nb", NULL},
};

START_TEST(escapes_or_refuses)
{
	const char *text = CASES[_i].text;
	struct buf out = {0};

	ck_assert_msg(
	    escape_can_carry(CASES[_i].escaping, text, strlen(text)) == (CASES[_i].escaped != NULL),
	    "%s: %s", escape_name(CASES[_i].escaping), text);
	if (CASES[_i].escaped != NULL) {
		buf_put_str(&out, "");
		escape_put(CASES[_i].escaping, text, strlen(text), &out);
		ck_assert_str_eq((const char *)out.bytes, CASES[_i].escaped);
	}
	buf_free(&out);
}
END_TEST

START_TEST(names_go_both_ways)
{
	for (int i = 0; i < ESCAPE_COUNT; i++) {
		enum escaping escaping;
		const char *name = escape_name((enum escaping)i);
		ck_assert_int_eq(escape_parse(name, strlen(name), &escaping), ERR_OK);
		ck_assert_int_eq(escaping, i);
	}
	enum escaping untouched = ESCAPE_COUNT;
	ck_assert_int_eq(escape_parse("html", 4, &untouched), ERR_SYNTAX);
	ck_assert_int_eq(untouched, ESCAPE_COUNT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("escape");
	TCase *tests = tcase_create("all");

	tcase_add_loop_test(tests, escapes_or_refuses, 0, COUNT(CASES));
	tcase_add_test(tests, names_go_both_ways);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
