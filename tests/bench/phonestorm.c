/*
 * A fleet of phones at their first boot: each opens TLS with a certificate of its own, asks for its
 * file, reads the answer to its end and goes.
 *
 * Test tool; run by a bench or by hand, trusted. One thread, one epoll. Closed loop: --connections
 * phones at any time. Open loop: --rate phones a second, however slow the answers are; latency then
 * counts from when a phone should have come. --hold opens connections, finishes the handshake and
 * keeps them until its standard input ends. Prints a JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/mac.h"
#include "common/base/text.h"
#include "tests/bench/fleet.h"

enum { ANSWER_MAX = 16 * 1024, EVENTS_MAX = 256, STATUS_MAX = 600 };

static const char HELP[] =
    "usage: phonestorm --fleet DIR --port N [options]\n"
    "\n"
    "  --requests N     phones that come (10000)\n"
    "  --connections N  closed loop: that many at once (64)\n"
    "  --rate N         open loop instead: that many a second\n"
    "  --skip N         begins with the N-th phone of the fleet\n"
    "  --hold           keeps the connections after the handshake until standard input ends\n"
    "  --reset          resets the connection in the middle of its request\n"
    "  --tls 1.2|1.3    (1.3)\n"
    "  --path TEXT      {mac} is the phone's (/{mac}.cfg)\n"
    "  --leaf-only      phones do not send their issuer's certificate\n"
    "  --deadline N     seconds for one phone (30)\n";

struct options {
	const char *fleet, *path;
	int port, hold, reset, leaf_only, tls;
	size_t requests, connections, skip;
	double rate;
	int64_t deadline_us;
};

struct phone {
	X509 *certificate;
	EVP_PKEY *key;
	char mac[MAC_TEXT_LEN + 1];
};

enum phase { PHASE_CONNECT, PHASE_HANDSHAKE, PHASE_SEND, PHASE_READ, PHASE_HELD };

/* A phone on its way. */
struct visit {
	struct visit *next_free;
	int fd;
	SSL *ssl;
	const struct phone *phone;
	enum phase phase;
	uint32_t armed;
	int64_t due_us; /* when it should have come */
	char request[512];
	char answer[64]; /* its beginning */
	size_t answer_len;
};

struct storm {
	struct options options;
	struct phone *phones;
	size_t phone_count;
	SSL_CTX *tls;
	int epoll;
	struct visit *visits, *free;
	size_t visit_count, open, most_open, begun, done;
	int64_t begun_us;
	int64_t *latencies_us;
	size_t served, held;
	size_t statuses[STATUS_MAX];
	size_t failed_connect, failed_handshake, failed_answer, failed_late;
};

static int64_t now_us(void)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void load_fleet(struct storm *storm)
{
	struct buf file = {.max = FLEET_FILE_MAX}, list = {.max = FLEET_FILE_MAX};
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", storm->options.fleet, FLEET_FILE);
	if (file_read(path, FLEET_FILE_MAX, &file) != ERR_OK) {
		perror(path);
		exit(66);
	}
	snprintf(path, sizeof path, "%s/%s", storm->options.fleet, FLEET_LIST);
	CHECK(file_read(path, FLEET_FILE_MAX, &list) == ERR_OK);
	struct cursor cursor = cursor_of(file.bytes, file.len);
	char *line = (char *)list.bytes;
	for (; cursor_left(&cursor) > 0; storm->phone_count++) {
		storm->phones =
		    realloc(storm->phones, (storm->phone_count + 1) * sizeof *storm->phones);
		CHECK(storm->phones != NULL);
		struct phone *phone = &storm->phones[storm->phone_count];
		long len = cursor_u32(&cursor);
		const unsigned char *der = cursor_bytes(&cursor, (size_t)len);
		phone->certificate = d2i_X509(NULL, &der, len);
		len = cursor_u32(&cursor);
		der = cursor_bytes(&cursor, (size_t)len);
		phone->key = d2i_AutoPrivateKey(NULL, &der, len);
		CHECK(phone->certificate != NULL && phone->key != NULL && line != NULL);
		for (size_t i = 0; i < MAC_TEXT_LEN; i++)
			phone->mac[i] = line[i] >= 'A' ? (char)(line[i] | 0x20) : line[i];
		phone->mac[MAC_TEXT_LEN] = '\0';
		line = strchr(line, '\n') + 1;
	}
	CHECK(storm->phone_count > 0);
	buf_wipe(&file);
	buf_free(&list);
}

