/* GET /v1/events/latest: the tenant's events from the end, for people; programs read the feed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const char LIST[] = "events_latest"; /* its cursors are not the feed's */

static void on_events(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field fields[] = {
	    {"id", "id", ROW_TEXT},
	    {"at", "at", ROW_TIME},
	    {"mac", "mac", ROW_MAC},
	    {"kind", "kind", ROW_TEXT},
	    {"source_ip", "source_ip", ROW_TEXT},
	    {"detail", "detail", ROW_JSON},
	};
	const struct pg_rows *rows = results[0];
	const struct page *page = request->state;
	char place[64];
	int has_more = row_count(rows) > page->limit;
	CHECK(count == 1);
	if (has_more)
		snprintf(place, sizeof(place), "%" PRId64 ".%" PRId64,
		    row_int(rows, page->limit - 1, row_column(rows, "xid")),
		    row_int(rows, page->limit - 1, row_column(rows, "seq")));
	request_reply_page(request, "events",
	    row_objects(rows, page->limit, fields, sizeof(fields) / sizeof(fields[0])), LIST,
	    has_more ? place : NULL);
}

void event_list_latest(struct request *request)
{
	int64_t xid, seq;
	struct page *page = calloc(1, sizeof(*page));
	CHECK(page);
	request->state = page;
	request->state_free = free;
	if (request_page(request, LIST, page))
		return;
	struct pg_params *params = pg_params_new();
	if (page->has_cursor) {
		/* The checksum held: the place is of our own making. */
		CHECK(sscanf(page->place, "%" SCNd64 ".%" SCNd64, &xid, &seq) == 2);
		pg_param_int(params, xid);
		pg_param_int(params, seq);
	} else {
		pg_param_null(params);
		pg_param_null(params);
	}
	pg_param_int(params, page->limit + 1);
	request_query(request, &(struct pg_call){&query_events_latest, params}, 1, on_events);
}
