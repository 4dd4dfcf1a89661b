/*
 * A strict CSV reader (RFC 4180) for what people export from spreadsheets. Pure.
 *
 * The text comes from the Internet. UTF-8 with or without BOM, LF or CRLF, commas, or semicolons
 * where the header has them (as spreadsheets save in much of Europe); quoted fields, without line
 * breaks inside (no field of ours has one, and an open quote is found on its own line). No field is
 * ever a formula here: the caller's types refuse them.
 */
#ifndef FIRSTRING_PORTAL_CSV_CSV_H
#define FIRSTRING_PORTAL_CSV_CSV_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { CSV_FIELDS_MAX = 8, CSV_FIELD_LEN_MAX = 512 };

struct csv {
	const char *next, *end; /* borrowed text */
	size_t line; /* of the row in `fields`, from 1 */
	const char *fields[CSV_FIELDS_MAX]; /* of the row; valid until the next csv_next */
	size_t field_count;
	const char *why; /* after ERR_SYNTAX: a sentence */
	char separator; /* private, as what follows */
	struct buf row;
};

/* Begins. csv_free releases. */
void csv_init(struct csv *csv, const char *text, size_t len);
void csv_free(struct csv *csv);
/* The next row that is not empty. ERR_NOT_FOUND after the last; ERR_SYNTAX with `why` and `line`.
 */
MUST_CHECK enum err csv_next(struct csv *csv);
/* Reads the header row, which must be exactly these names in this order (any case). */
MUST_CHECK enum err csv_header(struct csv *csv, const char *const *names, size_t count);

#endif
