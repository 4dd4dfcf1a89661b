/* The table of kinds of events; see kinds.h. Pure. */
#include "portal-api/events/kinds.h"

#include <stdio.h>
#include <string.h>

#include "common/base/err.h"

const char *const event_kinds[] = {
    /* What the phone did, as the redirector saw it. */
    "contacted",
    "delivered",
    "staged",
    "refused",
    /* What the manufacturer, the holder and the other side of a transfer did. */
    "shipped",
    "shipment_cancelled",
    "claimed",
    "suspended",
    "resumed",
    "released",
    "transfer_requested",
    "transfer_seen_reset",
    "transfer_objected",
    "transfer_done",
    "transfer_refused",
    "transfer_withdrawn",
    "transfer_expired",
    /* What the portal did by itself. */
    "purged",
    NULL,
};

int event_kind_is_known(const char *name)
{
	for (const char *const *kind = event_kinds; *kind; kind++)
		if (strcmp(*kind, name) == 0)
			return 1;
	return 0;
}

const char *event_kinds_text(void)
{
	static char text[EVENT_KINDS_TEXT_MAX + 1];
	size_t len = 0;
	if (text[0])
		return text;
	for (const char *const *kind = event_kinds; *kind; kind++) {
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%s%s", len ? ", " : "", *kind);
		CHECK(len < sizeof(text));
	}
	return text;
}
