/* What /readyz says of a worker's database; see readiness.h. */
#include "portal-api/readiness.h"

#include <stdlib.h>

#include "common/net/metrics.h"

enum { SETTLE_S = 2 };

struct readiness {
	const char *part;
	struct event *settled;
	int ready;
};

static void on_state(int ready, void *ctx)
{
	struct readiness *readiness = ctx;
	readiness->ready = ready;
	metrics_set_ready(readiness->part, ready);
}

static void on_settled(evutil_socket_t fd, short events, void *ctx)
{
	struct readiness *readiness = ctx;
	(void)fd;
	(void)events;
	metrics_set_ready(readiness->part, readiness->ready);
}

struct readiness *readiness_connect(
    const struct worker *worker, const char *part, struct pg_config config, struct pg **pg)
{
	static const struct timeval settle = {SETTLE_S, 0};
	struct readiness *readiness = calloc(1, sizeof *readiness);
	CHECK(readiness);
	readiness->part = part;
	readiness->settled = evtimer_new(config.base, on_settled, readiness);
	CHECK(readiness->settled);
	if (worker->generation == 1)
		metrics_set_ready(part, 0);
	else
		evtimer_add(readiness->settled, &settle);
	config.on_state = on_state;
	config.ctx = readiness;
	*pg = pg_new(&config);
	return readiness;
}

void readiness_free(struct readiness *readiness)
{
	event_free(readiness->settled);
	free(readiness);
}