static void make_tls(struct storm *storm)
{
	int version = storm->options.tls;
	char path[4096];

	storm->tls = SSL_CTX_new(TLS_client_method());
	CHECK(storm->tls != NULL);
	SSL_CTX_set_min_proto_version(storm->tls, version);
	SSL_CTX_set_max_proto_version(storm->tls, version);
	SSL_CTX_set_session_cache_mode(storm->tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(storm->tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(storm->tls, SSL_VERIFY_NONE, NULL);
	if (storm->options.leaf_only)
		return;
	snprintf(path, sizeof path, "%s/%s", storm->options.fleet, FLEET_ISSUING);
	BIO *bio = BIO_new_file(path, "r");
	CHECK(bio != NULL);
	X509 *issuing = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	CHECK(issuing != NULL && SSL_CTX_add_extra_chain_cert(storm->tls, issuing) == 1);
	BIO_free(bio);
}

static void visit_end(struct storm *storm, struct visit *visit)
{
	SSL_free(visit->ssl);
	if (visit->fd >= 0)
		close(visit->fd);
	visit->fd = -1;
	visit->ssl = NULL;
	visit->next_free = storm->free;
	storm->free = visit;
	storm->open--;
	storm->done++;
}

static void visit_fail(struct storm *storm, struct visit *visit, size_t *count)
{
	(*count)++;
	ERR_clear_error();
	visit_end(storm, visit);
}

/* The answer is complete: the server has closed after it. */
static void visit_served(struct storm *storm, struct visit *visit)
{
	unsigned status = 0;

	visit->answer[visit->answer_len] = '\0';
	if (sscanf(visit->answer, "HTTP/1.1 %3u", &status) != 1 || status >= STATUS_MAX) {
		visit_fail(storm, visit, &storm->failed_answer);
		return;
	}
	storm->statuses[status]++;
	storm->latencies_us[storm->served++] = now_us() - visit->due_us;
	visit_end(storm, visit);
}

static void visit_arm(const struct storm *storm, struct visit *visit, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = visit};

	if (visit->armed == events)
		return;
	CHECK(epoll_ctl(storm->epoll, visit->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, visit->fd,
		  &event) == 0);
	visit->armed = events;
}

/* After a call of OpenSSL that did not finish: waits, or says that it failed (0). */
static int visit_wait(const struct storm *storm, struct visit *visit, int result)
{
	int error = SSL_get_error(visit->ssl, result);

	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		return 0;
	visit_arm(storm, visit, error == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN);
	return 1;
}

static void visit_read(struct storm *storm, struct visit *visit)
{
	char bytes[ANSWER_MAX];
	int len;

	while ((len = SSL_read(visit->ssl, bytes, sizeof bytes)) > 0) {
		size_t room = sizeof visit->answer - 1 - visit->answer_len;
		size_t kept = (size_t)len < room ? (size_t)len : room;
		memcpy(visit->answer + visit->answer_len, bytes, kept);
		visit->answer_len += kept;
	}
	if (SSL_get_error(visit->ssl, len) == SSL_ERROR_ZERO_RETURN && visit->answer_len > 0)
		visit_served(storm, visit);
	else if (!visit_wait(storm, visit, len))
		visit_fail(storm, visit, &storm->failed_answer);
}

static void visit_handshaken(struct storm *storm, struct visit *visit)
{
	if (storm->options.hold) {
		visit->phase = PHASE_HELD;
		storm->latencies_us[storm->served++] = now_us() - visit->due_us;
		storm->held++;
		visit_arm(storm, visit, EPOLLRDHUP);
		return;
	}
	visit->phase = PHASE_SEND;
}

/* Half a request, and RST instead of the rest. */
static void visit_reset(struct storm *storm, struct visit *visit)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void)SSL_write(visit->ssl, visit->request, (int)strlen(visit->request) / 2);
	(void)setsockopt(visit->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	storm->latencies_us[storm->served++] = now_us() - visit->due_us;
	visit_end(storm, visit);
}

static void visit_go_on(struct storm *storm, struct visit *visit)
{
	int result = 0;

	ERR_clear_error();
	if (visit->phase == PHASE_CONNECT) {
		socklen_t size = sizeof result;
		CHECK(getsockopt(visit->fd, SOL_SOCKET, SO_ERROR, &result, &size) == 0);
		if (result != 0) {
			visit_fail(storm, visit, &storm->failed_connect);
			return;
		}
		visit->phase = PHASE_HANDSHAKE;
	}
	if (visit->phase == PHASE_HANDSHAKE) {
		result = SSL_connect(visit->ssl);
		if (result == 1)
			visit_handshaken(storm, visit);
		else if (!visit_wait(storm, visit, result))
			visit_fail(storm, visit, &storm->failed_handshake);
	}
	if (visit->phase == PHASE_SEND && visit->ssl != NULL && storm->options.reset) {
		visit_reset(storm, visit);
		return;
	}
	if (visit->phase == PHASE_SEND && visit->ssl != NULL) {
		result = SSL_write(visit->ssl, visit->request, (int)strlen(visit->request));
		if (result > 0)
			visit->phase = PHASE_READ;
		else if (!visit_wait(storm, visit, result))
			visit_fail(storm, visit, &storm->failed_answer);
	}
	if (visit->phase == PHASE_READ && visit->ssl != NULL)
		visit_read(storm, visit);
}

