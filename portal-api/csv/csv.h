/*
 * A strict CSV reader (RFC 4180) for what people export from spreadsheets. Pure.
 *
 * The text comes from the Internet. UTF-8 with or without BOM, LF or CRLF, commas, or semicolons or
 * tabs where the header has them (as spreadsheets save in much of Europe) or a first line `sep=;`
 * says so; quoted fields, without line breaks inside (no field of ours has one, and an open quote
 * is found on its own line); blanks around fields are dropped, as are lines of nothing but empty
 * ones. The header names the columns in any order; columns that nobody asked for are passed over.
 * No field is ever a formula here: the caller's types refuse them.
 */
#ifndef FIRSTRING_PORTAL_CSV_CSV_H
#define FIRSTRING_PORTAL_CSV_CSV_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { CSV_FIELDS_MAX = 32, CSV_FIELD_LEN_MAX = 512, CSV_WHY_MAX = 200 };

struct csv {
	const char *next, *end; /* borrowed text */
	size_t line; /* of the row in `fields`, from 1 */
	const char *fields[CSV_FIELDS_MAX]; /* of the row; valid until the next csv_next */
	size_t field_count;
	const char *why; /* after ERR_SYNTAX: a sentence of CSV_WHY_MAX bytes at most */
	char separator; /* private, as what follows */
	struct buf row;
	char said[CSV_WHY_MAX + 1]; /* a sentence with values in it */
	size_t header_count; /* columns that the header names */
	size_t columns[CSV_FIELDS_MAX]; /* where the value of each name asked for stands */
	size_t column_count; /* names asked for */
};

/* Begins. csv_free releases. */
void csv_init(struct csv *csv, const char *text, size_t len);
void csv_free(struct csv *csv);
/* The next row that is not empty. ERR_NOT_FOUND after the last; ERR_SYNTAX with `why` and `line`.
 */
MUST_CHECK enum err csv_next(struct csv *csv);
/* Reads the header row, which must hold these names: any case, any order, blanks and hyphens for
 * underscores, others beside them. `count` is 1..CSV_FIELDS_MAX. */
MUST_CHECK enum err csv_header(struct csv *csv, const char *const *names, size_t count);
/* The next row in the order of the names that csv_header asked for. One that does not fit the
 * header is no ERR_SYNTAX of the file: `field_count` is 0, and `why` says so. Otherwise as
 * csv_next. */
MUST_CHECK enum err csv_next_by_names(struct csv *csv);

#endif
