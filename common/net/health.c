/*
 * The worker that tells how a daemon is: metrics for a collector, health for a supervisor.
 *
 * It listens on loopback, for people and tools of the machine; it holds no key and no database
 * connection, and knows only what the other processes wrote into shared memory. It never refuses
 * /healthz while it lives, so that "alive" and "able" stay different questions.
 */
#include "common/net/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/net/metrics.h"

struct health {
	const struct health_more *more; /* never NULL */
	struct event_base *base;
	struct server *server;
	struct event *wait;
	pid_t parent;
	int draining;
};

static void answer_metrics(struct health *health, struct exchange *exchange)
{
	struct buf text = {0};
	if (health->more->refresh != NULL)
		health->more->refresh(health->more->ctx);
	metrics_write(&text);
	struct server_answer answer = {.status = 200,
	    .content_type = "text/plain; version=0.0.4",
	    .body = text.bytes,
	    .body_len = text.len};
	exchange_answer(exchange, &answer);
	buf_free(&text);
}

static void answer_healthz(struct health *health, struct exchange *exchange)
{
	static const char body[] = "{\"status\":\"alive\",\"version\":\"" FIRSTRING_VERSION "\"}\n";
	struct server_answer answer = {.status = 200,
	    .content_type = "application/json",
	    .body = body,
	    .body_len = sizeof(body) - 1};
	(void)health;
	exchange_answer(exchange, &answer);
}

static void answer_readyz(struct health *health, struct exchange *exchange)
{
	struct buf text = {0};
	int ready = metrics_is_ready(&text) && !health->draining;
	if (ready)
		buf_put_str(&text, "ready\n");
	if (health->draining)
		buf_put_str(&text, "draining\n");
	struct server_answer answer = {.status = ready ? 200 : 503,
	    .content_type = "text/plain",
	    .body = text.bytes,
	    .body_len = text.len};
	exchange_answer(exchange, &answer);
	buf_free(&text);
}

struct operation {
	void (*answer)(struct health *health, struct exchange *exchange);
};

static const struct operation METRICS = {answer_metrics}, HEALTHZ = {answer_healthz},
			      READYZ = {answer_readyz};

static const struct route ROUTES[] = {
    {"GET", "/metrics", &METRICS},
    {"GET", "/healthz", &HEALTHZ},
    {"GET", "/readyz", &READYZ},
};

static void on_request(struct exchange *exchange, void *ctx)
{
	struct router_match match;
	struct server_answer refusal = {.status = 404};
	const struct health_more *more = ((struct health *)ctx)->more;
	enum router_result result = router_match(
	    ROUTES, sizeof(ROUTES) / sizeof(ROUTES[0]), exchange_head(exchange), &match);
	if (result == ROUTER_FOUND) {
		((const struct operation *)match.route->target)->answer(ctx, exchange);
		return;
	}
	if (result == ROUTER_PATH)
		result =
		    router_match(more->routes, more->route_count, exchange_head(exchange), &match);
	if (result == ROUTER_FOUND) {
		((const struct health_operation *)match.route->target)
		    ->answer(exchange, &match, more->ctx);
		return;
	}
	if (result == ROUTER_METHOD) {
		refusal.status = 405;
		refusal.headers[refusal.header_count++] =
		    (struct http1_field){{"Allow", 5}, {match.allow, strlen(match.allow)}};
	}
	exchange_answer(exchange, &refusal);
}

/* While others of the daemon finish what they have begun, whoever asks is told so. Once they are
 * gone there is nothing left to tell; without the parent nobody would say when. */
static void on_wait(evutil_socket_t fd, short what, void *ctx)
{
	struct health *health = ctx;
	(void)fd;
	(void)what;
	if (!metrics_has_ready_parts() || getppid() != health->parent)
		event_base_loopbreak(health->base);
}

static void on_drain(void *ctx)
{
	static const struct timeval EACH = {0, 20 * 1000};
	struct health *health = ctx;
	/* Another generation tells for itself. */
	health->draining = worker_is_stopping();
	if (worker_is_stopping() && metrics_has_ready_parts() && getppid() == health->parent)
		CHECK(event_add(health->wait, &EACH) == 0);
	else
		server_drain(health->server);
}

int health_run(const struct worker *worker, int listen_fd, const struct health_more *more)
{
	static const struct health_more NOTHING;
	static const struct server_handler HANDLER = {.on_request = on_request};
	struct event_base *base = event_base_new();
	struct health health = {.more = more != NULL ? more : &NOTHING};
	struct server_config config = {
	    .base = base,
	    .name = "health",
	    .listen_fd = listen_fd,
	    .transport = SERVER_PLAIN,
	    .limits = SERVER_LIMITS_DEFAULT,
	    .handler = &HANDLER,
	    .ctx = &health,
	};
	(void)worker;
	CHECK(base != NULL);
	config.limits.connections = 64;
	health.server = server_new(&config);
	health.base = base;
	health.parent = getppid();
	health.wait = event_new(base, -1, EV_PERSIST, on_wait, &health);
	CHECK(health.wait != NULL);
	struct worker_signals *signals = worker_signals_new(base, on_drain, &health);
	event_base_dispatch(base);
	worker_signals_free(signals);
	server_free(health.server);
	event_free(health.wait);
	event_base_free(base);
	return EX_OK;
}
