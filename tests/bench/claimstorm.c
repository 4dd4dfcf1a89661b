/*
 * An ITSP's worth of claims, one phone a request, sent as fast as a portal answers them on
 * kept-alive TLS connections: one thread each, which waits for its answer before it asks again.
 *
 * Test tool. It costs next to nothing beside what it measures, as pgbench does: a client that needs
 * more than the server would be what is measured. Requests are made before the clock starts.
 *
 * Usage: claimstorm --url https://HOST:PORT --ca FILE --token T --profile ID --code LABEL
 *          --first MAC --count N [--connections N]
 * Prints {"seconds","done","failed","p50_us","p99_us"}; done are those answered with 201.
 */
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/buf.h"
#include "factory-ca/commands/https_client.h"
#include "factory-ca/line/answer_stream.h"

enum { PIECE = 16 * 1024 };

struct storm {
	const char *url, *ca, *token, *profile, *code;
	uint64_t first;
	size_t count, connections;
	struct buf *requests; /* whole ones, head and body */
	int64_t *times_us;
	atomic_size_t next, done;
	atomic_int strange_status;
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void make_requests(struct storm *storm)
{
	const char *host = strstr(storm->url, "://") + 3;
	struct buf body = {0};

	buf_printf(
	    &body, "{\"claim_code\":\"%s\",\"profile_id\":\"%s\"}", storm->code, storm->profile);
	storm->requests = calloc(storm->count, sizeof(storm->requests[0]));
	storm->times_us = calloc(storm->count, sizeof(storm->times_us[0]));
	CHECK(storm->requests != NULL && storm->times_us != NULL);
	for (size_t i = 0; i < storm->count; i++)
		buf_printf(&storm->requests[i],
		    "PUT /v1/claims/%012llX HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    (unsigned long long)(storm->first + i), host, storm->token, body.len,
		    (const char *)body.bytes);
	buf_free(&body);
}

static void connect_to(const struct storm *storm, struct https_connection *connection)
{
	char why[HTTPS_WHY_LEN];
	int one = 1;

	if (https_connect(storm->url, storm->ca, NULL, connection, why) != ERR_OK) {
		fprintf(stderr, "claimstorm: %s\n", why);
		exit(69);
	}
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static enum err on_line(const char *line, size_t len, void *ctx)
{
	(void)line;
	(void)len;
	(void)ctx;
	return ERR_OK;
}

/* The answer's status; 0 when there is none. `closes` when it is the last on this connection. */
static int ask(const struct https_connection *connection, const struct buf *request, int *closes)
{
	struct answer_stream stream = {0};
	char piece[PIECE];
	int len, status;

	if (SSL_write(connection->ssl, request->bytes, (int)request->len) <= 0)
		return 0;
	while (stream.part != ANSWER_COMPLETE) {
		len = SSL_read(connection->ssl, piece, sizeof(piece));
		if (len <= 0 || answer_stream_feed(&stream, piece, (size_t)len, on_line, NULL))
			return 0;
		*closes |= memmem(piece, (size_t)len, "\r\nConnection: close\r\n", 21) != NULL;
	}
	status = stream.status;
	answer_stream_free(&stream);
	return status;
}

static void *work(void *ctx)
{
	struct storm *storm = ctx;
	struct https_connection connection;
	size_t mine;

	connect_to(storm, &connection);
	while ((mine = atomic_fetch_add(&storm->next, 1)) < storm->count) {
		int64_t began = now_us();
		int closes = 0, status = ask(&connection, &storm->requests[mine], &closes);

		storm->times_us[mine] = now_us() - began;
		if (status == 201)
			atomic_fetch_add(&storm->done, 1);
		else
			atomic_store(&storm->strange_status, status);
		if (status == 0)
			break;
		if (closes) {
			https_disconnect(&connection);
			connect_to(storm, &connection);
		}
	}
	https_disconnect(&connection);
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
	size_t failed;

	CHECK(threads != NULL);
	for (size_t i = 0; i < storm->connections; i++)
		CHECK(pthread_create(&threads[i], NULL, work, storm) == 0);
	for (size_t i = 0; i < storm->connections; i++)
		pthread_join(threads[i], NULL);
	took = now_us() - began;
	failed = storm->count - storm->done;
	qsort(storm->times_us, storm->count, sizeof(storm->times_us[0]), compare_times);
	printf("{\"seconds\":%.6f,\"done\":%zu,\"failed\":%zu,\"p50_us\":%lld,\"p99_us\":%lld}\n",
	    (double)took / 1e6, storm->done, failed, (long long)storm->times_us[storm->count / 2],
	    (long long)storm->times_us[storm->count * 99 / 100]);
	if (failed)
		fprintf(stderr, "claimstorm: %zu failed, one with status %d\n", failed,
		    storm->strange_status);
	free(threads);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"url", 1, NULL, 'u'}, {"ca", 1, NULL, 'a'},
	    {"token", 1, NULL, 't'}, {"profile", 1, NULL, 'p'}, {"code", 1, NULL, 'c'},
	    {"first", 1, NULL, 'f'}, {"count", 1, NULL, 'n'}, {"connections", 1, NULL, 'k'}, {0}};
	struct storm storm = {.connections = 8};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'u':
			storm.url = optarg;
			break;
		case 'a':
			storm.ca = optarg;
			break;
		case 't':
			storm.token = optarg;
			break;
		case 'p':
			storm.profile = optarg;
			break;
		case 'c':
			storm.code = optarg;
			break;
		case 'f':
			storm.first = strtoull(optarg, NULL, 16);
			break;
		case 'n':
			storm.count = strtoul(optarg, NULL, 10);
			break;
		case 'k':
			storm.connections = strtoul(optarg, NULL, 10);
			break;
		default:
			return 64;
		}
	}
	if (!storm.url || !storm.ca || !storm.token || !storm.profile || !storm.code ||
	    storm.count == 0 || storm.connections == 0) {
		fputs("usage: claimstorm --url URL --ca FILE --token T --profile ID --code LABEL "
		      "--first MAC --count N [--connections N]\n",
		    stderr);
		return 64;
	}
	make_requests(&storm);
	run(&storm);
	for (size_t i = 0; i < storm.count; i++)
		buf_free(&storm.requests[i]);
	free(storm.requests);
	free(storm.times_us);
	return storm.done == storm.count ? 0 : 1;
}
