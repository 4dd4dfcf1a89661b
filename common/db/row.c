/*
 * Typed columns of a result, from PostgreSQL's text spellings.
 *
 * The server is trusted to send the type that the statement's head promises: a value that does not
 * read as it is our own mistake and aborts. Pure but for the PGresult.
 */
#include "common/db/row.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/text.h"
#include "common/db/internal.h"

enum { US_PER_S = 1000000 };

size_t row_count(const struct pg_rows *rows)
{
	return (size_t)PQntuples(rows->result);
}

int row_column(const struct pg_rows *rows, const char *name)
{
	int column = PQfnumber(rows->result, name);

	CHECK(column >= 0);
	return column;
}

static void check_place(const struct pg_rows *rows, size_t row, int column)
{
	CHECK(row < row_count(rows));
	CHECK(column >= 0 && column < PQnfields(rows->result));
}

int row_is_null(const struct pg_rows *rows, size_t row, int column)
{
	check_place(rows, row, column);
	return PQgetisnull(rows->result, (int)row, column);
}

const char *row_text(const struct pg_rows *rows, size_t row, int column)
{
	check_place(rows, row, column);
	return PQgetvalue(rows->result, (int)row, column);
}

static size_t text_len(const struct pg_rows *rows, size_t row, int column)
{
	return (size_t)PQgetlength(rows->result, (int)row, column);
}

int64_t row_int(const struct pg_rows *rows, size_t row, int column)
{
	char *end = NULL;

	if (row_is_null(rows, row, column))
		return 0;
	const char *text = row_text(rows, row, column);
	long long value = strtoll(text, &end, 10);
	CHECK(end != text && *end == '\0');
	return value;
}

int row_bool(const struct pg_rows *rows, size_t row, int column)
{
	if (row_is_null(rows, row, column))
		return 0;
	const char *text = row_text(rows, row, column);
	CHECK(strcmp(text, "t") == 0 || strcmp(text, "f") == 0);
	return text[0] == 't';
}

/* The digits of a bytea ("\x0001"), and how many bytes they are. */
static const char *bytea_digits(
    const struct pg_rows *rows, size_t row, int column, size_t *bytes_len)
{
	const char *text = row_text(rows, row, column);
	size_t len = text_len(rows, row, column);

	CHECK(len >= 2 && len % 2 == 0 && text[0] == '\\' && text[1] == 'x');
	*bytes_len = (len - 2) / 2;
	return text + 2;
}

void row_bytes(const struct pg_rows *rows, size_t row, int column, struct buf *out)
{
	uint8_t part[256];
	size_t left = 0;

	buf_clear(out);
	if (row_is_null(rows, row, column))
		return;
	const char *digits = bytea_digits(rows, row, column, &left);
	while (left > 0) {
		size_t len = left < sizeof(part) ? left : sizeof(part);

		CHECK(hex_decode(digits, 2 * len, part, len) == ERR_OK);
		buf_put(out, part, len);
		digits += 2 * len;
		left -= len;
	}
}

int row_bytes_exact(const struct pg_rows *rows, size_t row, int column, void *bytes, size_t len)
{
	size_t found = 0;

	if (row_is_null(rows, row, column))
		return 0;
	const char *digits = bytea_digits(rows, row, column, &found);
	if (found != len)
		return 0;
	CHECK(hex_decode(digits, 2 * len, bytes, len) == ERR_OK);
	return 1;
}

/* "00:15:65:aa:bb:cc". Not mac_parse: what is on record is read back, whether or not a phone could
 * have it. */
void row_mac(const struct pg_rows *rows, size_t row, int column, struct mac *mac)
{
	*mac = (struct mac){{0}};
	if (row_is_null(rows, row, column))
		return;
	const char *text = row_text(rows, row, column);
	CHECK(text_len(rows, row, column) == 3 * MAC_LEN - 1);
	for (size_t i = 0; i < MAC_LEN; i++)
		CHECK(hex_decode(text + 3 * i, 2, &mac->octets[i], 1) == ERR_OK);
}

void row_uuid(const struct pg_rows *rows, size_t row, int column, uint8_t uuid[16])
{
	char digits[32];
	size_t count = 0;

	memset(uuid, 0, 16);
	if (row_is_null(rows, row, column))
		return;
	for (const char *next = row_text(rows, row, column); *next != '\0'; next++) {
		if (*next == '-')
			continue;
		CHECK(count < sizeof(digits));
		digits[count++] = *next;
	}
	CHECK(hex_decode(digits, count, uuid, 16) == ERR_OK);
}

/* Reads decimal digits and steps over them and the separator behind. */
static int take_number(const char **next, char separator)
{
	int number = 0;

	CHECK(isdigit((unsigned char)**next));
	for (; isdigit((unsigned char)**next); ++*next) {
		number = 10 * number + (**next - '0');
		CHECK(number < 10000000);
	}
	if (separator != '\0') {
		CHECK(**next == separator);
		++*next;
	}
	return number;
}

/* "2017-05-01 12:34:56.789+00": DateStyle and TimeZone are set when connecting. */
int64_t row_time_us(const struct pg_rows *rows, size_t row, int column)
{
	const char *next = row_text(rows, row, column);
	struct tm tm = {0};
	int64_t us = 0;

	if (row_is_null(rows, row, column) || strcmp(next, "-infinity") == 0)
		return INT64_MIN;
	if (strcmp(next, "infinity") == 0)
		return INT64_MAX;
	tm.tm_year = take_number(&next, '-') - 1900;
	tm.tm_mon = take_number(&next, '-') - 1;
	tm.tm_mday = take_number(&next, ' ');
	tm.tm_hour = take_number(&next, ':');
	tm.tm_min = take_number(&next, ':');
	tm.tm_sec = take_number(&next, '\0');
	if (*next == '.') {
		int scale = US_PER_S / 10;

		for (next++; isdigit((unsigned char)*next); next++, scale /= 10)
			us += (*next - '0') * scale;
	}
	CHECK(strcmp(next, "+00") == 0);
	return (int64_t)timegm(&tm) * US_PER_S + us;
}

/* One element of an array's text into `out`: bare up to a comma, or quoted with backslashes.
 * Returns what follows it. */
static const char *take_element(const char *next, struct buf *out)
{
	buf_clear(out);
	if (*next != '"') {
		size_t len = strcspn(next, ",}");

		if (len != 4 || strncmp(next, "NULL", 4) != 0)
			buf_put(out, next, len);
		return next + len;
	}
	for (next++; *next != '"'; next++) {
		if (*next == '\\')
			next++;
		CHECK(*next != '\0');
		buf_put_u8(out, (uint8_t)*next);
	}
	return next + 1;
}

void row_strings(const struct pg_rows *rows, size_t row, int column,
    void (*each)(const char *text, void *ctx), void *ctx)
{
	struct buf element = {0};
	const char *next = row_text(rows, row, column);

	if (row_is_null(rows, row, column) || strcmp(next, "{}") == 0)
		return;
	CHECK(*next == '{');
	do {
		next = take_element(next + 1, &element);
		each(element.bytes != NULL ? (const char *)element.bytes : "", ctx);
	} while (*next == ',');
	CHECK(strcmp(next, "}") == 0);
	buf_free(&element);
}
