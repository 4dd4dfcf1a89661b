/* The batch call over a connection of its own. The front is verified by TLS before it is told or
 * asked anything. */
#include "factory-ca/line/batch_call.h"

#include <jansson.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 16 * 1024 };

struct reading {
	struct answer_stream stream;
	struct batch_outcome *outcome;
	answer_line_fn *on_line;
	void *ctx;
};

/* A refusal's document (RFC 9457) is one line. */
static void take_problem(struct batch_outcome *outcome, const char *line, size_t len)
{
	json_t *problem = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *code = json_string_value(json_object_get(problem, "code"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));

	snprintf(outcome->why, sizeof(outcome->why), "%s%s%s", code ? code : "",
	    code && detail ? ": " : "", detail ? detail : "");
	json_decref(problem);
}

static enum err on_line(const char *line, size_t len, void *ctx)
{
	struct reading *reading = ctx;

	if (reading->stream.status == 200)
		return reading->on_line(line, len, reading->ctx);
	if (!*reading->outcome->why)
		take_problem(reading->outcome, line, len);
	return ERR_OK;
}

static enum err send_request(const struct https_connection *connection,
    const struct line_config *config, const char *order, const struct buf *rows, char *why)
{
	const char *host = config->url + strlen("https://");
	struct buf head = {0};
	int result;

	buf_printf(&head,
	    "POST /v1/orders/%s/certificates HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n"
	    "Content-Type: application/x-ndjson\r\nContent-Length: %zu\r\n\r\n",
	    order, (int)strcspn(host, "/"), host, rows->len);
	result = SSL_write(connection->ssl, head.bytes, (int)head.len);
	buf_free(&head);
	/* The front never waits with reading until we have read. */
	if (result > 0)
		result = SSL_write(connection->ssl, rows->bytes, (int)rows->len);
	return result > 0 ? ERR_OK : https_explain(connection, result, why);
}

static enum err read_answer(const struct https_connection *connection, struct reading *reading)
{
	struct batch_outcome *outcome = reading->outcome;
	char piece[PIECE];
	enum err err = ERR_OK;
	int len = 1;

	while (!err && reading->stream.part != ANSWER_COMPLETE) {
		len = SSL_read(connection->ssl, piece, sizeof(piece));
		if (len <= 0)
			break;
		err = answer_stream_feed(&reading->stream, piece, (size_t)len, on_line, reading);
	}
	ERR_clear_error();
	if (err == ERR_SYNTAX && !*outcome->why)
		snprintf(outcome->why, sizeof(outcome->why),
		    "the answer is not that of a factory front; is the URL right?");
	if (err)
		return err;
	if (reading->stream.part != ANSWER_HEAD)
		outcome->status = reading->stream.status;
	outcome->retry_after_s = reading->stream.retry_after_s;
	return reading->stream.part == ANSWER_COMPLETE
		   ? ERR_OK
		   : https_explain(connection, len, outcome->why);
}

/* What a whole answer of another status than 200 means. */
static enum err judge(struct batch_outcome *outcome)
{
	if (outcome->status == 200)
		return ERR_OK;
	if (!*outcome->why)
		snprintf(outcome->why, sizeof(outcome->why), "status %d", outcome->status);
	if (outcome->status >= 500 || outcome->status == 429)
		return ERR_UNAVAILABLE;
	return outcome->status == 401 || outcome->status == 403 ? ERR_DENIED : ERR_REFUSED;
}

enum err batch_call(const struct line_config *config, const char *order, const struct buf *rows,
    answer_line_fn *line_fn, void *ctx, struct batch_outcome *outcome)
{
	const struct tls_key_pair identity = {config->station_cert, config->station_key};
	struct reading reading = {.outcome = outcome, .on_line = line_fn, .ctx = ctx};
	struct https_connection connection;
	enum err err, written;

	memset(outcome, 0, sizeof(*outcome));
	err = https_connect(config->url, config->server_ca, &identity, &connection, outcome->why);
	if (err)
		return err;
	/* A refusal may come before all is written: then what it says is worth more. */
	written = send_request(&connection, config, order, rows, outcome->why);
	if (written)
		outcome->why[0] = '\0';
	err = read_answer(&connection, &reading);
	if (!err)
		err = judge(outcome);
	answer_stream_free(&reading.stream);
	https_disconnect(&connection);
	return err;
}
