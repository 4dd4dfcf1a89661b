/* The event feed of a tenant; see feed.h. */
#include "portal-api/events/feed.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/err.h"

const struct row_field feed_fields[FEED_FIELD_COUNT] = {
    {"id", "id", ROW_TEXT},
    {"at", "at", ROW_TIME},
    {"mac", "mac", ROW_MAC},
    {"kind", "kind", ROW_TEXT},
    {"source_ip", "source_ip", ROW_TEXT},
    {"detail", "detail", ROW_JSON},
};

void feed_place(const struct feed_position *position, char place[CURSOR_PLACE_MAX + 1])
{
	snprintf(place, CURSOR_PLACE_MAX + 1, "%" PRId64 ".%" PRId64, position->xid, position->seq);
}

struct feed_position feed_position_of(const char *place)
{
	struct feed_position position = {0, 0};
	CHECK(sscanf(place, "%" SCNd64 ".%" SCNd64, &position.xid, &position.seq) == 2);
	return position;
}

struct feed_position feed_row_position(const struct pg_rows *rows, size_t row)
{
	return (struct feed_position){row_int(rows, row, row_column(rows, "xid")),
	    row_int(rows, row, row_column(rows, "seq"))};
}
