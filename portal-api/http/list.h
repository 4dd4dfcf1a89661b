/*
 * Lists in pages: one way for all of them.
 *
 * The statement's first parameter is the place after which the page begins, the second the limit;
 * filters follow. One row more than the page is asked for, so that `next` is told only when there
 * is something.
 */
#ifndef FIRSTRING_PORTAL_HTTP_LIST_H
#define FIRSTRING_PORTAL_HTTP_LIST_H

#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"

struct list {
	const char *name; /* of the array in the document, and of the list in its cursors */
	const struct pg_statement *statement;
	const char *first_place; /* NULL or "": what the statement takes for the first page */
	const char *place_column;
	const struct row_field *fields;
	size_t field_count;
};

/* Reads limit and cursor and begins the parameters; NULL when a problem was answered. */
struct pg_params *list_params(struct request *request, const struct list *list);
/* Asks and answers. Takes the parameters; `list` lives for ever. */
void list_run(struct request *request, const struct list *list, struct pg_params *params);
/* All of it for a list whose only filter is `state`, a word that the statement compares. */
void list_run_by_state(struct request *request, const struct list *list);

#endif
