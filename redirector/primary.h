/*
 * The database that takes writes, whichever of the configured ones it is.
 *
 * The first that can be asked and does not say that it only reads; when that one goes away or is
 * demoted, the next. So a promotion is followed, and a primary that comes back is found again.
 * Where there are standbys it also leaves a beat in the primary each second, by which they tell how
 * old their replay is. Runs in workers.
 */
#ifndef FIRSTRING_REDIRECTOR_PRIMARY_H
#define FIRSTRING_REDIRECTOR_PRIMARY_H

#include <event2/event.h>

#include "common/db/pg.h"

struct primary;

/* Opens a connection of its own to each: a write that waits for a lock must not delay lookups. */
struct primary *primary_new(struct event_base *base, const char *const *conninfos, size_t count,
    int prepare, unsigned deadline_ms);
/* Callbacks that are due get ERR_CLOSED. */
void primary_free(struct primary *primary);

/* 1 when a database is there that may be the primary. */
int primary_is_ready(const struct primary *primary);

/* One statement as one transaction; exactly one callback, never from within. A failure is not tried
 * again here: the caller knows whether that is safe. */
void primary_submit(struct primary *primary, const struct pg_call *calls, size_t count,
    pg_done_fn *done, void *ctx);

#endif
