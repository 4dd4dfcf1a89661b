/*
 * factory-ca front: the network side of the CA.
 *
 * One parent that binds, and workers that see hostile bytes from the line: TLS, HTTP, EST, CSRs.
 * A worker holds the front's own TLS key, a connection to PostgreSQL as firstring_factory, and a
 * socket to the signer; no CA key, and no way to have anything signed but what the signer
 * itself decides to build. A health worker of its own answers on loopback, and an audit worker
 * chains the audit log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/net/health.h"
#include "common/net/sandbox.h"
#include "common/net/server.h"
#include "common/net/workers.h"
#include "factory-ca/commands.h"
#include "factory-ca/front/audit_worker.h"
#include "factory-ca/front/call.h"
#include "factory-ca/front/front.h"
#include "factory-ca/front/lookups.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/front/muster.h"
#include "factory-ca/front/publisher.h"
#include "factory-ca/front/state.h"
#include "queries_factory-ca.h"

static const char USAGE[] =
    "usage: factory-ca [--config FILE] front\n\n"
    "Serves stations and operators on front.listen: EST, the batch call, orders. Needs the signer\n"
    "(signer.socket) and PostgreSQL. SIGHUP reloads, SIGTERM drains and stops.\n";

enum {
	CONNECT_MS = 3000,
	STATEMENT_MS = 5000,
	SUBMISSIONS_MAX = 1024,
	SIGNER_MS = 5000,
	SIGNER_PENDING_MAX = 1024,
};

/* The sockets outlive every generation of workers. */
struct parent {
	const char *config_path;
	int listen_fd, health_fd;
};
/* Workers are started without an argument of their own but the state. */
static struct parent parent;

/* --- a worker ------------------------------------------------------------------------------- */

struct running {
	struct front front;
	struct server *server;
	struct worker_signals *signals;
	struct event *drain_timer;
};

static void on_database(int ready, void *ctx)
{
	const struct front *front = ctx;

	metrics_set_ready(
	    "database", ready && pg_is_ready(front->pg) && pg_is_ready(front->record));
}

static void on_signer(int ready, void *ctx)
{
	(void)ctx;
	metrics_set_ready("signer", ready);
}

static void on_drained(void *ctx)
{
	struct running *running = ctx;

	event_base_loopbreak(running->front.base);
}

static void on_drain_overdue(evutil_socket_t fd, short what, void *ctx)
{
	struct running *running = ctx;

	(void)fd;
	(void)what;
	LOG_WARN("drain_overdue", log_uint("connections", server_connections(running->server)));
	event_base_loopbreak(running->front.base);
}

/* The parent would end a worker that takes too long; one whose parent was killed ends itself, for
 * it holds the port that the next front needs. */
static void on_drain(void *ctx)
{
	struct running *running = ctx;
	int64_t drain_ms = running->front.state->config.front_drain_ms;
	struct timeval delay = {
	    .tv_sec = drain_ms / 1000, .tv_usec = (suseconds_t)(drain_ms % 1000) * 1000};

	server_drain(running->server);
	CHECK(evtimer_add(running->drain_timer, &delay) == 0);
}

static void connect_neighbours(struct front *front)
{
	const struct factory_config *config = &front->state->config;
	struct pg_config database = {
	    .base = front->base,
	    .conninfo = config->database_conninfo,
	    .statements = queries_factory_ca,
	    .prepare = config->database_prepare,
	    .connect_ms = CONNECT_MS,
	    .deadline_ms = STATEMENT_MS,
	    .queue_max = SUBMISSIONS_MAX,
	    .on_state = on_database,
	    .ctx = front,
	};
	struct signer_client_config signer = {
	    .base = front->base,
	    .socket_path = config->signer_socket,
	    .issuing_ca = front->state->issuing_ca,
	    .deadline_ms = SIGNER_MS,
	    .pending_max = SIGNER_PENDING_MAX,
	    .on_state = on_signer,
	};

	metrics_set_ready("database", 0);
	metrics_set_ready("signer", 0);
	front->pg = pg_new(&database);
	front->record = pg_new(&database);
	front->signer = signer_client_new(&signer);
	front->lookups = lookups_new(front->base, front->pg);
	front->muster = muster_new(front->base);
}

