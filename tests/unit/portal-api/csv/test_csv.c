/* CSV as spreadsheets save it, and as attackers do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/csv/csv.h"
#include "tests/lib/unit.h"

/* The rows as text: fields in brackets, rows by lines. */
static enum err read_all(const char *text, size_t len, char *out, size_t *line, const char **why)
{
	struct csv csv;
	enum err err;
	out[0] = '\0';
	csv_init(&csv, text, len);
	while ((err = csv_next(&csv)) == ERR_OK) {
		for (size_t i = 0; i < csv.field_count; i++)
			sprintf(out + strlen(out), "[%s]", csv.fields[i]);
		strcat(out, "\n");
	}
	*line = csv.line;
	*why = csv.why;
	csv_free(&csv);
	return err;
}

static const struct {
	const char *text, *rows;
} GOOD[] = {
    {"", ""},
    {"\n\r\n\n", ""},
    {"a,b\nc,d\n", "[a][b]\n[c][d]\n"},
    {"a,b\r\nc,d", "[a][b]\n[c][d]\n"},
    {"\xef\xbb\xbf"
     "a,b\n",
	"[a][b]\n"},
    {"a,,\n,\n", "[a][][]\n[][]\n"},
    {"\"a\",\"b,c\",\"d\"\"e\"\n", "[a][b,c][d\"e]\n"},
    {"\"\",\"\"\"\"\n", "[][\"]\n"},
    {"a\n\n\nb\n", "[a]\n[b]\n"},
    {"=cmd|' /C calc'!A0,+1,-1,@x\n", "[=cmd|' /C calc'!A0][+1][-1][@x]\n"},
    {"K\xc3\xb6ln\n", "[K\xc3\xb6ln]\n"},
    {" a , b c ,  ,\"d \" , \"e\"\n", "[a][b c][][d][e]\n"},
};

START_TEST(what_is_read)
{
	char rows[256];
	size_t line;
	const char *why;
	ck_assert_int_eq(
	    read_all(GOOD[_i].text, strlen(GOOD[_i].text), rows, &line, &why), ERR_NOT_FOUND);
	ck_assert_str_eq(rows, GOOD[_i].rows);
}
END_TEST

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct {
	const char *text;
	size_t len, line;
} BAD[] = {
    {BYTES("a\nb,\"c\n"), 2},
    {BYTES("\"a\nb\""), 1},
    {BYTES("\"a\"b,c\n"), 1},
    {BYTES("a\"b\n"), 1},
    {BYTES("a\n\nb\0c\n"), 3},
    {BYTES("a\tb\n"), 1},
    {BYTES("a\rb\n"), 1},
    {BYTES("a\r\r\n"), 1},
    {BYTES("\xff\xfe"
	   "a\0,\0b\0\n\0"),
	1},
    {BYTES("\xfe\xff\0a\0,\0b\0\n"), 1},
    {BYTES("caf\xe9\n"), 1},
    {BYTES("\x1b[31m\n"), 1},
    {BYTES("1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3\n"), 1},
    {BYTES("\"a\" b,c\n"), 1},
};

