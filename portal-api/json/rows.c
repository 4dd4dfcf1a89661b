/* Rows to JSON documents; see rows.h. What it reads is our own database's. */
#include "portal-api/json/rows.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/text.h"

static void append_text(const char *text, void *array)
{
	CHECK(json_array_append_new(array, json_string(text)) == 0);
}

static json_t *hex_value(const struct pg_rows *rows, size_t row, int column)
{
	struct buf bytes = {0};
	row_bytes(rows, row, column, &bytes);
	char *text = malloc(2 * bytes.len + 1);
	CHECK(text);
	hex_encode(bytes.bytes, bytes.len, text);
	json_t *value = json_string(text);
	free(text);
	buf_free(&bytes);
	return value;
}

static json_t *value_of(
    const struct pg_rows *rows, size_t row, int column, enum row_field_type type)
{
	char time[CLOCK_TEXT_LEN + 1], mac_text[MAC_TEXT_LEN + 1];
	struct mac mac;
	json_t *array;
	if (row_is_null(rows, row, column))
		return json_null();
	switch (type) {
	case ROW_TEXT:
		return json_string(row_text(rows, row, column));
	case ROW_INT:
		return json_integer(row_int(rows, row, column));
	case ROW_BOOL:
		return json_boolean(row_bool(rows, row, column));
	case ROW_TIME:
		clock_format_ms(row_time_us(rows, row, column), time);
		return json_string(time);
	case ROW_MAC:
		row_mac(rows, row, column, &mac);
		mac_format(&mac, mac_text);
		return json_string(mac_text);
	case ROW_HEX:
		return hex_value(rows, row, column);
	case ROW_TEXTS:
		array = json_array();
		row_strings(rows, row, column, append_text, array);
		return array;
	case ROW_JSON:
		return json_loads(row_text(rows, row, column), JSON_DECODE_ANY, NULL);
	}
	return NULL;
}

json_t *row_object(
    const struct pg_rows *rows, size_t row, const struct row_field *fields, size_t count)
{
	json_t *object = json_object();
	for (size_t i = 0; i < count; i++) {
		json_t *value =
		    value_of(rows, row, row_column(rows, fields[i].column), fields[i].type);
		CHECK(value && json_object_set_new(object, fields[i].name, value) == 0);
	}
	return object;
}

json_t *row_objects(
    const struct pg_rows *rows, size_t max, const struct row_field *fields, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < row_count(rows) && i < max; i++)
		CHECK(json_array_append_new(array, row_object(rows, i, fields, count)) == 0);
	return array;
}
