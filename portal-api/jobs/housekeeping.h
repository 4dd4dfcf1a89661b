/* What the database needs done now and then: see housekeeping.c. */
#ifndef FIRSTRING_PORTAL_JOBS_HOUSEKEEPING_H
#define FIRSTRING_PORTAL_JOBS_HOUSEKEEPING_H

#include "common/db/pg.h"

struct housekeeping;

/* At once, and then each interval until freed; sooner where there is more to do than was done.
 * `admin` is borrowed. */
struct housekeeping *housekeeping_new(
    struct event_base *base, struct pg *admin, int64_t interval_ms);
void housekeeping_free(struct housekeeping *housekeeping);

#endif
