/* Open transfers go on of themselves: see transfers.c. */
#ifndef FIRSTRING_PORTAL_JOBS_TRANSFERS_H
#define FIRSTRING_PORTAL_JOBS_TRANSFERS_H

#include "common/db/pg.h"
#include "portal-api/config.h"

struct transfer_watch;

/* At once, and then as often as the configuration says, until freed. Both are borrowed. */
struct transfer_watch *transfer_watch_new(
    struct event_base *base, struct pg *admin, const struct portal_config *config);
void transfer_watch_free(struct transfer_watch *watch);

#endif
