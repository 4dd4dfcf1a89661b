/* Format files: what is refused at load, which paths are a phone's own, what is rendered. */
#include "common/answer/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

#define HEAD "content-type: text/plain\nescape: line\nown: {mac}.cfg\n"
#define BODY "--- main\n{{admin_password}} {{other_password}} {{provisioning_url}}\n"

static const char *const GOOD[] = {
    HEAD BODY,
    "# a comment\n\n" HEAD "common: y{model}.cfg\nmax: admin_password 32\nrefuse: model $#\n" BODY,
    HEAD "other-accounts: disabled\n--- a\n{{provisioning_host}}{{admin_password}}\n",
    HEAD "own: x/{MAC}.boot -> boot\nstaged: yes\n" BODY "--- boot\n{{mac}} }} { {x}\n",
    HEAD BODY "{{each provisioning_urls}}{{item}}{{,}}{{/each}}\n",
};

static const struct {
	const char *text, *why;
} BAD[] = {
    {"", "t.format:1:1: needs content-type: and escape:"},
    {HEAD "own: a", "t.format:4:7: the last line has no end"},
    {HEAD "own:\ta\n" BODY, "t.format:4:1: a control character (tab, CR, ...) or bad UTF-8"},
    {HEAD "\r\n" BODY, "t.format:4:1: a control character (tab, CR, ...) or bad UTF-8"},
    {HEAD "colour: red\n" BODY, "t.format:4:1: unknown key \"colour\""},
    {HEAD "red\n" BODY, "t.format:4:1: write KEY: VALUE, or --- BODY"},
    {"escape: html\n", "t.format:1:9: escape is xml, xml-attribute, json, line or quoted-line"},
    {HEAD "escape: xml\n" BODY, "t.format:4:9: escape: twice"},
    {HEAD "content-type: a\n" BODY, "t.format:4:15: content-type: twice"},
    {HEAD "own: {serial}\n" BODY, "t.format:4:6: a pattern's fields are {mac}, {MAC} and {model}"},
    {HEAD "own: a*b\n" BODY, "t.format:4:7: a pattern holds letters, digits and ._-/ only"},
    {HEAD "own:\n" BODY, "t.format:4:5: write PATTERN, or for own files PATTERN -> BODY"},
    {HEAD "own: a ->\n" BODY, "t.format:4:6: write PATTERN, or for own files PATTERN -> BODY"},
    {HEAD "common: a -> main\n" BODY,
	"t.format:4:9: write PATTERN, or for own files PATTERN -> BODY"},
    {HEAD "own: a -> none\n" BODY, "t.format:4:11: no body \"none\""},
    {HEAD "max: colour 3\n" BODY, "t.format:4:6: unknown value \"colour\""},
    {HEAD "max: model x\n" BODY, "t.format:4:12: write VALUE and a number of characters"},
    {HEAD "max: model 0\n" BODY, "t.format:4:12: write VALUE and a number of characters"},
    {HEAD "refuse: model\n" BODY, "t.format:4:9: write VALUE and up to 16 characters"},
    {HEAD "staged: maybe\n" BODY, "t.format:4:9: write no or yes"},
    {HEAD "staged: main -> \n" BODY, "t.format:4:9: write no, yes, or BODY -> BODY"},
    {HEAD "staged: main to main\n" BODY, "t.format:4:9: write no, yes, or BODY -> BODY"},
    {HEAD "staged: main -> a b\n" BODY, "t.format:4:9: write no, yes, or BODY -> BODY"},
    {HEAD "staged: main -> first\n" BODY, "t.format:4:17: no body \"first\""},
    {HEAD "staged: no-such -> main\n" BODY, "t.format:4:9: no body \"no-such\""},
    {HEAD "staged: main -> plain\n" BODY "--- plain\n{{mac}}\n",
	"t.format:4:9: stages are of bodies that set the admin password and the URL"},
    {HEAD "---\n", "t.format:4:1: a body begins with \"--- NAME\", NAME of a-z, 0-9, - and _"},
    {HEAD BODY BODY, "t.format:6:5: body \"main\" twice"},
    {HEAD "--- a\n{{colour}}\n", "t.format:5:3: unknown field \"colour\""},
    {HEAD "--- a\n{{mac\n", "t.format:5:1: {{ is never closed"},
    {HEAD "--- a\n{{ mac }}\n", "t.format:5:3: unknown field \" mac \""},
    {HEAD "--- a\n{{{{mac}}}}\n", "t.format:5:3: unknown field \"{{mac\""},
    {HEAD "--- a\n{{item}}\n", "t.format:5:3: {{item}} outside {{each}}"},
    {HEAD "--- a\n{{/each}}\n", "t.format:5:3: {{/each}} without {{each}}"},
    {HEAD "--- a\n{{each mac}}\n", "t.format:5:8: \"mac\" is not a list"},
    {HEAD "--- a\n{{each fallback_urls}}\n", "t.format:6:1: {{each}} is never closed"},
    {HEAD "--- a\n{{each fallback_urls}}{{each fallback_urls}}\n",
	"t.format:5:25: {{each}} inside {{each}}"},
    {HEAD, "t.format:4:1: no body sets the admin password and the URL"},
    {HEAD "--- a\n{{mac}}\n", "t.format:6:1: no body sets the admin password and the URL"},
    {HEAD "--- a\n{{provisioning_url}}\n",
	"t.format:6:1: body \"a\" must set the admin password and the URL, or neither"},
    {HEAD "--- a\n{{admin_password}}{{other_password}}\n",
	"t.format:6:1: body \"a\" must set the admin password and the URL, or neither"},
    {HEAD BODY "--- lost\nx\n", "t.format:8:1: no own: pattern leads to body \"lost\""},
};

