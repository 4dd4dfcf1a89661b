/*
 * What phones did, on its way to the primary: gathered for a fraction of a second, written in
 * batches; while the primary is away, into the spool, and from there when it is back.
 *
 * Each event carries its own time and id, so that what is written again, because an answer was lost
 * or a process died, is not counted twice. Queue and spool are bounded; past them events are
 * dropped and counted, never answers. Runs in workers.
 */
#ifndef FIRSTRING_REDIRECTOR_EVENTS_H
#define FIRSTRING_REDIRECTOR_EVENTS_H

#include <event2/event.h>
#include <stdint.h>

#include "common/base/mac.h"
#include "common/pki/digest.h"
#include "redirector/primary.h"
#include "redirector/spool.h"

struct events;

struct events_config {
	struct primary *primary; /* borrowed */
	struct spool *spool; /* borrowed; NULL: while the primary is away they wait in memory */
	unsigned interval_ms; /* how long an event waits for company */
	size_t queue_max; /* in memory, of either kind */
};
struct events *events_new(struct event_base *base, const struct events_config *config);
/* What is still queued is lost; see events_drain. */
void events_free(struct events *events);
/* Writes what is queued now, or spools it; `done` is called once when nothing is left, or nothing
 * more can be done. */
void events_drain(struct events *events, void (*done)(void *ctx), void *ctx);

/* Events in memory that are not known to be written or spooled. */
size_t events_queued(const struct events *events);

/* A contact of a known phone. `kind`: "contacted", "delivered", "refused". Texts are copied;
 * claim_id may be NULL; `detail` is a short literal such as the format's name or the reason. */
struct device_event {
	struct mac mac;
	const char *kind, *source, *detail;
	const uint8_t *claim_id;
	int64_t password_version; /* of "delivered" */
};
void events_add(struct events *events, const struct device_event *event);

/* Something to look at. `kind`: "mac_mismatch", "mac_scan"...; a MAC or fingerprint of zeros is
 * none. */
struct security_event {
	const char *kind, *source, *detail;
	struct mac mac;
	struct fingerprint fingerprint;
};
void events_add_security(struct events *events, const struct security_event *event);

#endif
