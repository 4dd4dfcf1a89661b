/* The status worker: see status.c. */
#ifndef FIRSTRING_PORTAL_STATUS_H
#define FIRSTRING_PORTAL_STATUS_H

#include "common/net/workers.h"

/* A worker's life; `state` is a struct portal_state. Returns the exit status. */
int status_worker_run(const struct worker *worker, void *state);

#endif