static void write_request(const struct storm *storm, struct visit *visit)
{
	const char *path = storm->options.path, *field = strstr(path, "{mac}");
	int before = field != NULL ? (int)(field - path) : (int)strlen(path);

	snprintf(visit->request, sizeof visit->request,
	    "GET %.*s%s%s HTTP/1.1\r\nHost: redirector.example\r\nUser-Agent: phonestorm\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n",
	    before, path, field != NULL ? visit->phone->mac : "", field != NULL ? field + 5 : "");
}

static void visit_begin(struct storm *storm, int64_t due_us)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)storm->options.port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct visit *visit = storm->free;
	int on = 1;

	CHECK(visit != NULL);
	storm->free = visit->next_free;
	storm->open++;
	storm->most_open = storm->open > storm->most_open ? storm->open : storm->most_open;
	*visit = (struct visit){.due_us = due_us, .fd = -1};
	visit->phone = &storm->phones[(storm->options.skip + storm->begun++) % storm->phone_count];
	write_request(storm, visit);
	visit->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (visit->fd < 0) {
		visit_fail(storm, visit, &storm->failed_connect);
		return;
	}
	(void)setsockopt(visit->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	visit->ssl = SSL_new(storm->tls);
	CHECK(visit->ssl != NULL && SSL_set_fd(visit->ssl, visit->fd) == 1);
	CHECK(SSL_use_certificate(visit->ssl, visit->phone->certificate) == 1);
	CHECK(SSL_use_PrivateKey(visit->ssl, visit->phone->key) == 1);
	if (connect(visit->fd, (struct sockaddr *)&address, sizeof address) != 0 &&
	    errno != EINPROGRESS) {
		visit_fail(storm, visit, &storm->failed_connect);
		return;
	}
	visit_arm(storm, visit, EPOLLOUT);
}

/* Lets in whoever is due; milliseconds until the next one is, or -1. */
static int begin_due(struct storm *storm)
{
	const struct options *options = &storm->options;

	if (options->rate <= 0) {
		while (storm->begun < options->requests &&
		       storm->open - storm->held < options->connections)
			visit_begin(storm, now_us());
		return -1;
	}
	while (storm->begun < options->requests) {
		int64_t due_us =
		    storm->begun_us + (int64_t)((double)storm->begun * 1e6 / options->rate);
		int64_t wait_us = due_us - now_us();
		if (wait_us > 0)
			return (int)(wait_us / 1000);
		visit_begin(storm, due_us);
	}
	return -1;
}

static void give_up_late(struct storm *storm)
{
	int64_t oldest_us = now_us() - storm->options.deadline_us;

	for (size_t i = 0; i < storm->visit_count; i++) {
		struct visit *visit = &storm->visits[i];
		if (visit->fd >= 0 && visit->phase != PHASE_HELD && visit->due_us < oldest_us)
			visit_fail(storm, visit, &storm->failed_late);
	}
}

static void run(struct storm *storm)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t looked_us = now_us();

	storm->begun_us = looked_us;
	while (storm->done + storm->held < storm->options.requests) {
		int wait_ms = begin_due(storm);
		int count = epoll_wait(storm->epoll, events, EVENTS_MAX,
		    wait_ms < 0 || wait_ms > 1000 ? 1000 : wait_ms);
		for (int i = 0; i < count; i++) {
			struct visit *visit = events[i].data.ptr;
			if (visit->fd >= 0 && visit->phase != PHASE_HELD)
				visit_go_on(storm, visit);
		}
		if (now_us() - looked_us > 1000000) {
			looked_us = now_us();
			give_up_late(storm);
		}
	}
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static int64_t quantile_us(const struct storm *storm, double share)
{
	return storm->served == 0
		   ? 0
		   : storm->latencies_us[(size_t)((double)(storm->served - 1) * share)];
}

