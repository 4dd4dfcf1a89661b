/* GET /v1/events and its export: the tenant's feed. The live stream is event_stream.c. */
#include <stdlib.h>

#include "portal-api/events/feed.h"
#include "portal-api/http/export.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static void on_events(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	struct feed_position *position = request->state;
	char place[CURSOR_PLACE_MAX + 1];
	CHECK(count == 1);
	if (row_count(rows) > 0)
		*position = feed_row_position(rows, row_count(rows) - 1);
	feed_place(position, place);
	request_reply_page(request, "events",
	    row_objects(rows, SIZE_MAX, feed_fields, FEED_FIELD_COUNT), "events", place);
}

static struct pg_params *params_after(const struct feed_position *position, unsigned limit)
{
	struct pg_params *params = pg_params_new();
	pg_param_int(params, position->xid);
	pg_param_int(params, position->seq);
	pg_param_int(params, limit);
	return params;
}

void event_list(struct request *request)
{
	struct page page;
	struct feed_position *position = calloc(1, sizeof(*position));
	CHECK(position);
	request->state = position;
	request->state_free = free;
	if (request_page(request, "events", &page))
		return;
	if (page.has_cursor)
		*position = feed_position_of(page.place);
	request_query(request,
	    &(struct pg_call){&query_events_list, params_after(position, page.limit)}, 1,
	    on_events);
}

static struct pg_params *export_params(struct request *request, const char *place, unsigned limit)
{
	struct feed_position position = place ? feed_position_of(place) : (struct feed_position){0};
	(void)request;
	return params_after(&position, limit);
}

static void place_of(const struct pg_rows *rows, size_t row, char place[CURSOR_PLACE_MAX + 1])
{
	struct feed_position position = feed_row_position(rows, row);
	feed_place(&position, place);
}

void event_export(struct request *request)
{
	static const struct export export = {.name = "events",
	    .statement = &query_events_list,
	    .fields = feed_fields,
	    .field_count = FEED_FIELD_COUNT,
	    .params = export_params,
	    .place_of = place_of};
	export_run(request, &export);
}
