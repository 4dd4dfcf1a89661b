/*
 * A factory's worth of CSRs, sent as fast as a CA takes them: to ours in batches or by EST, or to
 * `cfssl serve`, on kept-alive connections, one thread each.
 *
 * Test tool; reads the rows that bin/csrs prints. Bodies are made before the clock starts.
 *
 * Usage: enrolstorm batch|est|cfssl --url https://HOST:PORT|http://HOST:PORT --rows FILE
 *          [--connections N] [--batch ROWS] [--order R] [--ca FILE --cert FILE --key FILE]
 * Prints {"seconds","done","failed","p50_us","p99_us"}: times are of one request.
 */
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/pki/tls_policy.h"
#include "factory-ca/commands/https_client.h"
#include "factory-ca/line/answer_stream.h"

enum { ROWS_FILE_MAX = 1 << 30, PIECE = 32 * 1024 };
enum mode { MODE_BATCH, MODE_EST, MODE_CFSSL };

struct storm {
	enum mode mode;
	const char *url, *ca, *cert, *key, *order;
	size_t batch, connections;
	struct buf *requests; /* whole ones, head and body */
	size_t *rows; /* of each */
	size_t count;
	pthread_mutex_t lock;
	size_t next, done, failed, timed;
	int64_t *times_us;
	char complaint[300];
};

struct connection {
	struct https_connection tls; /* ssl NULL: plain */
	size_t succeeded;
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- requests ------------------------------------------------------------------------------- */

/* The text between `"name":"` and the next quote, as it stands in JSON. */
static struct buf member(const char *line, size_t len, const char *name)
{
	char key[64];
	struct buf found = {0};
	const char *start, *end;
	int key_len = snprintf(key, sizeof(key), "\"%s\":\"", name);

