/* GET /v1/events/latest: the tenant's events from the end, for people; programs read the feed. */
#include <stdlib.h>

#include "portal-api/events/feed.h"
#include "portal-api/http/request.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const char LIST[] = "events_latest"; /* its cursors are not the feed's */

static void on_events(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	const struct page *page = request->state;
	char place[CURSOR_PLACE_MAX + 1];
	int has_more = row_count(rows) > page->limit;
	CHECK(count == 1);
	if (has_more) {
		struct feed_position position = feed_row_position(rows, page->limit - 1);
		feed_place(&position, place);
	}
	request_reply_page(request, "events",
	    row_objects(rows, page->limit, feed_fields, FEED_FIELD_COUNT), LIST,
	    has_more ? place : NULL);
}

void event_list_latest(struct request *request)
{
	struct page *page = calloc(1, sizeof(*page));
	CHECK(page);
	request->state = page;
	request->state_free = free;
	if (request_page(request, LIST, page))
		return;
	struct pg_params *params = pg_params_new();
	if (page->has_cursor) {
		struct feed_position position = feed_position_of(page->place);
		pg_param_int(params, position.xid);
		pg_param_int(params, position.seq);
	} else {
		pg_param_null(params);
		pg_param_null(params);
	}
	pg_param_int(params, page->limit + 1);
	request_query(request, &(struct pg_call){&query_events_latest, params}, 1, on_events);
}
