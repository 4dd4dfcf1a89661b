/*
 * The loopback listener of every daemon: /metrics, /healthz (alive, with version), /readyz (its
 * parts usable, not draining). A worker kind of its own, with no key and no database.
 */
#ifndef FIRSTRING_NET_HEALTH_H
#define FIRSTRING_NET_HEALTH_H

#include "common/net/router.h"
#include "common/net/server.h"
#include "common/net/workers.h"

struct health_operation {
	void (*answer)(struct exchange *exchange, const struct router_match *match, void *ctx);
};

/* What a daemon adds to it. */
struct health_more {
	const struct route *routes; /* their targets are struct health_operation */
	size_t route_count;
	void (*refresh)(void *ctx); /* before /metrics is written; may be NULL */
	void *ctx;
};

/* A worker's life: serves on the listening socket until drained. `more` may be NULL. */
int health_run(const struct worker *worker, int listen_fd, const struct health_more *more);

#endif
