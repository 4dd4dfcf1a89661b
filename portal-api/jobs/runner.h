/* The worker of claim jobs: see runner.c. */
#ifndef FIRSTRING_PORTAL_JOBS_RUNNER_H
#define FIRSTRING_PORTAL_JOBS_RUNNER_H

#include "common/net/workers.h"

/* A worker's life; `state` is a struct portal_state. Returns the exit status. */
int job_worker_run(const struct worker *worker, void *state);

#endif
