/* Typed columns of libpq results in text format. What the database says is believed to be of the
 * type that the statement's head names: anything else is our own mistake. */
#include "common/db/row.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/db/result.h"

static const char *value_text(const struct pg_rows *rows, size_t row, int column)
{
	CHECK(row < row_count(rows) && column >= 0);
	return PQgetvalue(rows->result, (int)row, column);
}

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

int row_is_null(const struct pg_rows *rows, size_t row, int column)
{
	CHECK(row < row_count(rows) && column >= 0);
	return PQgetisnull(rows->result, (int)row, column);
}

const char *row_text(const struct pg_rows *rows, size_t row, int column)
{
	return value_text(rows, row, column);
}

int64_t row_int(const struct pg_rows *rows, size_t row, int column)
{
	const char *text = value_text(rows, row, column);
	int negative = text[0] == '-';
	uint64_t number = 0;

	if (row_is_null(rows, row, column))
		return 0;
	CHECK(number_parse(text + negative, strlen(text + negative), INT64_MAX, &number) == ERR_OK);
	return negative ? -(int64_t)number : (int64_t)number;
}

int row_bool(const struct pg_rows *rows, size_t row, int column)
{
	return value_text(rows, row, column)[0] == 't';
}

void row_bytes(const struct pg_rows *rows, size_t row, int column, struct buf *out)
{
	const char *text = value_text(rows, row, column);
	size_t len = strlen(text);

	buf_clear(out);
	if (row_is_null(rows, row, column))
		return;
	CHECK(
	    len >= 2 && text[0] == '\\' && text[1] == 'x'); /* bytea_output = hex, set on connect */
	uint8_t *bytes = malloc(len / 2);
	CHECK(bytes != NULL);
	CHECK(hex_decode(text + 2, len - 2, bytes, (len - 2) / 2) == ERR_OK);
	buf_put(out, bytes, (len - 2) / 2);
	free(bytes);
}

int row_bytes_exact(const struct pg_rows *rows, size_t row, int column, void *bytes, size_t len)
{
	const char *text = value_text(rows, row, column);

	return strlen(text) == 2 + 2 * len && hex_decode(text + 2, 2 * len, bytes, len) == ERR_OK;
}

void row_mac(const struct pg_rows *rows, size_t row, int column, struct mac *mac)
{
	const char *text = value_text(rows, row, column);

	CHECK(mac_parse(text, strlen(text), mac) == ERR_OK);
}

void row_uuid(const struct pg_rows *rows, size_t row, int column, uint8_t uuid[16])
{
	const char *text = value_text(rows, row, column);
	char digits[33];
	size_t count = 0;

	for (; *text != '\0'; text++) {
		if (*text == '-')
			continue;
		CHECK(count < 32);
		digits[count++] = *text;
	}
	CHECK(hex_decode(digits, count, uuid, 16) == ERR_OK);
}

int64_t row_time_us(const struct pg_rows *rows, size_t row, int column)
{
	const char *text = value_text(rows, row, column);
	int64_t unix_us = 0;
	char whole[64];

	if (row_is_null(rows, row, column))
		return INT64_MIN;
	if (strcmp(text, "infinity") == 0)
		return INT64_MAX;
	/* "2017-05-01 12:34:56.789+00": ISO style and UTC are set on connect; the offset lacks
	 * minutes. */
	size_t len = strlen(text);
	CHECK(len >= 3 && len < sizeof whole - 4 && strcmp(text + len - 3, "+00") == 0);
	snprintf(whole, sizeof whole, "%.*sZ", (int)len - 3, text);
	CHECK(clock_parse(whole, strlen(whole), &unix_us) == ERR_OK);
	return unix_us;
}

/* Reads PostgreSQL's text form of a one-dimensional array: {a,"b \"c\"",NULL}. */
void row_strings(const struct pg_rows *rows, size_t row, int column,
    void (*each)(const char *text, void *ctx), void *ctx)
{
	const char *next = value_text(rows, row, column);
	struct buf item = {0};

	if (*next++ != '{')
		return;
	while (*next != '}' && *next != '\0') {
		int quoted = *next == '"';
		buf_clear(&item);
		buf_put(&item, "", 0);
		for (next += quoted;
		     *next != '\0' && (quoted ? *next != '"' : *next != ',' && *next != '}');
		     next++) {
			if (quoted && *next == '\\')
				next++;
			buf_put(&item, next, 1);
		}
		next += quoted;
		if (quoted || strcmp((const char *)item.bytes, "NULL") != 0)
			each((const char *)item.bytes, ctx);
		next += *next == ',';
	}
	buf_free(&item);
}
