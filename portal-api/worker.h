/* The workers of portal-api: what each is and what it holds is told in worker.c. */
#ifndef FIRSTRING_PORTAL_WORKER_H
#define FIRSTRING_PORTAL_WORKER_H

#include "common/net/workers.h"

/* A worker's life; `state` is a struct portal_state. Returns the exit status. */
int portal_worker_run(const struct worker *worker, void *state);

#endif
