/*
 * Exports: a whole list as one streamed answer, NDJSON or CSV (`format`), read a page at a time.
 *
 * Each row carries a `cursor`: a cut export is resumed after the last row that arrived.
 */
#ifndef FIRSTRING_PORTAL_HTTP_EXPORT_H
#define FIRSTRING_PORTAL_HTTP_EXPORT_H

#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"

struct export
{
	const char *name; /* of the list in its cursors, and of the file */
	const struct pg_statement *statement;
	const struct row_field *fields;
	size_t field_count;
	/* The parameters of the page after `place` (NULL: the first). NULL when a problem was
	 * answered, which only the first call may do. */
	struct pg_params *(*params)(struct request * request, const char *place, unsigned limit);
	void (*place_of)(const struct pg_rows *rows, size_t row, char place[CURSOR_PLACE_MAX + 1]);
};

/* Reads `format` and `cursor`, asks and answers. `export` lives for ever. */
void export_run(struct request *request, const struct export *export);

#endif