static void report(struct storm *storm)
{
	double seconds = (double)(now_us() - storm->begun_us) / 1e6;
	struct rusage used;

	CHECK(getrusage(RUSAGE_SELF, &used) == 0);
	qsort(storm->latencies_us, storm->served, sizeof *storm->latencies_us, compare);
	printf("{\"requests\": %zu, \"served\": %zu, \"seconds\": %.3f, \"per_s\": %.1f, "
	       "\"most_open\": %zu, \"p50_us\": %ld, \"p90_us\": %ld, \"p99_us\": %ld, \"max_us\": "
	       "%ld, "
	       "\"failed_connect\": %zu, \"failed_handshake\": %zu, \"failed_answer\": %zu, "
	       "\"failed_late\": %zu, \"client_cpu_s\": %.3f, \"statuses\": {",
	    storm->options.requests, storm->served, seconds, (double)storm->served / seconds,
	    storm->most_open, quantile_us(storm, 0.5), quantile_us(storm, 0.9),
	    quantile_us(storm, 0.99), quantile_us(storm, 1), storm->failed_connect,
	    storm->failed_handshake, storm->failed_answer, storm->failed_late,
	    (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	const char *comma = "";
	for (size_t status = 0; status < STATUS_MAX; status++) {
		if (storm->statuses[status] > 0) {
			printf("%s\"%zu\": %zu", comma, status, storm->statuses[status]);
			comma = ", ";
		}
	}
	puts("}}");
	fflush(stdout);
}

static _Noreturn void usage(int status)
{
	fputs(HELP, status == 0 ? stdout : stderr);
	exit(status);
}

static void read_options(int argc, char **argv, struct options *options)
{
	static const struct option words[] = {{"fleet", required_argument, NULL, 'f'},
	    {"port", required_argument, NULL, 'p'}, {"requests", required_argument, NULL, 'n'},
	    {"connections", required_argument, NULL, 'c'}, {"rate", required_argument, NULL, 'r'},
	    {"skip", required_argument, NULL, 's'}, {"hold", no_argument, NULL, 'o'},
	    {"reset", no_argument, NULL, 'x'}, {"tls", required_argument, NULL, 't'},
	    {"path", required_argument, NULL, 'a'}, {"leaf-only", no_argument, NULL, 'l'},
	    {"deadline", required_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'}, {0}};
	int option = 0;

	while ((option = getopt_long(argc, argv, "", words, NULL)) != -1) {
		switch (option) {
		case 'f':
			options->fleet = optarg;
			break;
		case 'p':
			options->port = atoi(optarg);
			break;
		case 'n':
			options->requests = strtoul(optarg, NULL, 10);
			break;
		case 'c':
			options->connections = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			options->rate = strtod(optarg, NULL);
			break;
		case 's':
			options->skip = strtoul(optarg, NULL, 10);
			break;
		case 'o':
			options->hold = 1;
			break;
		case 'x':
			options->reset = 1;
			break;
		case 't':
			options->tls = strcmp(optarg, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
			break;
		case 'a':
			options->path = optarg;
			break;
		case 'l':
			options->leaf_only = 1;
			break;
		case 'd':
			options->deadline_us = atol(optarg) * 1000000L;
			break;
		case 'h':
			usage(0);
		default:
			usage(64);
		}
	}
	if (options->fleet == NULL || options->port == 0 || options->requests == 0 ||
	    options->connections == 0 || optind != argc)
		usage(64);
}

int main(int argc, char **argv)
{
	struct storm storm = {.options = {.path = "/{mac}.cfg",
				  .tls = TLS1_3_VERSION,
				  .requests = 10000,
				  .connections = 64,
				  .deadline_us = 30 * 1000000L}};
	char end;

	read_options(argc, argv, &storm.options);
	(void)signal(SIGPIPE, SIG_IGN); /* a server that cuts is counted */
	load_fleet(&storm);
	make_tls(&storm);
	storm.visit_count = storm.options.rate > 0 || storm.options.hold
				? storm.options.requests
				: storm.options.connections;
	storm.visits = calloc(storm.visit_count, sizeof *storm.visits);
	storm.latencies_us = calloc(storm.options.requests, sizeof *storm.latencies_us);
	storm.epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(storm.visits != NULL && storm.latencies_us != NULL && storm.epoll >= 0);
	for (size_t i = 0; i < storm.visit_count; i++) {
		storm.visits[i].fd = -1;
		storm.visits[i].next_free = storm.free;
		storm.free = &storm.visits[i];
	}
	run(&storm);
	report(&storm);
	if (storm.options.hold) {
		while (read(STDIN_FILENO, &end, 1) > 0)
			;
	}
	return storm.failed_connect + storm.failed_handshake + storm.failed_answer +
		   storm.failed_late >
	       0;
}
