/*
 * The answer's half of an exchange: whole answers, streams, and errors in the server's own name.
 *
 * What is answered is a handler's, or the status of http1.h. A stream's pieces are gathered into
 * records; how much is unsent is the handler's to watch. After an answer the connection is kept
 * only when the request was read to its end and nothing speaks against it.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/net/connection.h"

static void decide_close(struct exchange *exchange, const struct server_answer *answer)
{
	const struct connection *connection = exchange->connection;
	const struct server *server = connection->server;
	exchange->close = answer->close || !exchange->reader.head.keep_alive ||
			  connection->peer_ended || server->draining ||
			  connection->answered + 1 >= server->config.limits.requests_per_connection;
}

static struct answer_traits traits_of(const struct exchange *exchange)
{
	return (struct answer_traits){
	    .minor_version = exchange->head_seen ? exchange->reader.head.minor_version : 1,
	    .is_head = exchange->is_head,
	    .keep_alive = !exchange->close,
	    .chunked = exchange->chunked,
	    .request_id =
		exchange->connection->server->config.show_request_id ? exchange->request_id : NULL,
	};
}

static void write_answer(struct exchange *exchange, const struct server_answer *answer)
{
	struct answer_traits traits = traits_of(exchange);
	struct buf wire = {0};
	answer_put_head(&wire, answer, &traits, &answer->body_len);
	if (!exchange->is_head && answer_has_body(answer->status))
		buf_put(&wire, answer->body, answer->body_len);
	CHECK(wire.err == ERR_OK);
	transport_write(exchange->connection, wire.bytes, wire.len);
	/* Here and below: an answer may hold a phone's password. */
	buf_wipe(&wire);
}

/* The handler has done its part. */
static void finish(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;
	int close = exchange->close || !exchange_is_read(exchange);
	if (!exchange->cut) {
		connection->answered++;
		connection->deadline_ms = exchange->deadline_ms;
		connection->idle_since_ms = 0;
	}
	exchange_discard(exchange);
	if (close)
		connection_finish(connection);
	connection_settle(connection);
}

void exchange_answer_error(struct connection *connection, int status, const char *reason)
{
	const struct server_config *config = &connection->server->config;
	struct exchange *exchange = connection->exchange;
	struct server_answer answer = {.status = status};
	char retry_after[4];
	if (status == 503) {
		/* Spread, so that those turned away do not come back in step. */
		snprintf(retry_after, sizeof(retry_after), "%u", 1 + random_below(9));
		answer.headers[answer.header_count++] = (struct http1_field){
		    {"Retry-After", strlen("Retry-After")}, {retry_after, strlen(retry_after)}};
	}
	if (config->handler->on_error != NULL)
		config->handler->on_error(status, reason,
		    exchange->head_seen ? &exchange->reader.head : NULL, &answer, config->ctx);
	exchange->close = 1;
	exchange->chunked = 0;
	write_answer(exchange, &answer);
	connection_finish(connection);
	if (connection->exchange != NULL)
		exchange_cut(connection->exchange);
}

void exchange_answer(struct exchange *exchange, const struct server_answer *answer)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC && exchange->head_seen && !exchange->begun);
	exchange->begun = 1;
	if (!exchange->cut) {
		decide_close(exchange, answer);
		if (!exchange_is_read(exchange))
			exchange->close = 1;
		write_answer(exchange, answer);
	}
	finish(exchange);
}

void exchange_begin(struct exchange *exchange, const struct server_answer *answer)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC && exchange->head_seen && !exchange->begun);
	exchange->begun = 1;
	if (exchange->cut)
		return;
	decide_close(exchange, answer);
	exchange->chunked = exchange->reader.head.minor_version == 1;
	exchange->close |= !exchange->chunked;
	struct answer_traits traits = traits_of(exchange);
	answer_put_head(&exchange->stream_head, answer, &traits, NULL);
	if (!exchange->connection->working)
		connection_schedule(exchange->connection);
}

void exchange_flush(struct exchange *exchange, int final)
{
	struct buf *stream = &exchange->stream;
	struct buf wire = {0};
	if (!exchange->begun || exchange->cut)
		return;
	buf_put(&wire, exchange->stream_head.bytes, exchange->stream_head.len);
	if (!exchange->is_head && stream->len > 0 && exchange->chunked)
		buf_printf(&wire, "%zx\r\n", stream->len);
	if (!exchange->is_head)
		buf_put(&wire, stream->bytes, stream->len);
	if (!exchange->is_head && stream->len > 0 && exchange->chunked)
		buf_put_str(&wire, "\r\n");
	if (!exchange->is_head && final && exchange->chunked)
		buf_put_str(&wire, "0\r\n\r\n");
	CHECK(wire.err == ERR_OK && stream->err == ERR_OK);
	buf_free(&exchange->stream_head);
	buf_wipe(stream);
	transport_write(exchange->connection, wire.bytes, wire.len);
	buf_wipe(&wire);
}

enum err exchange_write(struct exchange *exchange, const void *bytes, size_t len)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC && exchange->begun);
	if (exchange->cut)
		return ERR_CLOSED;
	struct connection *connection = exchange->connection;
	int was_empty = exchange->stream.len == 0;
	if (!exchange->is_head)
		buf_put(&exchange->stream, bytes, len);
	exchange->sent_due = exchange->on_sent != NULL;
	if (exchange->stream.len >= STREAM_GATHER) {
		exchange_flush(exchange, 0);
		connection_settle(connection);
	} else if (was_empty && !connection->working) {
		connection_schedule(connection);
	}
	return exchange->cut ? ERR_CLOSED : ERR_OK;
}

size_t exchange_unsent(const struct exchange *exchange)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	if (exchange->cut)
		return 0;
	return exchange->stream_head.len + exchange->stream.len +
	       connection_unsent(exchange->connection);
}

void exchange_on_sent(
    struct exchange *exchange, void (*on_sent)(struct exchange *exchange, void *ctx), void *ctx)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	exchange->on_sent = on_sent;
	exchange->on_sent_ctx = ctx;
}

void exchange_end(struct exchange *exchange, int complete)
{
	CHECK(exchange->magic == EXCHANGE_MAGIC);
	CHECK(exchange->begun || exchange->cut || !complete);
	if (!exchange->cut) {
		exchange_flush(exchange, complete);
		if (!complete)
			connection_break(exchange->connection);
	}
	finish(exchange);
}