	start = memmem(line, len, key, (size_t)key_len);
	CHECK(start != NULL);
	start += key_len;
	end = memchr(start, '"', len - (size_t)(start - line));
	CHECK(end != NULL);
	buf_put(&found, start, (size_t)(end - start));
	return found;
}

/* "-----BEGIN…\nMII…\n…" of JSON to the base64 lines of EST. */
static void put_est_body(struct buf *out, const char *pem)
{
	const char *at = strstr(pem, "-----\\n");

	CHECK(at != NULL);
	for (at += 7; *at && strncmp(at, "-----END", 8) != 0; at++) {
		if (at[0] == '\\' && at[1] == 'n') {
			buf_put_str(out, "\r\n");
			at++;
		} else {
			buf_put(out, at, 1);
		}
	}
}

static void put_request(const struct storm *storm, const char *path, const char *type,
    const struct buf *body, struct buf *out)
{
	const char *host = strstr(storm->url, "://") + 3;

	buf_printf(out,
	    "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", path,
	    host, type, body->len);
	buf_put(out, body->bytes, body->len);
}

static void make_request(struct storm *storm, const char *lines, size_t len, size_t rows)
{
	struct buf body = {0}, csr = {0};
	char path[160];

	switch (storm->mode) {
	case MODE_BATCH:
		snprintf(path, sizeof(path), "/v1/orders/%s/certificates", storm->order);
		buf_put(&body, lines, len);
		put_request(
		    storm, path, "application/x-ndjson", &body, &storm->requests[storm->count]);
		break;
	case MODE_EST:
		snprintf(path, sizeof(path), "/.well-known/est/%s/simpleenroll", storm->order);
		csr = member(lines, len, "csr");
		put_est_body(&body, (const char *)csr.bytes);
		put_request(
		    storm, path, "application/pkcs10", &body, &storm->requests[storm->count]);
		break;
	case MODE_CFSSL:
		csr = member(lines, len, "csr");
		buf_printf(&body, "{\"certificate_request\":\"%s\"}", (const char *)csr.bytes);
		put_request(storm, "/api/v1/cfssl/sign", "application/json", &body,
		    &storm->requests[storm->count]);
		break;
	}
	storm->rows[storm->count++] = rows;
	buf_free(&body);
	buf_free(&csr);
}

static void read_rows(struct storm *storm, const char *path)
{
	struct buf text = {.max = ROWS_FILE_MAX};
	const char *line, *start, *end;
	size_t lines = 0, rows = 0, per = storm->mode == MODE_BATCH ? storm->batch : 1;

	CHECK(file_read(path, ROWS_FILE_MAX, &text) == ERR_OK && text.len > 0);
	for (line = (char *)text.bytes; (end = strchr(line, '\n')) != NULL; line = end + 1)
		lines++;
	storm->requests = calloc(lines / per + 1, sizeof(storm->requests[0]));
	storm->rows = calloc(lines / per + 1, sizeof(storm->rows[0]));
	storm->times_us = calloc(lines / per + 1, sizeof(storm->times_us[0]));
	CHECK(storm->requests && storm->rows && storm->times_us);
	for (start = line = (char *)text.bytes; (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		if (++rows < per)
			continue;
		make_request(storm, start, (size_t)(end + 1 - start), rows);
		start = end + 1;
		rows = 0;
	}
	if (rows)
		make_request(storm, start, (size_t)(line - start), rows);
	buf_free(&text);
}

/* --- connections ---------------------------------------------------------------------------- */

static void connect_plain(const char *url, struct connection *connection)
{
	char host[128], *port;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address = NULL;

	snprintf(host, sizeof(host), "%s", url + strlen("http://"));
	port = strchr(host, ':');
	CHECK(port != NULL);
	*port++ = '\0';
	CHECK(getaddrinfo(host, port, &hints, &address) == 0);
	connection->tls.ssl = NULL;
	connection->tls.fd = socket(address->ai_family, SOCK_STREAM, 0);
	CHECK(connect(connection->tls.fd, address->ai_addr, address->ai_addrlen) == 0);
	freeaddrinfo(address);
}

static void connect_to(const struct storm *storm, struct connection *connection)
{
	const struct tls_key_pair identity = {storm->cert, storm->key};
	char why[HTTPS_WHY_LEN];
	int one = 1;

	if (storm->mode == MODE_CFSSL) {
		connect_plain(storm->url, connection);
	} else if (https_connect(storm->url, storm->ca, &identity, &connection->tls, why)) {
		fprintf(stderr, "enrolstorm: %s\n", why);
		exit(69);
	}
	setsockopt(connection->tls.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int send_all(const struct connection *connection, const struct buf *bytes)
{
	if (connection->tls.ssl)
		return SSL_write(connection->tls.ssl, bytes->bytes, (int)bytes->len) > 0;
	return file_write_all(connection->tls.fd, bytes->bytes, bytes->len) == ERR_OK;
}

static ssize_t receive(const struct connection *connection, void *bytes, size_t len)
{
	if (connection->tls.ssl)
		return SSL_read(connection->tls.ssl, bytes, (int)len);
	return read(connection->tls.fd, bytes, len);
}

static enum err on_line(const char *line, size_t len, void *ctx)
{
	struct connection *connection = ctx;

	connection->succeeded += memmem(line, len, "\"status\":\"issued\"", 17) != NULL ||
				 memmem(line, len, "\"success\":true", 14) != NULL;
	return ERR_OK;
}

/* How many certificates one request brought. */
static size_t ask(struct storm *storm, struct connection *connection, const struct buf *request)
{
	struct answer_stream stream = {0};
	char piece[PIECE];
	ssize_t len;
	int status;

	connection->succeeded = 0;
	if (!send_all(connection, request))
		return 0;
	while (stream.part != ANSWER_COMPLETE) {
		len = receive(connection, piece, sizeof(piece));
		if (len <= 0 ||
		    answer_stream_feed(&stream, piece, (size_t)len, on_line, connection)) {
			snprintf(storm->complaint, sizeof(storm->complaint),
			    "an answer was cut or strange");
			return 0;
		}
	}
	status = stream.status;
	answer_stream_free(&stream);
	if (status != 200) {
		snprintf(storm->complaint, sizeof(storm->complaint), "status %d", status);
		return 0;
	}
	return storm->mode == MODE_EST ? 1 : connection->succeeded;
}

static void *work(void *ctx)
{
	struct storm *storm = ctx;
	struct connection connection;
	size_t mine, brought;
	int64_t began;

	connect_to(storm, &connection);
	for (;;) {
		pthread_mutex_lock(&storm->lock);
		mine = storm->next++;
		pthread_mutex_unlock(&storm->lock);
		if (mine >= storm->count)
			break;
		began = now_us();
		brought = ask(storm, &connection, &storm->requests[mine]);
		pthread_mutex_lock(&storm->lock);
		storm->done += brought;
		storm->failed += storm->rows[mine] - brought;
		storm->times_us[storm->timed++] = now_us() - began;
		pthread_mutex_unlock(&storm->lock);
	}
	https_disconnect(&connection.tls);
	return NULL;
}

static int compare_times(const void *a, const void *b)
{
	const int64_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

static void run(struct storm *storm)
{
	pthread_t *threads = calloc(storm->connections, sizeof(threads[0]));
	int64_t began = now_us(), took;
	size_t i;

	CHECK(threads != NULL);
	for (i = 0; i < storm->connections; i++)
		CHECK(pthread_create(&threads[i], NULL, work, storm) == 0);
	for (i = 0; i < storm->connections; i++)
		pthread_join(threads[i], NULL);
	took = now_us() - began;
	qsort(storm->times_us, storm->timed, sizeof(storm->times_us[0]), compare_times);
	printf("{\"seconds\":%.6f,\"done\":%zu,\"failed\":%zu,\"p50_us\":%lld,\"p99_us\":%lld}\n",
	    (double)took / 1e6, storm->done, storm->failed,
	    (long long)storm->times_us[storm->timed / 2],
	    (long long)storm->times_us[storm->timed * 99 / 100]);
	if (storm->failed)
		fprintf(stderr, "enrolstorm: %zu failed: %s\n", storm->failed, storm->complaint);
	free(threads);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"url", 1, NULL, 'u'}, {"rows", 1, NULL, 'r'},
	    {"connections", 1, NULL, 'n'}, {"batch", 1, NULL, 'b'}, {"order", 1, NULL, 'o'},
	    {"ca", 1, NULL, 'a'}, {"cert", 1, NULL, 'c'}, {"key", 1, NULL, 'k'}, {0}};
	static const char *const modes[] = {"batch", "est", "cfssl"};
	struct storm storm = {.connections = 4, .batch = 1000};
	const char *rows = NULL;
	int option, mode;

	for (mode = 0; mode < 3 && (argc < 2 || strcmp(argv[1], modes[mode]) != 0); mode++)
		;
	storm.mode = (enum mode)mode;
	optind = 2;
	while (mode < 3 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'u':
			storm.url = optarg;
			break;
		case 'r':
			rows = optarg;
			break;
		case 'n':
			storm.connections = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			storm.batch = strtoul(optarg, NULL, 10);
			break;
		case 'o':
			storm.order = optarg;
			break;
		case 'a':
			storm.ca = optarg;
			break;
		case 'c':
			storm.cert = optarg;
			break;
		case 'k':
			storm.key = optarg;
			break;
		default:
			return 64;
		}
	}
	if (mode == 3 || !storm.url || !rows || !storm.connections || !storm.batch) {
		fputs("usage: enrolstorm batch|est|cfssl --url URL --rows FILE [...]\n", stderr);
		return 64;
	}
	CHECK(pthread_mutex_init(&storm.lock, NULL) == 0);
	read_rows(&storm, rows);
	run(&storm);
	return storm.failed ? 1 : 0;
}