static struct format *parse(const char *text)
{
	struct format *format = NULL;
	char why[256] = "";

	enum err err = format_parse("t", text, strlen(text), &format, why, sizeof(why));
	ck_assert_msg(err == ERR_OK, "%s", why);
	return format;
}

START_TEST(accepts)
{
	format_free(parse(GOOD[_i]));
}
END_TEST

START_TEST(refuses_with_the_place)
{
	struct format *format = NULL;
	char why[256] = "";

	ck_assert_int_eq(
	    format_parse("t", BAD[_i].text, strlen(BAD[_i].text), &format, why, sizeof(why)),
	    ERR_SYNTAX);
	ck_assert_ptr_null(format);
	ck_assert_str_eq(why, BAD[_i].why);
}
END_TEST

START_TEST(stage_one_may_have_a_body_of_its_own)
{
	struct format *format =
	    parse(HEAD "own: {mac}.boot -> boot\nstaged: main -> first\n" BODY "--- boot\n{{mac}}\n"
		       "--- first\n{{admin_password}} {{other_password}} {{provisioning_url}}\n");

	ck_assert(format_can_stage(format));
	ck_assert_uint_eq(format_settings_body(format), 0);
	ck_assert_uint_eq(format_stage_one_body(format, 0), 2);
	ck_assert_uint_eq(format_stage_one_body(format, 1), 1);
	format_free(format);
	format = parse(HEAD "staged: yes\n" BODY);
	ck_assert(format_can_stage(format));
	ck_assert_uint_eq(format_stage_one_body(format, 0), 0);
	format_free(format);
}
END_TEST

START_TEST(tells_what_its_bodies_use)
{
	struct format *format = parse(HEAD "own: {mac}.more -> more\n" BODY
					   "--- more\n{{each fallback_urls}}{{item}}{{/each}}\n");

	ck_assert(format_tells(format, "provisioning_url"));
	ck_assert(format_tells(format, "fallback_urls"));
	ck_assert(!format_tells(format, "trust_anchors"));
	format_free(format);
}
END_TEST

START_TEST(refuses_to_leave_other_accounts_open)
{
	static const char TEXT[] = HEAD "--- a\n{{admin_password}} {{provisioning_url}}\n";
	struct format *format = NULL;
	char why[256] = "";

	ck_assert_int_eq(
	    format_parse("t", TEXT, sizeof(TEXT) - 1, &format, why, sizeof(why)), ERR_SYNTAX);
	ck_assert_ptr_nonnull(strstr(why, "other-accounts: disabled"));
}
END_TEST

START_TEST(refuses_odd_names_and_huge_files)
{
	static char huge[64 * 1024 + 2];
	struct format *format = NULL;
	char why[256];

	memset(huge, '\n', sizeof(huge) - 1);
	ck_assert_int_eq(
	    format_parse("../x", GOOD[0], strlen(GOOD[0]), &format, why, sizeof(why)), ERR_SYNTAX);
	ck_assert_int_eq(
	    format_parse("t", huge, sizeof(huge) - 1, &format, why, sizeof(why)), ERR_SYNTAX);
}
END_TEST

