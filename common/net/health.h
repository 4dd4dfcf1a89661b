/*
 * The loopback listener of every daemon: /metrics, /healthz (alive, with version), /readyz (its
 * parts usable, not draining). A worker kind of its own, with no key and no database.
 */
#ifndef FIRSTRING_NET_HEALTH_H
#define FIRSTRING_NET_HEALTH_H

#include "common/net/workers.h"

/* A worker's life: serves on the listening socket until drained. */
int health_run(const struct worker *worker, int listen_fd);

#endif
