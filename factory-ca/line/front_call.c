/* Calls to the front, which is verified by TLS before it is told or asked anything. */
#include "factory-ca/line/front_call.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 16 * 1024 };

struct reading {
	struct answer_stream stream;
	int has_begun; /* something came */
	struct front_outcome *outcome;
	answer_line_fn *on_line;
	void *ctx;
};

/* A refusal's document (RFC 9457) is one line. */
static void take_problem(struct front_outcome *outcome, const char *line, size_t len)
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

/* An end without TLS's own goodbye (the process was killed) is no word against us. */
static enum err explain(const struct https_connection *connection, int result, char *why)
{
	if (ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return https_explain(connection, result, why);
	ERR_clear_error();
	snprintf(why, HTTPS_WHY_LEN, "the connection was cut");
	return ERR_CLOSED;
}

static enum err send_request(const struct https_connection *connection,
    const struct line_config *config, const struct front_request *request, int keep, char *why)
{
	const char *host = config->url + strlen("https://");
	const struct buf *rows = request->rows;
	struct buf head = {0};
	int result;

	buf_printf(&head, "%s %s HTTP/1.1\r\nHost: %.*s\r\nConnection: %s\r\n",
	    rows ? "POST" : "GET", request->path, (int)strcspn(host, "/"), host,
	    keep ? "keep-alive" : "close");
	if (rows)
		buf_printf(&head, "Content-Type: application/x-ndjson\r\nContent-Length: %zu\r\n",
		    rows->len);
	buf_put_str(&head, "\r\n");
	result = SSL_write(connection->ssl, head.bytes, (int)head.len);
	buf_free(&head);
	/* The front never waits with reading until we have read. */
	if (result > 0 && rows)
		result = SSL_write(connection->ssl, rows->bytes, (int)rows->len);
	return result > 0 ? ERR_OK : explain(connection, result, why);
}

static enum err read_answer(const struct https_connection *connection, struct reading *reading)
{
	struct front_outcome *outcome = reading->outcome;
	char piece[PIECE];
	enum err err = ERR_OK;
	int len = 1;

	while (!err && reading->stream.part != ANSWER_COMPLETE) {
		len = SSL_read(connection->ssl, piece, sizeof(piece));
		if (len <= 0)
			break;
		reading->has_begun = 1;
		err = answer_stream_feed(&reading->stream, piece, (size_t)len, on_line, reading);
	}
	if (err == ERR_SYNTAX && !*outcome->why)
		snprintf(outcome->why, sizeof(outcome->why),
		    "the answer is not that of a factory front; is the URL right?");
	if (err)
		return err;
	if (reading->stream.part != ANSWER_HEAD)
		outcome->status = reading->stream.status;
	outcome->retry_after_s = reading->stream.retry_after_s;
	return reading->stream.part == ANSWER_COMPLETE ? ERR_OK
						       : explain(connection, len, outcome->why);
}

/* What a whole answer of another status than 200 means. */
static enum err judge(struct front_outcome *outcome)
{
	if (outcome->status == 200)
		return ERR_OK;
	if (!*outcome->why)
		snprintf(outcome->why, sizeof(outcome->why), "status %d", outcome->status);
	if (outcome->status >= 500 || outcome->status == 429)
		return ERR_UNAVAILABLE;
	return outcome->status == 401 || outcome->status == 403 ? ERR_DENIED : ERR_REFUSED;
}

void front_link_close(struct front_link *link)
{
	if (link->is_open)
		https_disconnect(&link->connection);
	link->is_open = 0;
}

static enum err exchange(struct front_link *link, const struct line_config *config,
    const struct front_request *request, int keep, struct reading *reading)
{
	struct front_outcome *outcome = reading->outcome;
	const struct tls_key_pair identity = {config->station_cert, config->station_key};
	int digest;
	enum err err;

	memset(outcome, 0, sizeof(*outcome));
	memset(&reading->stream, 0, sizeof(reading->stream));
	ERR_clear_error();
	if (!link->is_open) {
		err = https_connect(
		    config->url, config->server_ca, &identity, &link->connection, outcome->why);
		if (err)
			return err;
		link->is_open = 1;
	}
	/* A refusal may come before all is written: then what it says is worth more. */
	if (send_request(&link->connection, config, request, keep, outcome->why))
		outcome->why[0] = '\0';
	err = read_answer(&link->connection, reading);
	/* Set by our own signature in the handshake, and by nothing else. */
	outcome->asked_who = SSL_get_signature_nid(link->connection.ssl, &digest) == 1;
	ERR_clear_error();
	answer_stream_free(&reading->stream);
	if (err || !keep)
		front_link_close(link);
	return err ? err : judge(outcome);
}

enum err front_call(struct front_link *link, const struct line_config *config,
    const struct front_request *request, answer_line_fn *line_fn, void *ctx,
    struct front_outcome *outcome)
{
	struct reading reading = {.outcome = outcome, .on_line = line_fn, .ctx = ctx};
	struct front_link own = {0};
	int was_open = link && link->is_open;
	enum err err = exchange(link ? link : &own, config, request, link != NULL, &reading);

	if (was_open && !link->is_open && !reading.has_begun)
		err = exchange(link, config, request, 1, &reading);
	return err;
}

const char *front_text(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(document, key));

	return text ? text : "";
}
