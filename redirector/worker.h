/* A worker's life: gives up its privileges, serves phones, drains. */
#ifndef FIRSTRING_REDIRECTOR_WORKER_H
#define FIRSTRING_REDIRECTOR_WORKER_H

#include "common/net/workers.h"

/* `state` is a struct state. The exit status of the process. */
int redirector_worker_run(const struct worker *worker, void *state);

#endif
