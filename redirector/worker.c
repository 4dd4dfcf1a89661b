/*
 * The worker: the process that reads the Internet. It holds the TLS keys and the sealing ring in
 * memory and a database role that can look up by fingerprint and insert events; it has no file but
 * the spool of events, no other privilege, and cannot be dumped. See README.md for who holds what.
 */
#include "redirector/worker.h"

#include <sysexits.h>

#include "common/base/log.h"
#include "common/net/metrics.h"
#include "common/net/sandbox.h"
#include "redirector/handler.h"
#include "redirector/metrics.h"

enum {
	WRITE_DEADLINE_MS = 5000,
	SETTLE_TICKS = 4,
	CALLBACKS_PER_LOOK = 32,
	PRIORITY_OF_PHONES = 1,
};

struct worker_life {
	struct event_base *base;
	struct handler handler;
	struct primary *primary;
	struct spool *spool; /* NULL: none */
	struct entrance entrances[REDIRECTOR_LISTENERS_MAX];
	struct server *servers[REDIRECTOR_LISTENERS_MAX];
	size_t server_count, serving;
	unsigned settling; /* ticks of the gauges until a missing database is said to be missing */
};

/* What is a moment's state, for whoever watches. */
static void on_gauges(evutil_socket_t fd, short what, void *ctx)
{
	struct worker_life *life = ctx;
	size_t open = 0;

	(void)fd, (void)what;
	if (life->settling > 0 && --life->settling == 0)
		metrics_set_ready("database", lookup_is_ready(life->handler.lookup));
	for (size_t i = 0; i < life->server_count; i++)
		open += server_connections(life->servers[i]);
	metrics_set(METRIC_CONNECTIONS_OPEN, 0, (int64_t)open);
	metrics_set(METRIC_LOOKUPS_WAITING, 0, (int64_t)lookup_waiting(life->handler.lookup));
	metrics_set(METRIC_EVENTS_QUEUED, 0, (int64_t)events_queued(life->handler.events));
}

static void on_events_written(void *ctx)
{
	struct worker_life *life = ctx;

	event_base_loopbreak(life->base);
}

static void on_server_drained(void *ctx)
{
	struct worker_life *life = ctx;

	if (--life->serving == 0)
		events_drain(life->handler.events, on_events_written, life);
}

static void on_drain(void *ctx)
{
	struct worker_life *life = ctx;

	/* When another generation takes over, somebody accepts all the time. */
	if (worker_is_stopping())
		metrics_set_ready("accepting", 0);
	for (size_t i = 0; i < life->server_count; i++)
		server_drain(life->servers[i]);
}

static void serve(struct worker_life *life, const struct state *state, size_t at)
{
	const struct redirector_config *config = &state->config;
	const struct listener *listener = &state->listeners[at];

	life->entrances[at] = (struct entrance){&life->handler, listener};
	life->servers[at] = server_new(&(struct server_config){.base = life->base,
	    .name = listener->config->name,
	    .listen_fd = state->sockets->listeners[at],
	    .transport = SERVER_TLS,
	    .tls = listener->tls,
	    .proxy = (enum server_proxy)listener->config->proxy,
	    .balancers = &listener->balancers,
	    .limits = {.handshake_ms = (unsigned)config->handshake_ms,
		.head_ms = (unsigned)config->head_ms,
		.request_ms = (unsigned)config->request_ms,
		.idle_ms = (unsigned)config->idle_ms,
		.connections = (unsigned)config->connections},
	    .handler = &redirector_handler,
	    .ctx = &life->entrances[at]});
	server_on_drained(life->servers[at], on_server_drained, life);
	life->server_count++;
	life->serving++;
}

/* In a storm thousands of handshakes are ready at once: seconds of work. What the databases say,
 * and what is to be asked of them, comes in between: nobody's deadline passes because nobody
 * looked. */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();

	CHECK(config != NULL);
	CHECK(event_config_set_max_dispatch_interval(
		  config, NULL, CALLBACKS_PER_LOOK, PRIORITY_OF_PHONES) == 0);
	struct event_base *base = event_base_new_with_config(config);
	CHECK(base != NULL);
	/* Events are of the lower one if nothing else is said of them. */
	CHECK(event_base_priority_init(base, PRIORITY_OF_PHONES + 1) == 0);
	event_config_free(config);
	return base;
}

/* Opened by whom the worker has become. Without it events wait in memory. */
static struct spool *open_spool(const struct redirector_config *config)
{
	uint64_t all = (uint64_t)config->event_spool_max;
	struct spool *spool = NULL;
	char why[512];

	if (config->event_spool[0] != '\0' &&
	    spool_new(config->event_spool, all / (uint64_t)config->workers, all, &spool, why,
		sizeof why) != ERR_OK)
		LOG_ERROR("spool_unusable", log_str("reason", why));
	return spool;
}

static void open_databases(struct worker_life *life, const struct redirector_config *config)
{
	const char *const *conninfos = (const char *const *)config->databases.items;

	life->handler.lookup =
	    lookup_new(life->base, &(struct lookup_config){.conninfos = conninfos,
				       .count = config->databases.count,
				       .prepare = config->prepare,
				       .deadline_ms = (unsigned)config->lookup_deadline_ms,
				       .standby_age_ms = config->standby_age_ms});
	life->primary = primary_new(
	    life->base, conninfos, config->databases.count, config->prepare, WRITE_DEADLINE_MS);
	life->handler.grants = grants_new(life->base, conninfos, config->databases.count,
	    config->prepare, (unsigned)config->lookup_deadline_ms);
	life->spool = open_spool(config);
	life->handler.events =
	    events_new(life->base, &(struct events_config){.primary = life->primary,
				       .spool = life->spool,
				       .interval_ms = (unsigned)config->event_interval_ms,
				       .queue_max = (size_t)config->event_queue});
}

int redirector_worker_run(const struct worker *worker, void *shared)
{
	const struct state *state = shared;
	const struct redirector_config *config = &state->config;
	static const struct timeval GAUGES_EVERY = {0, 500 * 1000};
	struct worker_life life = {.base = base_new()};

	if (sandbox_drop_privileges(config->user) != ERR_OK)
		return EX_CONFIG;
	sandbox_harden();
	life.handler.state = state;
	/* At a reload others serve still: the moment in which this one connects is no news. */
	if (worker->generation == 1)
		metrics_set_ready("database", 0);
	life.settling = SETTLE_TICKS;
	open_databases(&life, config);
	life.handler.abuse = (struct abuse){
	    .shared = state->abuse, .policy = &state->abuse_policy, .events = life.handler.events};
	for (size_t i = 0; i < config->listeners.count; i++)
		serve(&life, state, i);
	struct event *gauges = event_new(life.base, -1, EV_PERSIST, on_gauges, &life);
	CHECK(gauges != NULL && event_add(gauges, &GAUGES_EVERY) == 0);
	struct worker_signals *signals = worker_signals_new(life.base, on_drain, &life);
	event_base_dispatch(life.base);
	for (size_t i = 0; i < life.server_count; i++)
		server_free(life.servers[i]);
	lookup_free(life.handler.lookup);
	grants_free(life.handler.grants);
	primary_free(life.primary);
	events_free(life.handler.events);
	spool_free(life.spool);
	worker_signals_free(signals);
	event_free(gauges);
	event_base_free(life.base);
	return EX_OK;
}
