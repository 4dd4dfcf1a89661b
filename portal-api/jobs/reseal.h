/* Sealed values move to the present key: see reseal.c. */
#ifndef FIRSTRING_PORTAL_JOBS_RESEAL_H
#define FIRSTRING_PORTAL_JOBS_RESEAL_H

#include <event2/event.h>

#include "portal-api/portal.h"

struct reseal;

/* Soon, and then every minute until freed; at once again while there is more. Borrows the portal:
 * its rings and its admin pool. */
struct reseal *reseal_new(struct event_base *base, const struct portal *portal);
/* After the admin pool: it still calls back what waits. */
void reseal_free(struct reseal *reseal);

#endif
