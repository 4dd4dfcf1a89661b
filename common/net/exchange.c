/*
 * The request's half of an exchange: from the first byte of a head to the last of a body.
 *
 * The bytes are the Internet's. Until a head is complete, and while a body is collected, an
 * exchange is the server's own; otherwise it is in the handler's hands and lives until the handler
 * ends it, even when the peer is long gone (`cut`). It decides nothing about what is asked;
 * exchange_answer.c has the other half.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/net/connection.h"

static struct exchange *exchange_new(struct connection *connection)
{
	const struct server_limits *limits = &connection->server->config.limits;
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	uint8_t id[8];
	CHECK(exchange != NULL);
	exchange->magic = EXCHANGE_MAGIC;
	exchange->connection = connection;
	http1_init(&exchange->reader);
	random_fill(id, sizeof(id));
	hex_encode_lower(id, sizeof(id), exchange->request_id);
	int64_t now_ms = clock_monotonic_ms();
	exchange->deadline_ms = now_ms + limits->request_ms;
	exchange->head_deadline_ms = now_ms + limits->head_ms;
	if (exchange->head_deadline_ms > exchange->deadline_ms)
		exchange->head_deadline_ms = exchange->deadline_ms;
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	if (exchange->release != NULL)
		exchange->release(exchange->data);
	http1_free(&exchange->reader);
	buf_wipe(&exchange->body);
	buf_free(&exchange->stream_head);
	buf_wipe(&exchange->stream);
	exchange->magic = 0;
	free(exchange);
}

/* No handler waits for this exchange: it may end without one being told. */
static int is_servers_own(const struct exchange *exchange)
{
	return !exchange->head_seen ||
	       (exchange->body_mode == BODY_COLLECT && !exchange->complete && !exchange->begun);
}

void exchange_discard(struct exchange *exchange)
{
	exchange->connection->exchange = NULL;
	exchange_free(exchange);
}

void exchange_cut(struct exchange *exchange)
{
	if (is_servers_own(exchange)) {
		exchange_discard(exchange);
		return;
	}
	exchange->cut = 1;
	if (exchange->on_close != NULL)
		connection_schedule(exchange->connection);
}

int exchange_wants_input(const struct exchange *exchange)
{
	if (exchange->cut)
		return 0;
	if (!exchange->head_seen)
		return 1;
	return !exchange->complete && exchange->body_mode != BODY_UNDECIDED && !exchange->paused;
}

/* Whether nothing of the request is left to be read. */
int exchange_is_read(const struct exchange *exchange)
{
	return exchange->complete || !exchange->reader.head.has_body;
}

static void refuse_syntax(struct connection *connection)
{
	struct http1_reader *reader = &connection->exchange->reader;
	int status = reader->status;
	const char *reason = reader->reason;
	server_note_refusal(connection->server, SERVER_REFUSED_SYNTAX, reason, &connection->peer);
	if (!connection->exchange->begun) {
		exchange_answer_error(connection, status, reason);
		return;
	}
	exchange_flush(connection->exchange, 0);
	connection_break(connection);
	exchange_cut(connection->exchange);
}

void exchange_expire(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	struct server *server = connection->server;
	if (connection_unsent(connection) > 0) {
		connection_lose(connection, SERVER_REFUSED_TIMEOUT, "write");
	} else if (exchange == NULL) {
		if (connection->answered == 0 && !server->draining)
			server_note_refusal(
			    server, SERVER_REFUSED_TIMEOUT, "idle", &connection->peer);
		connection_finish(connection);
	} else {
		int is_read = exchange->head_seen && exchange_is_read(exchange);
		server_note_refusal(server, SERVER_REFUSED_TIMEOUT,
		    exchange->head_seen ? "request" : "head", &connection->peer);
		if (exchange->begun) {
			connection_break(connection);
			exchange_cut(exchange);
		} else {
			exchange_answer_error(
			    connection, is_read ? 503 : 408, is_read ? "deadline" : "timeout");
		}
	}
}

static int fail_transport(struct connection *connection)
{
	const char *detail = connection->exchange != NULL ? "in_request" : "tls";
	server_note_refusal(connection->server, SERVER_REFUSED_RESET, detail, &connection->peer);
	/* OpenSSL may have queued an alert: let it out. */
	connection_break(connection);
	if (connection->exchange != NULL)
		exchange_cut(connection->exchange);
	return 0;
}

static int step_head(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	const struct server_config *config = &connection->server->config;
	struct span bytes;
	size_t used = 0;
	if (transport_peek(connection, &bytes) == TRANSPORT_FAILED)
		return fail_transport(connection);
	if (bytes.len == 0)
		return 0;
	enum http1_event event = http1_read(&exchange->reader, bytes.text, bytes.len, &used);
	if (event == HTTP1_ERROR) {
		refuse_syntax(connection);
		return 0;
	}
	transport_consume(connection, used);
	if (event == HTTP1_HEAD) {
		exchange->head_seen = 1;
		exchange->is_head = span_equal(exchange->reader.head.method, "HEAD") != 0;
		config->handler->on_request(exchange, config->ctx);
	}
	return 1;
}

