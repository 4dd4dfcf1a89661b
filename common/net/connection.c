/*
 * One connection: moves bytes between socket and transport, and keeps its deadline.
 *
 * The bytes are the Internet's. There is one timer; what it waits for follows from the phase. All
 * work is done in connection_work (from the loop, never nested), and every path into this file ends
 * in connection_settle, which flushes and sets events and timer to what the state asks for. It
 * knows nothing of HTTP: exchange.c does.
 */
#include "common/net/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/net/proxy_protocol.h"

enum { RECEIVE_MAX = 64 * 1024 };

static char shared_received[RECEIVE_MAX];

static void connection_work(struct connection *connection);

size_t connection_unsent(const struct connection *connection)
{
	return connection->out.len - connection->out_sent;
}

void connection_drop(struct connection *connection)
{
	if (connection->phase == PHASE_GONE)
		return;
	if (connection_unsent(connection) > 0) {
		/* Else the kernel would go on offering it to a peer that does not take it. */
		struct linger at_once = {.l_onoff = 1, .l_linger = 0};
		(void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	}
	event_del(&connection->read_event);
	event_del(&connection->write_event);
	close(connection->fd);
	connection->fd = -1;
	connection->phase = PHASE_GONE;
	if (connection->exchange != NULL)
		exchange_cut(connection->exchange);
}

void connection_lose(struct connection *connection, enum server_refusal refusal, const char *detail)
{
	if (connection->phase == PHASE_GONE)
		return;
	server_note_refusal(connection->server, refusal, detail, &connection->peer);
	connection_drop(connection);
}

static void begin_flush(struct connection *connection)
{
	int64_t at_least_ms = clock_monotonic_ms() + LINGER_MS;
	if (connection->deadline_ms < at_least_ms)
		connection->deadline_ms = at_least_ms;
	connection->phase = PHASE_FLUSH;
}

void connection_finish(struct connection *connection)
{
	if (connection->phase >= PHASE_FLUSH)
		return;
	transport_say_goodbye(connection);
	begin_flush(connection);
}

void connection_break(struct connection *connection)
{
	if (connection->phase >= PHASE_FLUSH)
		return;
	connection->abort = 1;
	begin_flush(connection);
}

/* Everything is sent: shuts our side, and lets the peer read it before the socket goes (with input
 * unread, close(2) would reset the connection and could take the answer with it). */
static void begin_linger(struct connection *connection)
{
	if (connection->abort || connection->peer_ended || shutdown(connection->fd, SHUT_WR) != 0) {
		connection_drop(connection);
		return;
	}
	connection->phase = PHASE_LINGER;
	connection->deadline_ms = clock_monotonic_ms() + LINGER_MS;
	if (connection->exchange == NULL) {
		connection->peer.certificate = connection->peer.issuer = NULL;
		transport_free(connection);
	}
}

static void send_out(struct connection *connection)
{
	struct buf *out = &connection->out;
	if (out->err != ERR_OK) {
		connection_lose(connection, SERVER_REFUSED_TIMEOUT, "write");
		return;
	}
	while (connection->out_sent < out->len) {
		ssize_t sent = send(connection->fd, out->bytes + connection->out_sent,
		    out->len - connection->out_sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			/* Amortised: bytes move at most once for each byte sent. */
			if (connection->out_sent > out->len / 2) {
				buf_drop_front(out, connection->out_sent);
				connection->out_sent = 0;
			}
			return;
		}
		if (sent < 0) {
			int is_farewell = connection->phase == PHASE_FLUSH;
			if (is_farewell && connection->exchange == NULL)
				connection_drop(connection);
			else
				connection_lose(connection, SERVER_REFUSED_RESET, "in_answer");
			return;
		}
		connection->out_sent += (size_t)sent;
	}
	buf_free(out);
	connection->out_sent = 0;
	if (connection->exchange != NULL && connection->exchange->sent_due)
		connection_schedule(connection);
}

static int wants_read(const struct connection *connection)
{
	if (connection->peer_ended)
		return 0;
	/* One receive is taken while a handler thinks, so that a peer's end is noticed. */
	if (connection->phase == PHASE_OPEN)
		return connection->received.len == 0 && connection->plain.len == 0;
	return 1;
}

static void set_event(struct event *event, short what, int wanted)
{
	int pending = event_pending(event, what, NULL);
	if (wanted && !pending)
		CHECK(event_add(event, NULL) == 0);
	else if (!wanted && pending)
		event_del(event);
}

/* Between requests: how long to wait for the next one. */
static int64_t idle_deadline_ms(struct connection *connection)
{
	const struct server *server = connection->server;
	if (connection->idle_since_ms == 0)
		connection->idle_since_ms = clock_monotonic_ms();
	int64_t deadline_ms = connection->idle_since_ms + server->config.limits.idle_ms;
	if (server->draining) {
		int64_t drained_ms =
		    server->drain_ms + (connection->answered > 0 ? DRAIN_GRACE_MS : LINGER_MS);
		if (drained_ms < deadline_ms)
			return drained_ms;
	}
	return deadline_ms;
}

static void set_deadline(struct connection *connection)
{
	const struct exchange *exchange = connection->exchange;
	if (connection->phase == PHASE_OPEN && exchange != NULL)
		connection->deadline_ms =
		    exchange->head_seen ? exchange->deadline_ms : exchange->head_deadline_ms;
	else if (connection->phase == PHASE_OPEN && connection_unsent(connection) == 0)
		connection->deadline_ms = idle_deadline_ms(connection);
	/* A timer that rings early is set again then: most deadlines are only ever moved later. */
	if (connection->armed_ms != 0 && connection->armed_ms <= connection->deadline_ms)
		return;
	int64_t left_ms = connection->deadline_ms - clock_monotonic_ms();
	if (left_ms < 1)
		left_ms = 1;
	struct timeval delay = {left_ms / 1000, (left_ms % 1000) * 1000};
	CHECK(event_add(&connection->turn_event, &delay) == 0);
	connection->armed_ms = connection->deadline_ms;
}

/* Input waits, and neither a request in hand nor a backlog of answers is in its way. Work on it
 * begins from the loop: never from within whatever has just answered. */
static int has_next_request(const struct connection *connection)
{
	return connection->phase == PHASE_OPEN && connection->exchange == NULL &&
	       connection_unsent(connection) <= BACKLOG_MAX &&
	       (connection->received.len > 0 || connection->plain.len > 0 ||
		   connection->peer_ended);
}

void connection_settle(struct connection *connection)
{
	if (connection->working)
		return;
	if (connection->phase != PHASE_GONE && connection->exchange != NULL)
		exchange_flush(connection->exchange, 0);
	if (connection->phase != PHASE_GONE)
		send_out(connection);
	if (connection->phase == PHASE_FLUSH && connection_unsent(connection) == 0)
		begin_linger(connection);
	if (connection->phase == PHASE_GONE) {
		if (connection->exchange == NULL)
			connection_free(connection);
		return;
	}
	input_keep(&connection->received);
	input_keep(&connection->plain);
	if (has_next_request(connection))
		connection_schedule(connection);
	set_event(&connection->read_event, EV_READ, wants_read(connection));
	set_event(&connection->write_event, EV_WRITE, connection_unsent(connection) > 0);
	set_deadline(connection);
}

void connection_schedule(struct connection *connection)
{
	event_active(&connection->turn_event, EV_WRITE, 0);
}

static void expire(struct connection *connection)
{
	switch (connection->phase) {
	case PHASE_PROXY:
	case PHASE_HANDSHAKE:
		connection_lose(connection, SERVER_REFUSED_TIMEOUT, "handshake");
		return;
	case PHASE_OPEN:
		exchange_expire(connection);
		return;
	case PHASE_FLUSH:
		connection_lose(connection, SERVER_REFUSED_TIMEOUT, "write");
		return;
	default:
		connection_drop(connection);
	}
}

/* The peer's address is known. */
static void admit(struct connection *connection)
{
	const struct server_config *config = &connection->server->config;
	if (config->handler->on_connect != NULL &&
	    !config->handler->on_connect(&connection->peer, config->ctx)) {
		connection_lose(connection, SERVER_REFUSED_BANNED, "banned");
		return;
	}
	transport_init(connection);
	connection->phase = connection->ssl != NULL ? PHASE_HANDSHAKE : PHASE_OPEN;
}

static int step_proxy(struct connection *connection)
{
	struct proxy_header header;
	enum err err =
	    proxy_protocol_parse(connection->received.next, connection->received.len, &header);
	if (err == ERR_MORE)
		return 0;
	if (err != ERR_OK) {
		connection_lose(connection, SERVER_REFUSED_PROXY,
		    err == ERR_TOO_LONG ? "too_long" : "missing_or_malformed");
		return 0;
	}
	input_consume(&connection->received, header.len);
	if (header.has_source)
		connection_set_address(
		    connection, (const struct sockaddr *)&header.source, sizeof(header.source));
	admit(connection);
	return connection->phase != PHASE_GONE;
}

static int step_handshake(struct connection *connection)
{
	const struct server_handler *handler = connection->server->config.handler;
	enum server_refusal refusal = SERVER_REFUSED_HANDSHAKE;
	const char *detail = NULL;
	enum transport_result result = transport_handshake(connection, &refusal, &detail);
	if (result == TRANSPORT_WAIT)
		return 0;
	if (result == TRANSPORT_DONE) {
		enum server_verdict verdict = SERVER_LET_IN;
		if (handler->on_handshake != NULL)
			verdict = handler->on_handshake(
			    &connection->peer, connection->server->config.ctx);
		if (verdict == SERVER_LET_IN) {
			connection->phase = PHASE_OPEN;
			return 1;
		}
		refusal =
		    verdict == SERVER_BAN ? SERVER_REFUSED_BANNED : SERVER_REFUSED_CERTIFICATE;
		detail = verdict == SERVER_BAN ? "banned" : "profile";
	}
	server_note_refusal(connection->server, refusal, detail, &connection->peer);
	connection_finish(connection);
	return 0;
}

static int step(struct connection *connection)
{
	switch (connection->phase) {
	case PHASE_PROXY:
		return step_proxy(connection);
	case PHASE_HANDSHAKE:
		return step_handshake(connection);
	case PHASE_OPEN:
		return exchange_step(connection);
	default:
		/* Whatever still comes is nobody's. */
		connection->received.len = connection->plain.len = 0;
		return 0;
	}
}

/* The peer will send no more, and all it sent was read. */
static void end_of_input(struct connection *connection)
{
	switch (connection->phase) {
	case PHASE_PROXY:
	case PHASE_HANDSHAKE:
		if (connection->heard)
			connection_lose(connection, SERVER_REFUSED_RESET, "in_handshake");
		else
			connection_drop(connection);
		return;
	case PHASE_OPEN:
		if (connection->exchange == NULL)
			connection_finish(connection);
		else if (exchange_wants_input(connection->exchange))
			connection_lose(connection, SERVER_REFUSED_RESET, "in_request");
		return;
	case PHASE_LINGER:
		connection_drop(connection);
		return;
	default:
		return;
	}
}

static void connection_work(struct connection *connection)
{
	CHECK(connection->magic == CONNECTION_MAGIC && !connection->working);
	connection->working = 1;
	exchange_tell(connection);
	while (step(connection))
		continue;
	if (connection->peer_ended && connection->received.len == 0 && connection->plain.len == 0)
		end_of_input(connection);
	connection->working = 0;
	connection_settle(connection);
	transport_forget();
}

static void lose_reset(struct connection *connection)
{
	int is_idle = connection->phase >= PHASE_FLUSH ||
		      (connection->phase == PHASE_OPEN && connection->exchange == NULL);
	if (is_idle || !connection->heard)
		connection_drop(connection);
	else
		connection_lose(connection, SERVER_REFUSED_RESET,
		    connection->phase == PHASE_OPEN ? "in_request" : "in_handshake");
}

/* A byte that only a PROXY header begins with, where none may come. */
static int is_forbidden_proxy(const struct connection *connection, const char *bytes, size_t len)
{
	return !connection->heard && connection->server->config.proxy == SERVER_PROXY_FORBIDDEN &&
	       proxy_protocol_begins(bytes, len);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *connection = arg;
	(void)what;
	CHECK(connection->magic == CONNECTION_MAGIC);
	ssize_t len = recv(fd, shared_received, sizeof(shared_received), 0);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < 0) {
		lose_reset(connection);
		connection_settle(connection);
		return;
	}
	if (len == 0) {
		connection->peer_ended = 1;
	} else if (is_forbidden_proxy(connection, shared_received, (size_t)len)) {
		connection_lose(connection, SERVER_REFUSED_PROXY, "forbidden");
	} else {
		connection->heard = 1;
		input_add(&connection->received, shared_received, (size_t)len);
	}
	connection_work(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct connection *connection = arg;
	send_out(connection);
	connection_work(connection);
}

/* The timer rang, or connection_schedule asked for a turn. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct connection *connection = arg;
	(void)fd;
	(void)what;
	CHECK(connection->magic == CONNECTION_MAGIC);
	connection->armed_ms = 0;
	if (connection->phase != PHASE_GONE && clock_monotonic_ms() >= connection->deadline_ms)
		expire(connection);
	connection_work(connection);
}

void connection_set_address(
    struct connection *connection, const struct sockaddr *address, socklen_t address_len)
{
	struct server_peer *peer = &connection->peer;
	struct sockaddr_in6 v6;
	memset(&peer->address, 0, sizeof(peer->address));
	memcpy(&peer->address, address, address_len);
	if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
			struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
			memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
			memset(&peer->address, 0, sizeof(peer->address));
			memcpy(&peer->address, &v4, sizeof(v4));
		}
	}
	const void *bytes = &peer->address;
	int family = peer->address.ss_family;
	bytes = family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)bytes)->sin6_addr
				   : (const void *)&((const struct sockaddr_in *)bytes)->sin_addr;
	if ((family != AF_INET && family != AF_INET6) ||
	    inet_ntop(family, bytes, peer->text, sizeof(peer->text)) == NULL)
		strcpy(peer->text, "unknown");
}

struct connection *connection_new(
    struct server *server, int fd, const struct sockaddr *address, socklen_t address_len)
{
	const struct server_config *config = &server->config;
	struct connection *connection = calloc(1, sizeof(*connection));
	CHECK(connection != NULL);
	connection->magic = CONNECTION_MAGIC;
	connection->server = server;
	connection->fd = fd;
	connection->peer.verify_result = X509_V_ERR_UNSPECIFIED;
	connection_set_address(connection, address, address_len);
	connection->phase = PHASE_PROXY;
	connection->deadline_ms = clock_monotonic_ms() + config->limits.handshake_ms;
	event_assign(&connection->read_event, config->base, fd, EV_READ | EV_PERSIST, on_readable,
	    connection);
	event_assign(&connection->write_event, config->base, fd, EV_WRITE | EV_PERSIST, on_writable,
	    connection);
	event_assign(&connection->turn_event, config->base, -1, 0, on_turn, connection);
	return connection;
}

void connection_begin(struct connection *connection)
{
	const struct server_config *config = &connection->server->config;
	if (config->proxy == SERVER_PROXY_FORBIDDEN)
		admit(connection);
	else if (config->balancers != NULL &&
		 !networks_hold(config->balancers, &connection->peer.address))
		connection_lose(connection, SERVER_REFUSED_PROXY, "not_a_balancer");
	connection_settle(connection);
}

void connection_free(struct connection *connection)
{
	CHECK(connection->magic == CONNECTION_MAGIC && !connection->working);
	if (connection->fd >= 0) {
		event_del(&connection->read_event);
		event_del(&connection->write_event);
		close(connection->fd);
	}
	event_del(&connection->turn_event);
	transport_free(connection);
	buf_wipe(&connection->received.kept);
	buf_wipe(&connection->plain.kept);
	buf_free(&connection->out);
	server_forget(connection);
	connection->magic = 0;
	free(connection);
}
