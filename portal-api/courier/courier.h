/* The worker that posts to webhooks: see courier.c. */
#ifndef FIRSTRING_PORTAL_COURIER_COURIER_H
#define FIRSTRING_PORTAL_COURIER_COURIER_H

#include "common/net/workers.h"

/* A worker's life; `state` is a struct portal_state. Returns the exit status. */
int courier_run(const struct worker *worker, void *state);

#endif
