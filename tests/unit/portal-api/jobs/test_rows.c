/* The rows of a claim job, as CSV and as NDJSON: the same rows either way. */
#include <string.h>

#include "portal-api/jobs/rows.h"
#include "tests/lib/unit.h"

static const struct {
	enum job_rows_form form;
	const char *text;
} SAME[] = {
    {JOB_ROWS_CSV, "mac,claim_code,profile\n001565AABBCC,CODE,p\n\n001565AABBCD,,\"q,r\"\n"},
    {JOB_ROWS_NDJSON, "\n{\"mac\":\"001565AABBCC\",\"claim_code\":\"CODE\",\"profile\":\"p\"}\r\n\n"
		      "{\"profile\":\"q,r\",\"mac\":\"001565AABBCD\",\"claim_code\":null}"},
};

START_TEST(rows_are_read)
{
	struct job_rows rows = {0};
	char why[256];
	ck_assert_int_eq(job_rows_read(SAME[_i].form, SAME[_i].text, strlen(SAME[_i].text), &rows,
			     why, sizeof why),
	    ERR_OK);
	ck_assert_uint_eq(rows.count, 2);
	ck_assert_uint_eq(rows.items[0].line, 2);
	ck_assert_uint_eq(rows.items[1].line, 4);
	ck_assert_str_eq(job_rows_text(&rows, rows.items[0].mac), "001565AABBCC");
	ck_assert_str_eq(job_rows_text(&rows, rows.items[0].claim_code), "CODE");
	ck_assert_str_eq(job_rows_text(&rows, rows.items[1].claim_code), "");
	ck_assert_str_eq(job_rows_text(&rows, rows.items[1].profile), "q,r");
	job_rows_free(&rows);
}
END_TEST

static const struct {
	enum job_rows_form form;
	const char *text, *why;
} WRONG[] = {
    {JOB_ROWS_CSV, "", "Line 0"},
    {JOB_ROWS_CSV, "mac,claim_code,profile\n", "There is no row."},
    {JOB_ROWS_CSV, "mac,profile\n",
	"Line 1: Expected: mac,claim_code,profile; found: mac,profile."},
    {JOB_ROWS_CSV, "mac,claim_code,profile\na,b\n", "Line 2"},
    {JOB_ROWS_CSV, "mac,claim_code,profile\na,b,\"c\n", "Line 2"},
    {JOB_ROWS_NDJSON, "", "There is no row."},
    {JOB_ROWS_NDJSON, "{\"mac\":\"a\",\"profile\":\"b\"}\n[]", "Line 2"},
    {JOB_ROWS_NDJSON, "{\"mac\":\"a\"}", "Line 1: profile"},
    {JOB_ROWS_NDJSON, "{\"mac\":\"a\",\"profile\":\"b\",\"itsp_id\":\"c\"}", "Line 1: itsp_id"},
    {JOB_ROWS_NDJSON, "{\"mac\":\"a\",\n\"profile\":\"b\"}", "Line 1"},
};

START_TEST(what_is_wrong_is_told_with_its_line)
{
	struct job_rows rows = {0};
	char why[256];
	ck_assert_int_eq(job_rows_read(WRONG[_i].form, WRONG[_i].text, strlen(WRONG[_i].text),
			     &rows, why, sizeof why),
	    ERR_SYNTAX);
	ck_assert_int_eq(strncmp(why, WRONG[_i].why, strlen(WRONG[_i].why)), 0);
	job_rows_free(&rows);
}
END_TEST

START_TEST(a_hundred_thousand_rows_and_no_more)
{
	struct job_rows rows = {0};
	struct buf text = {0};
	char why[256];
	buf_put_str(&text, "mac,claim_code,profile\n");
	for (size_t i = 0; i < JOB_ROWS_MAX; i++)
		buf_put_str(&text, "m,c,p\n");
	ck_assert_int_eq(
	    job_rows_read(JOB_ROWS_CSV, (const char *)text.bytes, text.len, &rows, why, sizeof why),
	    ERR_OK);
	job_rows_free(&rows);
	buf_put_str(&text, "m,c,p\n");
	ck_assert_int_eq(
	    job_rows_read(JOB_ROWS_CSV, (const char *)text.bytes, text.len, &rows, why, sizeof why),
	    ERR_TOO_LONG);
	job_rows_free(&rows);
	buf_free(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rows");
	TCase *tests = tcase_create("rows");
	tcase_add_loop_test(tests, rows_are_read, 0, COUNT(SAME));
	tcase_add_loop_test(tests, what_is_wrong_is_told_with_its_line, 0, COUNT(WRONG));
	tcase_add_test(tests, a_hundred_thousand_rows_and_no_more);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
