/*
 * The server: accepts connections up to its cap, counts them, drains.
 *
 * Runs in a worker, on a listening socket that it shares with other workers and does not own. At
 * the cap, and while the system has no descriptors left, the listener rests instead of spinning.
 * It reads no byte: connection.c does.
 */
#include "common/net/server.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/net/connection.h"
#include "common/net/workers.h"

enum {
	/* Few at a time, so that the workers that share a listener share its load. */
	ACCEPTS_PER_TURN = 16,
	ACCEPT_PAUSE_MS = 100,
	DESCRIPTORS_KEPT = 64,
};

const struct server_limits SERVER_LIMITS_DEFAULT = {
    .handshake_ms = 5000,
    .head_ms = 10000,
    .request_ms = 20000,
    .idle_ms = 30000,
    .connections = 0,
    .requests_per_connection = 1000,
};

static const char *const REFUSAL_NAMES[SERVER_REFUSED_COUNT] = {
    [SERVER_REFUSED_HANDSHAKE] = "handshake",
    [SERVER_REFUSED_CERTIFICATE] = "certificate",
    [SERVER_REFUSED_TIMEOUT] = "timeout",
    [SERVER_REFUSED_SYNTAX] = "syntax",
    [SERVER_REFUSED_PROXY] = "proxy",
    [SERVER_REFUSED_RESET] = "reset",
    [SERVER_REFUSED_BANNED] = "banned",
};

const char *server_refusal_name(enum server_refusal refusal)
{
	return refusal < SERVER_REFUSED_COUNT ? REFUSAL_NAMES[refusal] : "unknown";
}

void server_note_refusal(struct server *server, enum server_refusal refusal, const char *detail,
    const struct server_peer *peer)
{
	const struct server_config *config = &server->config;
	struct log_gate *gate = &server->refusal_gates[refusal];
	if (log_gate_open(gate))
		LOG_WARN("connection_refused", log_str("listener", config->name),
		    log_str("refusal", server_refusal_name(refusal)), log_str("detail", detail),
		    log_str("peer", peer->text), log_uint("suppressed", gate->suppressed));
	if (config->handler->on_refusal != NULL)
		config->handler->on_refusal(refusal, detail, peer, config->ctx);
}

static void set_accepting(struct server *server, int accepting)
{
	if (accepting == server->accepting)
		return;
	server->accepting = accepting;
	if (accepting)
		CHECK(event_add(server->accept_event, NULL) == 0);
	else
		event_del(server->accept_event);
}

/* Has the listener rest for a while, whatever readable connections wait on it. */
static void pause_accepting(struct server *server)
{
	struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};
	if (log_gate_open(&server->accept_gate))
		LOG_ERROR("accept_failed", log_str("listener", server->config.name), log_errno(),
		    log_uint("connections", server->connections),
		    log_uint("suppressed", server->accept_gate.suppressed));
	set_accepting(server, 0);
	CHECK(event_add(server->accept_timer, &pause) == 0);
}

static void tell_when_drained(struct server *server)
{
	if (server->draining && !server->accepting && server->connections == 0 &&
	    !evtimer_pending(server->accept_timer, NULL))
		event_active(server->drained_event, EV_TIMEOUT, 0);
}

/* Takes one connection; 0 when there is none to take now. */
static int accept_one(struct server *server)
{
	struct sockaddr_storage address;
	socklen_t address_len = sizeof(address);
	int fd = accept4(server->config.listen_fd, (struct sockaddr *)&address, &address_len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		/* Those that the peer gave up on before we came are no errors of ours. */
		if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
			return 1;
		if (errno != EAGAIN)
			pause_accepting(server);
		return 0;
	}
	struct connection *connection =
	    connection_new(server, fd, (struct sockaddr *)&address, address_len);
	connection->next = server->first;
	if (server->first != NULL)
		server->first->previous = connection;
	server->first = connection;
	server->connections++;
	connection_begin(connection);
	return 1;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	(void)fd;
	(void)what;
	CHECK(server->magic == SERVER_MAGIC);
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		if (server->connections >= server->connections_max) {
			set_accepting(server, 0);
			return;
		}
		if (!accept_one(server))
			return;
	}
}

/* A pause is over, or the grace in which a stopping server still accepts. */
static void on_accept_timer(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	(void)fd;
	(void)what;
	CHECK(server->magic == SERVER_MAGIC);
	set_accepting(server, !server->draining && server->connections < server->connections_max);
	tell_when_drained(server);
}