static const char PATTERNS[] =
    "content-type: text/plain\nescape: line\n"
    "own: {mac}.cfg\nown: snom{model}-{MAC}.htm\nown: snom{model}.htm\nown: {mac}.boot -> boot\n"
    "own: /\nown-without-mac: v1/bootstrap\ncommon: snom{model}.htm\ncommon: y{model}.cfg\n" BODY
    "--- boot\nx\n";

static const struct {
	const char *path, *query;
	enum file_kind kind;
	unsigned body;
} PATHS[] = {
    {"/001565aabbcc.cfg", "", FILE_OWN, 0},
    {"/001565AABBCC.cfg", "", FILE_OWN, 0},
    {"/001565aAbBcC.cfg", "", FILE_OWN, 0},
    {"/a/b/c/001565aabbcc.cfg", "", FILE_OWN, 0},
    {"//001565aabbcc.cfg", "", FILE_OWN, 0},
    {"/../001565aabbcc.cfg", "", FILE_OWN, 0},
    {"/001565aabbcc.boot", "", FILE_OWN, 1},
    {"/snomD785-001565AABBCC.htm", "", FILE_OWN, 0},
    {"/snomD785-SIP_x-001565aabbcc.htm", "", FILE_OWN, 0},
    {"/snomD785.htm", "mac=001565AABBCC", FILE_OWN, 0},
    {"/snomD785.htm", "", FILE_COMMON, 0},
    {"/snomD785.htm", "mac=", FILE_COMMON, 0},
    {"/snomD785.htm", "mac=001565AABBCD", FILE_COMMON, 0},
    {"/", "mac=001565aabbcc", FILE_OWN, 0},
    {"/x/", "mac=001565aabbcc", FILE_OWN, 0},
    {"/", "", FILE_UNKNOWN, 0},
    {"/y000000000028.cfg", "", FILE_COMMON, 0},
    {"/y000000000028.cfg", "mac=001565aabbcc", FILE_COMMON, 0},
    {"/v1/bootstrap", "", FILE_OWN, 0},
    {"/x/v1/bootstrap", "", FILE_OWN, 0},
    {"/bootstrap", "", FILE_UNKNOWN, 0},
    {"/xv1/bootstrap", "", FILE_UNKNOWN, 0},
    {"/v1/bootstrap/", "", FILE_UNKNOWN, 0},
    {"/V1/bootstrap", "", FILE_UNKNOWN, 0},
    {"/001565aabbcd.cfg", "", FILE_UNKNOWN, 0},
    {"/001565aabbcc.cfg.bak", "", FILE_UNKNOWN, 0},
    {"/x001565aabbcc.cfg", "", FILE_UNKNOWN, 0},
    {"/001565aabbcc.cfg/x", "", FILE_UNKNOWN, 0},
    {"/snom-001565aabbcc.htm", "", FILE_COMMON, 0},
    {"/snomaaaaaaaaaabbbbbbbbbbccccccccccdd-001565aabbcc.htm", "", FILE_OWN, 0},
    {"/snomaaaaaaaaaabbbbbbbbbbccccccccccddd-001565aabbcc.htm", "", FILE_UNKNOWN, 0},
    {"/snomD 785-001565aabbcc.htm", "", FILE_UNKNOWN, 0},
    {"/favicon.ico", "", FILE_UNKNOWN, 0},
    {"", "", FILE_UNKNOWN, 0},
};

static const struct mac PHONE = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};

START_TEST(matches_paths)
{
	struct format *format = parse(PATTERNS);
	unsigned body = 0;
	const char *query = PATHS[_i].query;
	enum file_kind kind =
	    format_match(format, &PHONE, PATHS[_i].path, query, strlen(query), &body);

	ck_assert_msg(kind == PATHS[_i].kind, "%s?%s: kind %d", PATHS[_i].path, query, kind);
	ck_assert_uint_eq(body, PATHS[_i].body);
	format_free(format);
}
END_TEST

static const char *const FALLBACKS[] = {"https://b.example/?x=1&y=2", "https://c.example/"};

