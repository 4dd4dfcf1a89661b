/* Lists in pages; see list.h. Runs in a portal worker. */
#include "portal-api/http/list.h"

#include <stdlib.h>

struct listing {
	const struct list *list;
	unsigned limit;
};

struct pg_params *list_params(struct request *request, const struct list *list)
{
	struct page page;
	struct listing *listing = calloc(1, sizeof(*listing));
	CHECK(listing);
	request->state = listing;
	request->state_free = free;
	if (request_page(request, list->name, &page))
		return NULL;
	listing->list = list;
	listing->limit = page.limit;
	struct pg_params *params = pg_params_new();
	pg_param_text(params, page.has_cursor ? page.place : list->first_place);
	pg_param_int(params, page.limit + 1);
	return params;
}

static void on_rows(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	const struct listing *listing = request->state;
	const struct list *list = listing->list;
	const char *place = NULL;
	CHECK(count == 1);
	if (row_count(rows) > listing->limit)
		place = row_text(rows, listing->limit - 1, row_column(rows, list->place_column));
	request_reply_page(request, list->name,
	    row_objects(rows, listing->limit, list->fields, list->field_count), list->name, place);
}

void list_run(struct request *request, const struct list *list, struct pg_params *params)
{
	request_query(request, &(struct pg_call){list->statement, params}, 1, on_rows);
}

void list_run_by_state(struct request *request, const struct list *list)
{
	char state[33];
	if (request_query_text(request, "state", state, sizeof(state)))
		return;
	struct pg_params *params = list_params(request, list);
	if (!params)
		return;
	pg_param_text(params, state[0] ? state : NULL);
	list_run(request, list, params);
}