void server_forget(struct connection *connection)
{
	struct server *server = connection->server;
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else if (server->first == connection)
		server->first = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	server->connections--;
	if (!server->draining && !evtimer_pending(server->accept_timer, NULL))
		set_accepting(server, 1);
	tell_when_drained(server);
}

static void on_drained_event(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	void (*on_drained)(void *ctx) = server->on_drained;
	(void)fd;
	(void)what;
	server->on_drained = NULL;
	if (on_drained != NULL)
		on_drained(server->on_drained_ctx);
}

static unsigned default_connections(void)
{
	struct rlimit files;
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	if (files.rlim_cur > 1000 * 1000)
		return 1000 * 1000;
	if (files.rlim_cur > 2 * DESCRIPTORS_KEPT)
		return (unsigned)files.rlim_cur - DESCRIPTORS_KEPT;
	return (unsigned)files.rlim_cur / 2;
}

struct server *server_new(const struct server_config *config)
{
	CHECK(config->base != NULL && config->handler != NULL && config->listen_fd >= 0);
	CHECK(config->handler->on_request != NULL);
	/* Fail closed: a listener is never plain because its TLS is missing. */
	CHECK((config->transport == SERVER_TLS) == (config->tls != NULL));
	struct server *server = calloc(1, sizeof(*server));
	CHECK(server != NULL);
	server->magic = SERVER_MAGIC;
	server->config = *config;
	if (config->tls != NULL)
		SSL_CTX_up_ref(config->tls);
	if (config->limits.requests_per_connection == 0)
		server->config.limits.requests_per_connection =
		    SERVER_LIMITS_DEFAULT.requests_per_connection;
	server->connections_max =
	    config->limits.connections > 0 ? config->limits.connections : default_connections();
	server->accept_event =
	    event_new(config->base, config->listen_fd, EV_READ | EV_PERSIST, on_acceptable, server);
	server->accept_timer = evtimer_new(config->base, on_accept_timer, server);
	server->drained_event = event_new(config->base, -1, 0, on_drained_event, server);
	CHECK(server->accept_event != NULL && server->accept_timer != NULL &&
	      server->drained_event != NULL);
	/* A worker that was stopped by itself may have left the attempts held off. */
	(void)setsockopt(config->listen_fd, SOL_SOCKET, SO_DETACH_FILTER, NULL, 0);
	set_accepting(server, 1);
	return server;
}

/*
 * Lets no further connection attempt in, while those that the kernel has accepted for us can still
 * be taken: a first SYN is dropped, so that its sender tries again a second later and then meets
 * our successor, or a refusal. Closing the listener at once would reset what is queued on it.
 */
static void hold_off_attempts(int listen_fd)
{
	enum { TCP_FLAGS_AT = 13, FLAG_SYN = 0x02 };
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_AT),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FLAG_SYN, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	if (setsockopt(listen_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		LOG_WARN("listener_not_held", log_errno());
}

void server_drain(struct server *server)
{
	CHECK(server->magic == SERVER_MAGIC);
	if (server->draining)
		return;
	server->draining = 1;
	server->drain_ms = clock_monotonic_ms();
	if (worker_is_stopping()) {
		struct timeval grace = {0, DRAIN_GRACE_MS * 1000};
		hold_off_attempts(server->config.listen_fd);
		CHECK(event_add(server->accept_timer, &grace) == 0);
	} else {
		set_accepting(server, 0);
		event_del(server->accept_timer);
	}
	struct connection *connection = server->first;
	while (connection != NULL) {
		struct connection *next = connection->next;
		connection_settle(connection);
		connection = next;
	}
	tell_when_drained(server);
}

void server_on_drained(struct server *server, void (*on_drained)(void *ctx), void *ctx)
{
	CHECK(server->magic == SERVER_MAGIC);
	server->on_drained = on_drained;
	server->on_drained_ctx = ctx;
	tell_when_drained(server);
}

size_t server_connections(const struct server *server)
{
	CHECK(server->magic == SERVER_MAGIC);
	return server->connections;
}

void server_free(struct server *server)
{
	if (server == NULL)
		return;
	CHECK(server->magic == SERVER_MAGIC);
	server->draining = 1;
	while (server->first != NULL) {
		struct connection *connection = server->first;
		if (connection->exchange != NULL) {
			exchange_free(connection->exchange);
			connection->exchange = NULL;
		}
		connection_free(connection);
	}
	event_free(server->accept_event);
	event_free(server->accept_timer);
	event_free(server->drained_event);
	SSL_CTX_free(server->config.tls);
	server->magic = 0;
	free(server);
}