START_TEST(what_is_refused_with_its_line)
{
	char rows[256];
	size_t line;
	const char *why = NULL;
	ck_assert_int_eq(read_all(BAD[_i].text, BAD[_i].len, rows, &line, &why), ERR_SYNTAX);
	ck_assert_uint_eq(line, BAD[_i].line);
	ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(a_field_or_line_that_is_too_long_is_refused)
{
	enum { HUGE_LEN = 10 * 1024 * 1024 };
	char *text = malloc(HUGE_LEN);
	size_t lens[] = {CSV_FIELD_LEN_MAX, CSV_FIELD_LEN_MAX + 1, HUGE_LEN};
	for (size_t i = 0; i < COUNT(lens); i++) {
		char rows[CSV_FIELD_LEN_MAX + 16];
		size_t line;
		const char *why;
		memset(text, 'x', lens[i]);
		ck_assert_int_eq(read_all(text, lens[i], rows, &line, &why),
		    lens[i] < CSV_FIELD_LEN_MAX ? ERR_NOT_FOUND : ERR_SYNTAX);
	}
	free(text);
}
END_TEST

static const struct {
	const char *text;
	enum err err;
} HEADERS[] = {
    {"mac,profile\n", ERR_OK},
    {"\nMAC,Profile\n", ERR_OK},
    {"\"mac\",\"profile\"", ERR_OK},
    {"", ERR_SYNTAX},
    {"mac\n", ERR_SYNTAX},
    {"mac,profile,mac\n", ERR_SYNTAX},
    {"mac,profiles\n", ERR_SYNTAX},
    {"sep=;\n", ERR_SYNTAX},
    {"sep=|\nmac|profile\n", ERR_SYNTAX},
    {"sep=;\nmac,profile\n", ERR_SYNTAX},
    {"mac;profile\n", ERR_OK},
    {"\r\n\"mac\";\"profile\"\r\n", ERR_OK},
    {"mac;profile,x\n", ERR_SYNTAX},
    {"mac profile\n", ERR_SYNTAX},
};

START_TEST(the_header)
{
	static const char *const names[] = {"mac", "profile"};
	struct csv csv;
	csv_init(&csv, HEADERS[_i].text, strlen(HEADERS[_i].text));
	ck_assert_int_eq(csv_header(&csv, names, 2), HEADERS[_i].err);
	csv_free(&csv);
}
END_TEST

/* The same row, as spreadsheets write it; the line that it stands on. */
static const struct {
	const char *text;
	size_t line;
} SAME[] = {
    {"mac,claim_code,profile\n1,a,p q\n", 2},
    {" mac, Claim Code ,PROFILE \n 1 ,a , p q\n", 2},
    {"profile,mac,claim-code\np q,1,a\n", 2},
    {"no,mac,customer,claim_code,profile,note\n7,1,K\xc3\xb6ln,a,p q,\n", 2},
    {"mac;claim_code;profile;;\r\n;;;;\r\n1;a;p q;;\r\n;;;;\r\n", 3},
    {"mac,claim_code,profile\n1,a,p q,,,\n", 2},
    {"sep=;\r\nmac;claim_code;profile\r\n1;a;p q\r\n", 3},
    {"\xef\xbb\xbf\r\nSEP=,\r\nmac,claim_code,profile\r\n1,a,p q\r\n", 4},
    {"sep=\t\nmac\tclaim_code\tprofile\n1\ta\tp q\n", 3},
    {"mac\tclaim_code\tprofile\t\n1\t\"a\"\tp q\t\n\t\t\t\n", 2},
};

START_TEST(a_row_by_names)
{
	static const char *const names[] = {"mac", "claim_code", "profile"};
	struct csv csv;
	csv_init(&csv, SAME[_i].text, strlen(SAME[_i].text));
	ck_assert_int_eq(csv_header(&csv, names, 3), ERR_OK);
	ck_assert_int_eq(csv_next_by_names(&csv), ERR_OK);
	ck_assert_uint_eq(csv.field_count, 3);
	ck_assert_str_eq(csv.fields[0], "1");
	ck_assert_str_eq(csv.fields[1], "a");
	ck_assert_str_eq(csv.fields[2], "p q");
	ck_assert_uint_eq(csv.line, SAME[_i].line);
	ck_assert_int_eq(csv_next_by_names(&csv), ERR_NOT_FOUND);
	csv_free(&csv);
}
END_TEST

/* What a row does not fit, and why. */
static const struct {
	const char *text, *why;
	enum err err; /* of the header, then of the row */
} UNFIT[] = {
    {"mac,claim_code,profile\n1,a\n", "A row has 3 fields, as the header has; this one has 2.",
	ERR_OK},
    {"mac,claim_code,profile\n1,a,p,x\n", "A row has 3 fields, as the header has; this one has 4.",
	ERR_OK},
    {"mac,profile\n1,p\n", "Expected: mac,claim_code,profile; found: mac,profile.", ERR_SYNTAX},
    {"mac,code,profile,\"a,b\"\n", "Expected: mac,claim_code,profile; found: mac,code,profile,a,b.",
	ERR_SYNTAX},
    {"mac,profile,claim_code,mac\n", "The column mac is there twice.", ERR_SYNTAX},
    {"mac\tclaim_code\tprofile\n1\t\"a\tb\"\tp\n", "A tab stands inside a field.", ERR_SYNTAX},
    {",,\n", "Expected: mac,claim_code,profile; found: nothing.", ERR_SYNTAX},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xb6,b\n",
	"Expected: mac,claim_code,profile; found: "
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,.",
	ERR_SYNTAX},
};

START_TEST(what_does_not_fit_is_told)
{
	static const char *const names[] = {"mac", "claim_code", "profile"};
	struct csv csv;
	csv_init(&csv, UNFIT[_i].text, strlen(UNFIT[_i].text));
	enum err err = csv_header(&csv, names, 3);
	if (!err)
		err = csv_next_by_names(&csv);
	ck_assert_int_eq(err, UNFIT[_i].err);
	if (!err)
		ck_assert_uint_eq(csv.field_count, 0);
	ck_assert_ptr_nonnull(csv.why);
	ck_assert_str_eq(csv.why, UNFIT[_i].why);
	csv_free(&csv);
}
END_TEST

/* Once the header has semicolons, a comma is text. */
START_TEST(semicolons)
{
	static const char *const names[] = {"mac", "profile"};
	static const char text[] = "mac;profile\r\n1;\"a;b\"\r\n2;c,d\r\n";
	struct csv csv;
	csv_init(&csv, text, sizeof(text) - 1);
	ck_assert_int_eq(csv_header(&csv, names, 2), ERR_OK);
	ck_assert_int_eq(csv_next(&csv), ERR_OK);
	ck_assert_uint_eq(csv.field_count, 2);
	ck_assert_str_eq(csv.fields[1], "a;b");
	ck_assert_int_eq(csv_next(&csv), ERR_OK);
	ck_assert_uint_eq(csv.field_count, 2);
	ck_assert_str_eq(csv.fields[1], "c,d");
	ck_assert_int_eq(csv_next(&csv), ERR_NOT_FOUND);
	csv_free(&csv);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("csv");
	TCase *tests = tcase_create("csv");
	tcase_add_loop_test(tests, what_is_read, 0, COUNT(GOOD));
	tcase_add_loop_test(tests, what_is_refused_with_its_line, 0, COUNT(BAD));
	tcase_add_test(tests, a_field_or_line_that_is_too_long_is_refused);
	tcase_add_test(tests, semicolons);
	tcase_add_loop_test(tests, a_row_by_names, 0, COUNT(SAME));
	tcase_add_loop_test(tests, what_does_not_fit_is_told, 0, COUNT(UNFIT));
	tcase_add_loop_test(tests, the_header, 0, COUNT(HEADERS));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