static void serve(struct running *running)
{
	struct server_config config = {
	    .base = running->front.base,
	    .name = "factory",
	    .listen_fd = parent.listen_fd,
	    .transport = SERVER_TLS,
	    .tls = running->front.state->tls,
	    .limits = SERVER_LIMITS_DEFAULT,
	    .show_request_id = 1,
	    .handler = &CALL_SERVER_HANDLER,
	    .ctx = &running->front,
	};

	/* EST clients of a whole line keep their connections open. */
	config.limits.requests_per_connection = 100000;
	running->server = server_new(&config);
	server_on_drained(running->server, on_drained, running);
	running->drain_timer = evtimer_new(running->front.base, on_drain_overdue, running);
	CHECK(running->drain_timer != NULL);
	running->signals = worker_signals_new(running->front.base, on_drain, running);
}

static int run_worker(const struct worker *worker, void *state)
{
	struct running running = {.front = {.state = state}};
	enum err err;

	(void)worker;
	log_set_program("factory-ca-front");
	sandbox_harden();
	err = sandbox_drop_privileges(running.front.state->config.front_user);
	if (err != ERR_OK) {
		LOG_ERROR("privileges_not_dropped",
		    log_str("front.user", running.front.state->config.front_user), log_err(err));
		return EX_CONFIG;
	}
	running.front.base = event_base_new();
	CHECK(running.front.base != NULL);
	TAILQ_INIT(&running.front.waiting_batches);
	connect_neighbours(&running.front);
	serve(&running);
	event_base_dispatch(running.front.base);
	/* Nobody waits for an answer any more; what still runs for a station that has gone is told
	 * that it is over, and cleans up in a last turn of the loop. */
	muster_free(running.front.muster);
	lookups_close(running.front.lookups);
	pg_free(running.front.record);
	pg_free(running.front.pg);
	signer_client_free(running.front.signer);
	event_base_loop(running.front.base, EVLOOP_NONBLOCK);
	lookups_free(running.front.lookups);
	server_free(running.server);
	worker_signals_free(running.signals);
	event_free(running.drain_timer);
	event_base_free(running.front.base);
	return EX_OK;
}

static int run_health(const struct worker *worker, void *state)
{
	const struct front_state *front_state = state;
	enum err err;

	log_set_program("factory-ca-front");
	sandbox_harden();
	err = sandbox_drop_privileges(front_state->config.front_user);
	if (err != ERR_OK)
		return EX_CONFIG;
	return health_run(worker, parent.health_fd, NULL);
}

/* --- the parent ----------------------------------------------------------------------------- */

static enum err bind_once(const struct conf_address *address, const char *key, int *fd)
{
	char why[256];
	enum err err;

	if (*fd >= 0)
		return ERR_OK;
	err = server_listen(address->host, address->port, fd, why, sizeof(why));
	if (err != ERR_OK)
		LOG_ERROR("not_listening", log_str("key", key), log_str("detail", why));
	return err;
}

static enum err load(void *ctx, void *previous, void **loaded)
{
	struct front_state *state = NULL;
	enum err err;

	(void)ctx;
	err = front_state_load(parent.config_path, previous, &state);
	if (err != ERR_OK)
		return err;
	err = bind_once(&state->config.front_listen, "front.listen", &parent.listen_fd);
	if (err == ERR_OK)
		err = bind_once(
		    &state->config.front_health_listen, "front.health_listen", &parent.health_fd);
	if (err != ERR_OK) {
		front_state_free(state);
		return err;
	}
	*loaded = state;
	return ERR_OK;
}

static void release(void *state)
{
	front_state_free(state);
}

static size_t kinds(void *state, struct worker_kind list[WORKERS_KINDS_MAX])
{
	const struct front_state *front_state = state;

	list[0] =
	    (struct worker_kind){"front", (unsigned)front_state->config.front_workers, run_worker};
	list[1] = (struct worker_kind){"audit", 1, audit_worker_run};
	list[2] = (struct worker_kind){"publisher", 1, publisher_run};
	list[3] = (struct worker_kind){"health", 1, run_health};
	return 4;
}

int command_front(const struct command_context *context, int argc, char **argv)
{
	struct workers_config config = {.program = "factory-ca-front",
	    .load = load,
	    .release = release,
	    .kinds = kinds,
	    .drain_ms = (unsigned)context->config->front_drain_ms};
	int status;

	if (argc > 1) {
		int asked = strcmp(argv[1], "--help") == 0;

		fputs(USAGE, asked ? stdout : stderr);
		return asked ? EX_OK : EX_USAGE;
	}
	log_set_program("factory-ca-front");
	parent =
	    (struct parent){.config_path = context->config_path, .listen_fd = -1, .health_fd = -1};
	metrics_init(FRONT_METRICS, FRONT_METRIC_COUNT);
	status = workers_run(&config);
	if (parent.listen_fd >= 0)
		close(parent.listen_fd);
	if (parent.health_fd >= 0)
		close(parent.health_fd);
	return status;
}
