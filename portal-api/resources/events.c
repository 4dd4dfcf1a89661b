/* GET /v1/events: the tenant's feed. A cursor never skips: see sql/queries/portal-api/events_list.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"id", "id", ROW_TEXT},
    {"at", "at", ROW_TIME},
    {"mac", "mac", ROW_MAC},
    {"kind", "kind", ROW_TEXT},
    {"source_ip", "source_ip", ROW_TEXT},
    {"detail", "detail", ROW_JSON},
};

struct feed {
	int64_t xid, seq; /* where the page began */
};

static void on_events(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	const struct feed *feed = request->state;
	int64_t xid = feed->xid, seq = feed->seq;
	char place[64];
	CHECK(count == 1);
	if (row_count(rows) > 0) {
		size_t last = row_count(rows) - 1;
		xid = row_int(rows, last, row_column(rows, "xid"));
		seq = row_int(rows, last, row_column(rows, "seq"));
	}
	snprintf(place, sizeof(place), "%" PRId64 ".%" PRId64, xid, seq);
	request_reply_page(request, "events",
	    row_objects(rows, SIZE_MAX, fields, sizeof(fields) / sizeof(fields[0])), "events",
	    place);
}

void event_list(struct request *request)
{
	struct page page;
	struct feed *feed = calloc(1, sizeof(*feed));
	CHECK(feed);
	request->state = feed;
	request->state_free = free;
	if (request_page(request, "events", &page))
		return;
	/* The checksum held: the place is of our own making. */
	CHECK(!page.has_cursor ||
	      sscanf(page.place, "%" SCNd64 ".%" SCNd64, &feed->xid, &feed->seq) == 2);
	struct pg_params *params = pg_params_new();
	pg_param_int(params, feed->xid);
	pg_param_int(params, feed->seq);
	pg_param_int(params, page.limit);
	request_query(request, &(struct pg_call){&query_events_list, params}, 1, on_events);
}