static struct answer_values values_make(void)
{
	return (struct answer_values){.mac = PHONE,
	    .serial_number = "SN 1",
	    .model = "T46G",
	    .provisioning_url = "https://prov.itsp.example:8443/p/x?a=1&b=2",
	    .fallback_urls = FALLBACKS,
	    .fallback_count = 2,
	    .admin_password = "kR7vTq2mWz9x",
	    .other_password = "hQ3nLs8cYd5w"};
}

static const struct {
	const char *escape, *template, *text;
} RENDERINGS[] = {
    {"line", "{{mac}} {{MAC}} {{serial_number}} {{model}}", "001565aabbcc 001565AABBCC SN 1 T46G"},
    {"line", "{{admin_user}}:{{admin_password}}:{{other_password}}",
	"admin:kR7vTq2mWz9x:hQ3nLs8cYd5w"},
    {"line", "{{provisioning_authority}}|{{provisioning_host}}|{{provisioning_port}}",
	"prov.itsp.example:8443|prov.itsp.example|8443"},
    {"line", "/{{provisioning_path}}", "/p/x?a=1&b=2"},
    {"xml", "<a>{{provisioning_path}}</a>", "<a>p/x?a=1&amp;b=2</a>"},
    {"xml-attribute", "<a b=\"{{provisioning_url}}\"/>",
	"<a b=\"https://prov.itsp.example:8443/p/x?a=1&amp;b=2\"/>"},
    {"json", "[{{each fallback_urls}}\"{{item}}\"{{,}}{{/each}}]",
	"[\"https://b.example/?x=1&y=2\",\"https://c.example/\"]"},
    {"xml", "{{each provisioning_urls}}<u>{{item}}</u>{{/each}}.",
	"<u>https://prov.itsp.example:8443/p/x?a=1&amp;b=2</u>"
	"<u>https://b.example/?x=1&amp;y=2</u><u>https://c.example/</u>."},
    {"json", "[{{each trust_anchors}}\"{{item}}\"{{,}}{{/each}}]", "[]"},
};

static struct format *format_of(const char *escape, const char *template, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
	    "content-type: text/plain\nescape: %s\nown: {mac}\nown: x -> all\n%s--- t\n"
	    "{{admin_password}}{{other_password}}{{provisioning_url}}\n--- all\n%s\n",
	    escape, more, template);
	/* The template need not be a whole answer here: keep what a delivering body must hold. */
	if (strstr(template, "password") != NULL || strstr(template, "provisioning") != NULL)
		snprintf(text, sizeof(text),
		    "content-type: text/plain\nescape: %s\nown: {mac}\nown: x -> all\n%s--- t\n"
		    "{{admin_password}}{{other_password}}{{provisioning_url}}\n--- all\n%s\n"
		    "{{admin_password}}{{other_password}}{{provisioning_url}}\n",
		    escape, more, template);
	return parse(text);
}

START_TEST(renders)
{
	struct format *format = format_of(RENDERINGS[_i].escape, RENDERINGS[_i].template, "");
	struct answer_values values = values_make();
	struct buf out = {0};
	const char *field = NULL;

	ck_assert_int_eq(format_render(format, 1, &values, &out, &field), ERR_OK);
	*strchr((char *)out.bytes, '\n') = '\0';
	ck_assert_str_eq((const char *)out.bytes, RENDERINGS[_i].text);
	buf_free(&out);
	format_free(format);
}
END_TEST

START_TEST(a_port_that_is_not_said_is_443)
{
	struct format *format =
	    format_of("line", "{{provisioning_port}}/{{provisioning_path}}.", "");
	struct answer_values values = values_make();
	struct buf out = {0};
	const char *field = NULL;

	values.provisioning_url = "https://prov.itsp.example";
	ck_assert_int_eq(format_render(format, 1, &values, &out, &field), ERR_OK);
	*strchr((char *)out.bytes, '\n') = '\0';
	ck_assert_str_eq((const char *)out.bytes, "443/.");
	buf_free(&out);
	format_free(format);
}
END_TEST

static const char *const LISTED[] = {"https://ok.example/", "http://plain.example/"};
static const char *const PEM[] = {"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"};

