/* RFC 3339, read and written, and the clock that tests can set. */
#include <string.h>

#include "common/base/clock.h"
#include "tests/lib/unit.h"

static const struct {
	const char *text;
	enum err err;
	int64_t unix_us;
	const char *written; /* with milliseconds */
} TIMES[] = {
    {"1970-01-01T00:00:00Z", ERR_OK, 0, "1970-01-01T00:00:00.000Z"},
    {"2017-05-01T12:34:56.789Z", ERR_OK, 1493642096789000, "2017-05-01T12:34:56.789Z"},
    {"2017-05-01t12:34:56z", ERR_OK, 1493642096000000, "2017-05-01T12:34:56.000Z"},
    {"2017-05-01 12:34:56Z", ERR_OK, 1493642096000000, "2017-05-01T12:34:56.000Z"},
    {"2017-05-01T14:34:56+02:00", ERR_OK, 1493642096000000, "2017-05-01T12:34:56.000Z"},
    {"2017-05-01T03:04:56-09:30", ERR_OK, 1493642096000000, "2017-05-01T12:34:56.000Z"},
    {"2017-05-01T00:30:00+01:00", ERR_OK, 1493595000000000, "2017-04-30T23:30:00.000Z"},
    {"2017-05-01T12:34:56-00:00", ERR_OK, 1493642096000000, "2017-05-01T12:34:56.000Z"},
    {"2017-05-01T12:34:56.1Z", ERR_OK, 1493642096100000, "2017-05-01T12:34:56.100Z"},
    {"2017-05-01T12:34:56.9999999999Z", ERR_OK, 1493642096999999, "2017-05-01T12:34:56.999Z"},
    {"2016-02-29T00:00:00Z", ERR_OK, 1456704000000000, "2016-02-29T00:00:00.000Z"},
    {"2000-02-29T23:59:59Z", ERR_OK, 951868799000000, "2000-02-29T23:59:59.000Z"},
    {"2000-03-01T00:00:00Z", ERR_OK, 951868800000000, "2000-03-01T00:00:00.000Z"},
    {"2038-01-19T03:14:08Z", ERR_OK, 2147483648000000, "2038-01-19T03:14:08.000Z"},
    {"1969-12-31T23:59:59.999Z", ERR_OK, -1000, "1969-12-31T23:59:59.999Z"},
    {"0000-01-01T00:00:00Z", ERR_OK, -62167219200000000, "0000-01-01T00:00:00.000Z"},
    {"9999-12-31T23:59:59Z", ERR_OK, 253402300799000000, "9999-12-31T23:59:59.000Z"},

    {"2017-02-29T00:00:00Z", ERR_RANGE, 0, NULL},
    {"1900-02-29T00:00:00Z", ERR_RANGE, 0, NULL},
    {"2017-00-01T00:00:00Z", ERR_RANGE, 0, NULL},
    {"2017-13-01T00:00:00Z", ERR_RANGE, 0, NULL},
    {"2017-04-31T00:00:00Z", ERR_RANGE, 0, NULL},
    {"2017-05-00T00:00:00Z", ERR_RANGE, 0, NULL},
    {"2017-05-01T24:00:00Z", ERR_RANGE, 0, NULL},
    {"2017-05-01T00:60:00Z", ERR_RANGE, 0, NULL},
    {"2016-12-31T23:59:60Z", ERR_RANGE, 0, NULL}, /* a leap second */
    {"0000-01-01T00:00:00+00:01", ERR_RANGE, 0, NULL},
    {"9999-12-31T23:59:59-00:01", ERR_RANGE, 0, NULL},

    {"", ERR_SYNTAX, 0, NULL},
    {"2017-05-01", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56", ERR_SYNTAX, 0, NULL}, /* no zone: whose time? */
    {"2017-05-01T12:34Z", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56.Z", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56,5Z", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56ZZ", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56Z ", ERR_SYNTAX, 0, NULL},
    {" 2017-05-01T12:34:56Z", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56+2", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56+0200", ERR_SYNTAX, 0, NULL},
    {"2017-05-01T12:34:56+02:00Z", ERR_SYNTAX, 0, NULL},
    {"2017-5-01T12:34:56Z", ERR_SYNTAX, 0, NULL},
    {"17-05-01T12:34:56Z", ERR_SYNTAX, 0, NULL},
    {"+2017-05-01T12:34:56Z", ERR_SYNTAX, 0, NULL},
    {"-017-05-01T12:34:56Z", ERR_SYNTAX, 0, NULL},
    {"20170501T123456Z", ERR_SYNTAX, 0, NULL},
    {"2017/05/01T12:34:56Z", ERR_SYNTAX, 0, NULL},
    {"1493642096", ERR_SYNTAX, 0, NULL},
    {"infinity", ERR_SYNTAX, 0, NULL},
};

START_TEST(rfc_3339_is_read_and_written)
{
	int64_t unix_us = 77;
	char text[CLOCK_TEXT_LEN + 1];

	enum err err = clock_parse(TIMES[_i].text, strlen(TIMES[_i].text), &unix_us);
	ck_assert_msg(err == TIMES[_i].err, "%s: %s", TIMES[_i].text, err_name(err));
	if (err != ERR_OK) {
		ck_assert_int_eq(unix_us, 77);
		return;
	}
	ck_assert_int_eq(unix_us, TIMES[_i].unix_us);
	clock_format_ms(unix_us, text);
	ck_assert_str_eq(text, TIMES[_i].written);
}
END_TEST

START_TEST(whole_seconds_are_written_without_a_fraction)
{
	char text[CLOCK_TEXT_LEN + 1];

	clock_format_s(1493642096, text);
	ck_assert_str_eq(text, "2017-05-01T12:34:56Z");
	clock_format_s(-1, text);
	ck_assert_str_eq(text, "1969-12-31T23:59:59Z");
}
END_TEST

START_TEST(a_time_out_of_range_shows_as_the_end)
{
	char text[CLOCK_TEXT_LEN + 1];

	clock_format_s(INT64_MAX, text);
	ck_assert_str_eq(text, "9999-12-31T23:59:59Z");
	clock_format_ms(INT64_MIN, text);
	ck_assert_int_eq(strncmp(text, "0000-01-01T00:00:00.", 20), 0);
}
END_TEST

START_TEST(each_day_of_800_years_comes_back)
{
	char text[CLOCK_TEXT_LEN + 1];
	int64_t again = 0;

	for (int64_t day = -146097; day < 146097; day++) {
		clock_format_s(day * 86400, text);
		/* Each ck_assert costs a system call. */
		if (clock_parse(text, strlen(text), &again) != ERR_OK ||
		    again != day * 86400 * 1000000)
			ck_abort_msg("%s", text);
	}
}
END_TEST

START_TEST(a_test_sets_the_clock)
{
	clock_set_fake(1493642096789000);
	ck_assert_int_eq(clock_unix_s(), 1493642096);
	ck_assert_int_eq(clock_unix_us(), 1493642096789000);
	ck_assert_int_eq(clock_monotonic_ms(), 1493642096789);
	clock_set_fake(-1);
	ck_assert_int_gt(clock_unix_s(), 1493642096);
	int64_t before = clock_monotonic_ms();
	ck_assert_int_ge(clock_monotonic_ms(), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tests = tcase_create("clock");

	tcase_add_loop_test(tests, rfc_3339_is_read_and_written, 0, COUNT(TIMES));
	tcase_add_test(tests, whole_seconds_are_written_without_a_fraction);
	tcase_add_test(tests, a_time_out_of_range_shows_as_the_end);
	tcase_add_test(tests, each_day_of_800_years_comes_back);
	tcase_add_test(tests, a_test_sets_the_clock);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