static void deliver_piece(struct exchange *exchange)
{
	struct span piece = exchange->reader.body;
	if (exchange->body_mode == BODY_COLLECT)
		buf_put(&exchange->body, piece.text, piece.len);
	else
		exchange->on_body(exchange, piece.text, piece.len, exchange->on_body_ctx);
}

static void deliver_end(struct exchange *exchange)
{
	exchange->complete = 1;
	const char *body = exchange->body.len > 0 ? (const char *)exchange->body.bytes : "";
	CHECK(exchange->body.err == ERR_OK);
	exchange->on_body(exchange, body, exchange->body.len, exchange->on_body_ctx);
}

static int step_body(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	struct span bytes = {"", 0};
	size_t used = 0;
	/* First without a byte: is there a body at all, and is its announced length accepted? */
	int is_first = !exchange->continued;
	exchange->continued = 1;
	if (!is_first && transport_peek(connection, &bytes) == TRANSPORT_FAILED)
		return fail_transport(connection);
	if (!is_first && bytes.len == 0)
		return 0;
	enum http1_event event = http1_read(&exchange->reader, bytes.text, bytes.len, &used);
	if (event == HTTP1_ERROR) {
		refuse_syntax(connection);
		return 0;
	}
	if (!is_first)
		transport_consume(connection, used);
	if (event == HTTP1_BODY)
		deliver_piece(exchange);
	else if (event == HTTP1_END)
		deliver_end(exchange);
	else if (is_first && exchange->reader.head.expect_continue && !exchange->begun)
		transport_write(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	return 1;
}

/* The body's last byte may have come with its last piece: the end is then known without another. */
static int step_end(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	size_t used = 0;
	if (!exchange->continued || http1_read(&exchange->reader, "", 0, &used) != HTTP1_END)
		return 0;
	deliver_end(exchange);
	return 1;
}

int exchange_step(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	struct span bytes;
	if (exchange == NULL) {
		if (connection_unsent(connection) > BACKLOG_MAX)
			return 0;
		if (transport_peek(connection, &bytes) == TRANSPORT_FAILED)
			return fail_transport(connection);
		if (bytes.len == 0)
			return 0;
		connection->exchange = exchange_new(connection);
		return 1;
	}
	if (!exchange_wants_input(exchange))
		return 0;
	if (!exchange->head_seen)
		return step_head(connection);
	return step_end(connection) || step_body(connection);
}

void exchange_tell(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	if (exchange == NULL)
		return;
	if (exchange->cut && is_servers_own(exchange)) {
		/* The handler asked for a body that can no longer come. */
		exchange_discard(exchange);
		return;
	}
	if (exchange->cut && exchange->on_close != NULL && !exchange->close_told) {
		exchange->close_told = 1;
		exchange->on_close(exchange, exchange->on_close_ctx);
		return;
	}
	if (exchange->sent_due && exchange_unsent(exchange) == 0) {
		exchange->sent_due = 0;
		exchange->on_sent(exchange, exchange->on_sent_ctx);
	}
}

/* What follows is the interface to handlers. */

const struct http1_head *exchange_head(const struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	return &exchange->reader.head;
}

const struct server_peer *exchange_peer(const struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	return &exchange->connection->peer;
}

const char *exchange_request_id(const struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	return exchange->request_id;
}

void exchange_set_data(struct exchange *exchange, void *data, void (*release)(void *data))
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	exchange->data = data;
	exchange->release = release;
}

void *exchange_data(const struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	return exchange->data;
}

static void ask_for_body(struct exchange *exchange, enum body_mode mode, uint64_t max,
    exchange_body_fn *on_body, void *ctx)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC && exchange->body_mode == BODY_UNDECIDED);
	exchange->body_mode = mode;
	exchange->on_body = on_body;
	exchange->on_body_ctx = ctx;
	exchange->reader.body_max = max;
	if (!exchange->connection->working)
		connection_schedule(exchange->connection);
}

void exchange_read_body(
    struct exchange *exchange, uint64_t max, exchange_body_fn *on_body, void *ctx)
{
	CHECK(max < SIZE_MAX);
	buf_init(&exchange->body, (size_t)max + 1);
	ask_for_body(exchange, BODY_COLLECT, max, on_body, ctx);
}

void exchange_stream_body(
    struct exchange *exchange, uint64_t max, exchange_body_fn *on_piece, void *ctx)
{
	ask_for_body(exchange, BODY_STREAM, max, on_piece, ctx);
}

void exchange_pause(struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	exchange->paused = 1;
}

void exchange_resume(struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	exchange->paused = 0;
	if (!exchange->connection->working)
		connection_schedule(exchange->connection);
}

void exchange_extend_deadline(struct exchange *exchange, unsigned ms)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	exchange->deadline_ms = clock_monotonic_ms() + ms;
	if (!exchange->connection->working)
		connection_schedule(exchange->connection);
}

int exchange_is_closed(const struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	return (int)exchange->cut;
}

void exchange_on_close(
    struct exchange *exchange, void (*on_close)(struct exchange *exchange, void *ctx), void *ctx)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	exchange->on_close = on_close;
	exchange->on_close_ctx = ctx;
	if (exchange->cut && !exchange->close_told)
		connection_schedule(exchange->connection);
}
