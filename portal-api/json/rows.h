/* From rows of the database to JSON documents, by tables of columns. */
#ifndef FIRSTRING_PORTAL_JSON_ROWS_H
#define FIRSTRING_PORTAL_JSON_ROWS_H

#include <jansson.h>

#include "common/db/row.h"

enum row_field_type {
	ROW_TEXT, /* text, uuid, inet */
	ROW_INT,
	ROW_BOOL,
	ROW_TIME, /* RFC 3339 UTC with milliseconds */
	ROW_MAC, /* 12 upper-case hex digits */
	ROW_HEX, /* bytea as upper-case hex */
	ROW_TEXTS, /* text[] */
	ROW_JSON, /* jsonb, as it is */
};

struct row_field {
	const char *name; /* of the member */
	const char *column;
	enum row_field_type type;
};

/* A new object of one row; SQL null is null. The caller's. */
json_t *row_object(
    const struct pg_rows *rows, size_t row, const struct row_field *fields, size_t count);
/* A new array of such objects, of the first `max` rows. */
json_t *row_objects(
    const struct pg_rows *rows, size_t max, const struct row_field *fields, size_t count);

#endif
