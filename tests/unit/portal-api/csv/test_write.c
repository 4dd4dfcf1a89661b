/* Cells that spreadsheets open without harm, and that our own reader takes back. */
#include <string.h>

#include "portal-api/csv/csv.h"
#include "portal-api/csv/write.h"
#include "tests/lib/unit.h"

static const struct {
	const char *text, *cell;
} CASES[] = {
    {"", ""},
    {"001565AABBCC", "001565AABBCC"},
    {"a b", "a b"},
    {" a", "\" a\""},
    {"a,b", "\"a,b\""},
    {"a;b", "\"a;b\""},
    {"a\"b", "\"a\"\"b\""},
    {"a\nb", "\"a\nb\""},
    {"=1+1", "\"'=1+1\""},
    {"=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""},
    {"+49 30 1", "\"'+49 30 1\""},
    {"-1", "\"'-1\""},
    {"@SUM(A1)", "\"'@SUM(A1)\""},
    {"\t=1", "\"'\t=1\""},
    {"\r=1", "\"'\r=1\""},
    {"  =1", "\"'  =1\""},
    {"a=1", "a=1"},
};

START_TEST(cells)
{
	struct buf out = {0};
	csv_put_cell(&out, CASES[_i].text);
	buf_put_u8(&out, 0);
	ck_assert_str_eq((const char *)out.bytes, CASES[_i].cell);
	buf_free(&out);
}
END_TEST

START_TEST(a_row_reads_back)
{
	struct buf out = {0};
	struct csv csv;
	csv_put_cell(&out, "a \"quoted\", b");
	buf_put_u8(&out, ',');
	csv_put_cell(&out, "plain");
	csv_init(&csv, (const char *)out.bytes, out.len);
	ck_assert_int_eq(csv_next(&csv), ERR_OK);
	ck_assert_uint_eq(csv.field_count, 2);
	ck_assert_str_eq(csv.fields[0], "a \"quoted\", b");
	ck_assert_str_eq(csv.fields[1], "plain");
	csv_free(&csv);
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("csv write");
	TCase *tests = tcase_create("write");
	tcase_add_loop_test(tests, cells, 0, (int)(sizeof(CASES) / sizeof(CASES[0])));
	tcase_add_test(tests, a_row_reads_back);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
