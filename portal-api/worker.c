/*
 * The worker: the process that reads what ITSPs and administrators send. It holds the TLS keys and
 * the sealing ring in memory and two database roles, one for the tenant at hand (row-level
 * security) and one for the manufacturer; it has no file, no other privilege, and cannot be dumped.
 */
#include "portal-api/worker.h"

#include <sysexits.h>

#include "common/base/log.h"
#include "common/net/metrics.h"
#include "common/net/sandbox.h"
#include "common/net/server.h"
#include "portal-api/events/streams.h"
#include "portal-api/http/gather.h"
#include "portal-api/http/rate.h"
#include "portal-api/json/memory.h"
#include "portal-api/metrics.h"
#include "portal-api/readiness.h"
#include "portal-api/state.h"
#include "queries_portal-api.h"

/* Past it a sign-in is 503: a thread does about ten a second. */
enum { HASHES_WAITING_MAX = 32 };

struct worker_life {
	struct event_base *base;
	struct portal portal;
	struct event_streams streams;
	struct server *server;
};

static void on_request(struct exchange *exchange, void *ctx)
{
	request_start(exchange, ctx);
}

/* What the HTTP server refuses by itself is a problem document like any other. */
static void on_error(int status, const char *reason, const struct http1_head *head,
    struct server_answer *answer, void *ctx)
{
	static struct buf document;
	struct problem problem = {0};
	(void)head;
	(void)ctx;
	problem_set(&problem, problem_of_status(status), "The request was refused: %s.", reason);
	buf_clear(&document);
	problem_write(&problem, status, NULL, &document);
	answer->content_type = "application/problem+json";
	answer->body = document.bytes;
	answer->body_len = document.len;
	metrics_add(METRIC_ANSWERS, (unsigned)status / 100 - 1, 1);
	metrics_add(METRIC_PROBLEMS, problem.kind, 1);
}

static void on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx)
{
	(void)detail;
	(void)peer;
	(void)ctx;
	metrics_add(METRIC_CONNECTIONS_REFUSED, refusal, 1);
}

static const struct server_handler HANDLER = {
    .on_request = on_request,
    .on_error = on_error,
    .on_refusal = on_refusal,
};

static struct readiness *connect_as(const struct worker_life *life, const struct worker *worker,
    const char *part, const char *conninfo, struct pg **pg)
{
	const struct portal_config *config = life->portal.config;
	struct pg_config as = {.base = life->base,
	    .conninfo = conninfo,
	    .statements = queries_portal_api,
	    .prepare = config->prepare,
	    .connect_ms = 3000,
	    .deadline_ms = (unsigned)config->database_deadline_ms,
	    .queue_max = (size_t)config->database_queue};
	return readiness_connect(worker, part, as, pg);
}

static void on_drained(void *ctx)
{
	struct worker_life *life = ctx;
	event_base_loopbreak(life->base);
}

static void on_drain(void *ctx)
{
	struct worker_life *life = ctx;
	/* When another generation takes over, somebody accepts all the time. */
	if (worker_is_stopping())
		metrics_set_ready("accepting", 0);
	event_streams_end(&life->streams);
	server_drain(life->server);
}

static void serve(struct worker_life *life, const struct portal_state *state)
{
	const struct portal_config *config = &state->config;
	life->server = server_new(&(struct server_config){.base = life->base,
	    .name = "api",
	    .listen_fd = state->sockets->main,
	    .transport = SERVER_TLS,
	    .tls = state->tls,
	    .proxy = (enum server_proxy)config->proxy,
	    .limits = {.handshake_ms = (unsigned)config->handshake_ms,
		.head_ms = (unsigned)config->head_ms,
		.request_ms = (unsigned)config->request_ms,
		.idle_ms = (unsigned)config->idle_ms,
		.connections = (unsigned)config->connections},
	    .show_request_id = 1,
	    .handler = &HANDLER,
	    .ctx = &life->portal});
	server_on_drained(life->server, on_drained, life);
}

int portal_worker_run(const struct worker *worker, void *shared)
{
	const struct portal_state *state = shared;
	struct worker_life life = {.base = event_base_new(),
	    .portal = {.config = &state->config,
		.ring = state->ring,
		.webhook_ring = state->webhook_ring,
		.formats = state->formats,
		.job_bell = state->sockets->job_bell}};

	CHECK(life.base);
	life.streams.base = life.base;
	life.portal.streams = &life.streams;
	life.portal.gatherer = gatherer_new(life.base);
	life.portal.rates = rates_new(&(struct rate_limit){
	    (unsigned)state->config.requests_per_s, (unsigned)state->config.request_burst});
	if (sandbox_drop_privileges(state->config.user) != ERR_OK)
		return EX_CONFIG;
	sandbox_harden();
	json_memory_wipe_on_free();
	struct readiness *tenant = connect_as(
	    &life, worker, "tenant_database", state->config.tenant_database, &life.portal.tenant);
	struct readiness *admin = connect_as(
	    &life, worker, "admin_database", state->config.admin_database, &life.portal.admin);
	life.portal.hasher =
	    hasher_new(life.base, (unsigned)state->config.hash_threads, HASHES_WAITING_MAX);
	serve(&life, state);
	struct worker_signals *signals = worker_signals_new(life.base, on_drain, &life);
	event_base_dispatch(life.base);
	hasher_free(life.portal.hasher);
	gatherer_close(life.portal.gatherer);
	pg_free(life.portal.tenant);
	pg_free(life.portal.admin);
	gatherer_free(life.portal.gatherer);
	readiness_free(tenant);
	readiness_free(admin);
	server_free(life.server);
	rates_free(life.portal.rates);
	worker_signals_free(signals);
	event_base_free(life.base);
	return EX_OK;
}