START_TEST(refuses_values_by_name)
{
	static const char TEMPLATE[] =
	    "{{admin_user}}{{admin_password}}{{other_password}}{{provisioning_url}}{{model}}"
	    "{{serial_number}}{{each fallback_urls}}{{item}}{{/each}}"
	    "{{each trust_anchors}}{{item}}{{/each}}";
	struct format *format = format_of(
	    "line", TEMPLATE, "refuse: admin_user :\nrefuse: provisioning_url $\nmax: model 8\n");
	const struct {
		struct answer_values values;
		const char *field;
	} cases[] = {
#define WITH(member, value)                                                                        \
	{({                                                                                        \
		 struct answer_values v = values_make();                                           \
		 v.member = value;                                                                 \
		 v;                                                                                \
	 }),                                                                                       \
	    #member}
	    WITH(admin_user, "a:b"),
	    WITH(admin_user, "a\nb"),
	    WITH(admin_password, ""),
	    WITH(admin_password, NULL),
	    WITH(admin_password, "x\r\ny"),
	    WITH(admin_password, "p\xc3\xa9"),
	    WITH(other_password, NULL),
	    WITH(provisioning_url, "http://plain.example/"),
	    WITH(provisioning_url, "https://"),
	    WITH(provisioning_url, "https://a.example/$MAC"),
	    WITH(provisioning_url, "https://a.example/\nx = y"),
	    WITH(model, "123456789"),
	    WITH(model, ""),
	    WITH(serial_number, "a\tb"),
	    WITH(fallback_urls, LISTED),
	};
	struct answer_values values = values_make();
	struct buf out = {0};
	const char *field = NULL;

	buf_put_str(&out, "before");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		field = NULL;
		ck_assert_int_eq(
		    format_render(format, 1, &cases[i].values, &out, &field), ERR_REFUSED);
		ck_assert_str_eq(field, cases[i].field);
		ck_assert_uint_eq(out.len, 6);
		field = NULL;
		ck_assert_int_eq(
		    format_check_values(format, &cases[i].values, &field), ERR_REFUSED);
		ck_assert_str_eq(field, cases[i].field);
	}
	values.trust_anchors = PEM;
	values.trust_anchor_count = 1;
	ck_assert_int_eq(format_render(format, 1, &values, &out, &field), ERR_REFUSED);
	ck_assert_str_eq(field, "trust_anchors");
	/* The other body does not use it. */
	ck_assert_int_eq(format_render(format, 0, &values, &out, &field), ERR_OK);
	buf_free(&out);
	format_free(format);
}
END_TEST

START_TEST(writes_nothing_into_a_full_buffer)
{
	struct format *format = parse(GOOD[0]);
	struct answer_values values = values_make();
	struct buf out;
	const char *field = NULL;

	buf_init(&out, 40);
	buf_put_str(&out, "before");
	ck_assert_int_eq(format_render(format, 0, &values, &out, &field), ERR_TOO_LONG);
	ck_assert_uint_eq(out.len, 6);
	buf_free(&out);
	format_free(format);
}
END_TEST

START_TEST(only_a_body_with_the_password_delivers)
{
	struct format *format = parse(PATTERNS);

	ck_assert_uint_eq(format_body_count(format), 2);
	ck_assert_int_eq(format_body_delivers(format, 0), 1);
	ck_assert_int_eq(format_body_delivers(format, 1), 0);
	ck_assert_int_eq(format_can_stage(format), 0);
	ck_assert_str_eq(format_name(format), "t");
	ck_assert_str_eq(format_content_type(format), "text/plain");
	format_free(format);
}
END_TEST

#define LOOP(test, table) tcase_add_loop_test(tests, test, 0, COUNT(table))

int main(void)
{
	Suite *suite = suite_create("format");
	TCase *tests = tcase_create("all");

	LOOP(accepts, GOOD);
	LOOP(refuses_with_the_place, BAD);
	tcase_add_test(tests, stage_one_may_have_a_body_of_its_own);
	tcase_add_test(tests, tells_what_its_bodies_use);
	tcase_add_test(tests, refuses_to_leave_other_accounts_open);
	tcase_add_test(tests, refuses_odd_names_and_huge_files);
	LOOP(matches_paths, PATHS);
	LOOP(renders, RENDERINGS);
	tcase_add_test(tests, a_port_that_is_not_said_is_443);
	tcase_add_test(tests, refuses_values_by_name);
	tcase_add_test(tests, writes_nothing_into_a_full_buffer);
	tcase_add_test(tests, only_a_body_with_the_password_delivers);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
