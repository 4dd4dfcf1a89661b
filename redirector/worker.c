/*
 * The worker: the process that reads the Internet. It holds the TLS keys and the sealing ring in
 * memory and a database role that can look up by fingerprint and insert events; it has no file, no
 * other privilege, and cannot be dumped. See README.md for who holds what.
 */
#include "redirector/worker.h"

#include <sysexits.h>

#include "common/base/log.h"
#include "common/net/metrics.h"
#include "common/net/sandbox.h"
#include "redirector/handler.h"

struct worker_life {
	struct event_base *base;
	struct handler handler;
	struct entrance entrances[REDIRECTOR_LISTENERS_MAX];
	struct server *servers[REDIRECTOR_LISTENERS_MAX];
	size_t server_count, serving;
};

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

int redirector_worker_run(const struct worker *worker, void *shared)
{
	const struct state *state = shared;
	const struct redirector_config *config = &state->config;
	struct worker_life life = {.base = event_base_new()};

	(void)worker;
	CHECK(life.base != NULL);
	if (sandbox_drop_privileges(config->user) != ERR_OK)
		return EX_CONFIG;
	sandbox_harden();
	life.handler.state = state;
	life.handler.lookup = lookup_new(life.base, (const char *const *)config->databases.items,
	    config->databases.count, config->prepare, (unsigned)config->lookup_deadline_ms);
	life.handler.events = events_new(life.base, config->databases.items[0], config->prepare,
	    (unsigned)config->event_interval_ms, (size_t)config->event_queue);
	life.handler.abuse = (struct abuse){
	    .shared = state->abuse, .policy = &state->abuse_policy, .events = life.handler.events};
	for (size_t i = 0; i < config->listeners.count; i++)
		serve(&life, state, i);
	struct worker_signals *signals = worker_signals_new(life.base, on_drain, &life);
	event_base_dispatch(life.base);
	for (size_t i = 0; i < life.server_count; i++)
		server_free(life.servers[i]);
	lookup_free(life.handler.lookup);
	events_free(life.handler.events);
	worker_signals_free(signals);
	event_base_free(life.base);
	return EX_OK;
}
