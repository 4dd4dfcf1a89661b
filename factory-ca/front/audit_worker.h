/*
 * The front's audit worker: chains the audit log of all daemons within a second, and each minute
 * has the signer sign where the chain ends.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_AUDIT_WORKER_H
#define FIRSTRING_FACTORY_CA_FRONT_AUDIT_WORKER_H

#include "common/net/workers.h"

/* A worker's whole life; `state` is a struct front_state. */
int audit_worker_run(const struct worker *worker, void *state);

#endif
