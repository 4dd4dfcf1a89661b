/* The clock and its spellings. The calendar is computed here, because gmtime stops at what time_t
 * and locale allow and timegm is not standard; proleptic Gregorian, UTC, no leap seconds. */
#include "common/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The first and the last second of the years 0 to 9999. */
static const int64_t UNIX_S_MIN = -62167219200, UNIX_S_MAX = 253402300799;

static int64_t fake_us = -1;

static int64_t clock_read_us(clockid_t id)
{
	struct timespec now;

	CHECK(clock_gettime(id, &now) == 0);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_unix_us(void)
{
	return fake_us >= 0 ? fake_us : clock_read_us(CLOCK_REALTIME);
}

int64_t clock_unix_s(void)
{
	return clock_unix_us() / 1000000;
}

int64_t clock_monotonic_ms(void)
{
	return (fake_us >= 0 ? fake_us : clock_read_us(CLOCK_MONOTONIC)) / 1000;
}

void clock_set_fake(int64_t unix_us)
{
	fake_us = unix_us;
}

struct date {
	int64_t year;
	int month, day;
};

/* Days since 1970-01-01 to a date: eras of 400 years, years that begin in March. */
static struct date date_of_days(int64_t days)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month = (int)(5 * day_of_year + 2) / 153;
	struct date date = {.day = (int)day_of_year - (153 * month + 2) / 5 + 1,
	    .month = month < 10 ? month + 3 : month - 9};

	date.year = year_of_era + era * 400 + (date.month <= 2);
	return date;
}

static int64_t days_of_date(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

/* "YYYY-MM-DDTHH:MM:SS". What lies outside the years 0..9999, as a database's infinity does, shows
 * as the nearest end. */
static void format_seconds(int64_t unix_s, char text[20])
{
	unix_s = unix_s < UNIX_S_MIN ? UNIX_S_MIN : unix_s > UNIX_S_MAX ? UNIX_S_MAX : unix_s;
	int64_t days = unix_s / 86400, seconds = unix_s % 86400;

	if (seconds < 0) {
		days--;
		seconds += 86400;
	}
	struct date date = date_of_days(days);
	snprintf(text, 20, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)date.year % 10000,
	    (unsigned)date.month % 100, (unsigned)date.day % 100, (unsigned)(seconds / 3600) % 100,
	    (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}

void clock_format_s(int64_t unix_s, char text[CLOCK_TEXT_LEN + 1])
{
	char whole[20];

	format_seconds(unix_s, whole);
	snprintf(text, CLOCK_TEXT_LEN + 1, "%sZ", whole);
}

void clock_format_ms(int64_t unix_us, char text[CLOCK_TEXT_LEN + 1])
{
	char whole[20];
	int64_t seconds = unix_us / 1000000, fraction_us = unix_us % 1000000;

	if (fraction_us < 0) {
		seconds--;
		fraction_us += 1000000;
	}
	format_seconds(seconds, whole);
	snprintf(
	    text, CLOCK_TEXT_LEN + 1, "%s.%03uZ", whole, (unsigned)(fraction_us / 1000) % 1000);
}

/* `count` digits at *next as a number, or -1; steps past them. */
static int digits_take(const char **next, const char *end, int count)
{
	int value = 0;

	if (end - *next < count)
		return -1;
	for (; count > 0; count--, (*next)++) {
		if (**next < '0' || **next > '9')
			return -1;
		value = value * 10 + (**next - '0');
	}
	return value;
}

static int symbol_take(const char **next, const char *end, const char *allowed)
{
	if (*next == end || **next == '\0' || strchr(allowed, **next) == NULL)
		return 0;
	return *(*next)++;
}

/* The fraction of a second, cut to microseconds; -1 when there is no digit. */
static int64_t fraction_take(const char **next, const char *end)
{
	int64_t us = 0, unit = 100000;
	const char *start = *next;

	for (; *next < end && **next >= '0' && **next <= '9'; (*next)++, unit /= 10)
		us += unit * (**next - '0');
	return *next > start ? us : -1;
}

static int month_days(int64_t year, int month)
{
	static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return DAYS[month - 1] + (month == 2 && leap);
}

enum err clock_parse(const char *text, size_t len, int64_t *unix_us)
{
	const char *next = text, *end = text + len;
	int64_t fraction_us = 0, offset_s = 0;

	int year = digits_take(&next, end, 4);
	if (year < 0 || !symbol_take(&next, end, "-"))
		return ERR_SYNTAX;
	int month = digits_take(&next, end, 2);
	if (month < 0 || !symbol_take(&next, end, "-"))
		return ERR_SYNTAX;
	int day = digits_take(&next, end, 2);
	if (day < 0 || !symbol_take(&next, end, "Tt "))
		return ERR_SYNTAX;
	int hour = digits_take(&next, end, 2);
	if (hour < 0 || !symbol_take(&next, end, ":"))
		return ERR_SYNTAX;
	int minute = digits_take(&next, end, 2);
	if (minute < 0 || !symbol_take(&next, end, ":"))
		return ERR_SYNTAX;
	int second = digits_take(&next, end, 2);
	if (second < 0)
		return ERR_SYNTAX;
	if (symbol_take(&next, end, ".") && (fraction_us = fraction_take(&next, end)) < 0)
		return ERR_SYNTAX;
	int zone = symbol_take(&next, end, "Zz+-");
	if (zone == '+' || zone == '-') {
		int zone_hour = digits_take(&next, end, 2);
		if (zone_hour < 0 || zone_hour > 23 || !symbol_take(&next, end, ":"))
			return ERR_SYNTAX;
		int zone_minute = digits_take(&next, end, 2);
		if (zone_minute < 0 || zone_minute > 59)
			return ERR_SYNTAX;
		offset_s = (zone == '+' ? 1 : -1) * (zone_hour * 3600 + zone_minute * 60);
	}
	if (zone == 0 || next != end)
		return ERR_SYNTAX;
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 ||
	    minute > 59 || second > 59)
		return ERR_RANGE;
	int64_t unix_s =
	    days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
	if (unix_s < UNIX_S_MIN || unix_s > UNIX_S_MAX)
		return ERR_RANGE;
	*unix_us = unix_s * 1000000 + fraction_us;
	return ERR_OK;
}
