/*
 * The event feed of a tenant, as the list, the export, the stream and the webhooks tell it.
 *
 * A position is (xid, seq): what is at or before it has been told. It never skips: see
 * sql/queries/portal-api/events_list.sql.
 */
#ifndef FIRSTRING_PORTAL_EVENTS_FEED_H
#define FIRSTRING_PORTAL_EVENTS_FEED_H

#include "portal-api/http/cursor.h"
#include "portal-api/json/rows.h"

struct feed_position {
	int64_t xid, seq; /* zeros: the beginning */
};

enum { FEED_FIELD_COUNT = 6 };
extern const struct row_field feed_fields[FEED_FIELD_COUNT];

/* Positions as the place of a cursor, and back from one whose checksum held. */
void feed_place(const struct feed_position *position, char place[CURSOR_PLACE_MAX + 1]);
struct feed_position feed_position_of(const char *place);
/* Where a row of events_list stands. */
struct feed_position feed_row_position(const struct pg_rows *rows, size_t row);

#endif
