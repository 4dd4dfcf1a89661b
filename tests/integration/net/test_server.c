/*
 * The server on real sockets with real TLS: what its peers see, whatever they do.
 *
 * Each test runs a small server in a child process and is its client. What the server counted is
 * read from shared memory; its log goes to a file that is shown when something fails.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/server.h"
#include "common/net/workers.h"
#include "common/pki/tls_policy.h"
#include "tests/lib/certificates.h"
#include "tests/lib/test_client.h"
#include "tests/lib/unit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

enum { STREAM_MAX = 64 * 1024 * 1024 };

/* What the server did, told through shared memory. */
struct seen {
	_Atomic int requests, released, closed, drained;
	_Atomic int refused[SERVER_REFUSED_COUNT];
	_Atomic long connections;
	char detail[64]; /* of the last refusal */
};

struct setup {
	enum server_transport transport;
	enum tls_client_auth client_auth;
	enum server_proxy proxy;
	struct server_limits limits;
	unsigned descriptors; /* RLIMIT_NOFILE of the server; 0: as it is */
	int refuse_handshake;
};

static char root[32], folder[64]; /* of the whole run, and of the test in hand */
static struct seen *seen;
static pid_t server_pid;
static int port;

/* The server's side. */

struct daemon {
	struct event_base *base;
	struct server *server;
	const struct setup *setup;
};

static void release_data(void *data)
{
	free(data);
	seen->released++;
}

static void on_gone(struct exchange *exchange, void *ctx)
{
	(void)ctx;
	seen->closed++;
	ck_assert_int_eq(exchange_is_closed(exchange), 1);
	exchange_end(exchange, 0);
}

static void answer_text(struct exchange *exchange, int status, const char *text)
{
	struct server_answer answer = {
	    .status = status, .content_type = "text/plain", .body = text, .body_len = strlen(text)};
	exchange_answer(exchange, &answer);
}

static void answer_big(struct exchange *exchange)
{
	char text[16];
	ck_assert_int_eq(http1_query(exchange_head(exchange), "n", text, sizeof(text)), ERR_OK);
	size_t len = strtoul(text, NULL, 10);
	char *body = malloc(len + 1);
	memset(body, 'x', len);
	struct server_answer answer = {.status = 200, .body = body, .body_len = len};
	exchange_answer(exchange, &answer);
	free(body);
}

static void answer_who(struct exchange *exchange)
{
	const struct server_peer *peer = exchange_peer(exchange);
	char text[256], name[128] = "none";
	if (peer->certificate != NULL)
		X509_NAME_oneline(X509_get_subject_name(peer->certificate), name, sizeof(name));
	snprintf(text, sizeof(text), "%s %s %s %x", peer->text, name,
	    peer->verify_result == X509_V_OK ? "verified" : "unverified",
	    (unsigned)peer->tls_version);
	answer_text(exchange, 200, text);
}

static void on_whole_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	struct server_answer answer = {.status = 200, .body = body, .body_len = len};
	(void)ctx;
	exchange_answer(exchange, &answer);
}

static void on_piece(struct exchange *exchange, const char *piece, size_t len, void *ctx)
{
	(void)ctx;
	exchange_extend_deadline(exchange, 2000);
	if (len == 0)
		exchange_end(exchange, 1);
	else
		(void)exchange_write(exchange, piece, len);
}

static void on_piece_paced(struct exchange *exchange, const char *piece, size_t len, void *ctx)
{
	on_piece(exchange, piece, len, ctx);
	if (len > 0 && exchange_unsent(exchange) > 256 * 1024)
		exchange_pause(exchange);
}

static void on_paced_sent(struct exchange *exchange, void *ctx)
{
	(void)ctx;
	exchange_resume(exchange);
}

static void begin_echo(struct exchange *exchange, exchange_body_fn *on_each)
{
	struct server_answer answer = {.status = 200};
	exchange_on_close(exchange, on_gone, NULL);
	exchange_begin(exchange, &answer);
	exchange_stream_body(exchange, STREAM_MAX, on_each, NULL);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answer_text(arg, 200, "later");
}

static void answer_later(struct daemon *daemon, struct exchange *exchange)
{
	char text[16];
	ck_assert_int_eq(http1_query(exchange_head(exchange), "ms", text, sizeof(text)), ERR_OK);
	long ms = strtol(text, NULL, 10);
	struct timeval delay = {ms / 1000, (ms % 1000) * 1000};
	event_base_once(daemon->base, -1, EV_TIMEOUT, on_later, exchange, &delay);
}

static void answer_cut(struct exchange *exchange)
{
	struct server_answer answer = {.status = 200};
	exchange_begin(exchange, &answer);
	(void)exchange_write(exchange, "half", 4);
	exchange_end(exchange, 0);
}

static void on_request(struct exchange *exchange, void *ctx)
{
	struct daemon *daemon = ctx;
	struct span path = exchange_head(exchange)->path;
	seen->requests++;
	seen->connections = (long)server_connections(daemon->server);
	exchange_set_data(exchange, malloc(10), release_data);
	if (span_equal(path, "/hello"))
		answer_text(exchange, 200, "hello");
	else if (span_equal(path, "/big"))
		answer_big(exchange);
	else if (span_equal(path, "/who"))
		answer_who(exchange);
	else if (span_equal(path, "/echo"))
		exchange_read_body(exchange, 1024 * 1024, on_whole_body, NULL);
	else if (span_equal(path, "/stream"))
		begin_echo(exchange, on_piece);
	else if (span_equal(path, "/paced")) {
		exchange_on_sent(exchange, on_paced_sent, NULL);
		begin_echo(exchange, on_piece_paced);
	} else if (span_equal(path, "/later"))
		answer_later(daemon, exchange);
	else if (span_equal(path, "/never"))
		exchange_on_close(exchange, on_gone, NULL);
	else if (span_equal(path, "/cut"))
		answer_cut(exchange);
	else
		answer_text(exchange, 404, "");
}

static enum server_verdict on_handshake(const struct server_peer *peer, void *ctx)
{
	const struct daemon *daemon = ctx;
	(void)peer;
	return !daemon->setup->refuse_handshake;
}

static void on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx)
{
	(void)peer;
	(void)ctx;
	snprintf(seen->detail, sizeof(seen->detail), "%s", detail);
	seen->refused[refusal]++;
}

static void on_drained(void *ctx)
{
	(void)ctx;
	seen->drained++;
}

static void on_drain(void *ctx)
{
	struct daemon *daemon = ctx;
	server_on_drained(daemon->server, on_drained, daemon);
	server_drain(daemon->server);
}

static void path_of(char path[256], const char *name)
{
	snprintf(path, 256, "%s/%s", folder, name);
}

/* NAME.pem and NAME.key in the test's folder. */
static X509 *issue(
    const char *name, const struct recipe *recipe, X509 *issuer, EVP_PKEY *issuer_key)
{
	char path[256], file[64];
	X509 *made = certificate_make(recipe, issuer, issuer_key);
	snprintf(file, sizeof(file), "%s.pem", name);
	path_of(path, file);
	certificate_write(path, made, NULL);
	snprintf(file, sizeof(file), "%s.key", name);
	path_of(path, file);
	key_write(path, 0600, recipe->key, NULL);
	return made;
}

/* A CA with what it issued, and a stranger's with the same names. */
static void make_pki(void)
{
	EVP_PKEY *key = key_make("p256"), *ca_key = key_make("p256"),
		 *stranger_key = key_make("p256");
	struct recipe ca = {.common_names = {"Test CA"},
	    .basic_constraints = "critical,CA:TRUE",
	    .key_usage = "critical,keyCertSign,cRLSign",
	    .key = ca_key};
	struct recipe stranger_ca = ca;
	struct recipe phone = {.common_names = {"001565AABBCC"}, .key = key, PHONE_EXTENSIONS};
	struct recipe server = phone, expired = phone;
	stranger_ca.key = stranger_key;
	server.ext_key_usage = "serverAuth";
	expired.not_before_s = -7200;
	expired.not_after_s = -3600;
	X509 *made[] = {issue("ca", &ca, NULL, NULL),
	    issue("stranger-ca", &stranger_ca, NULL, NULL), NULL, NULL, NULL, NULL};
	made[2] = issue("server", &server, made[0], ca_key);
	made[3] = issue("client", &phone, made[0], ca_key);
	made[4] = issue("expired", &expired, made[0], ca_key);
	made[5] = issue("stranger", &phone, made[1], stranger_key);
	for (size_t i = 0; i < COUNT(made); i++)
		X509_free(made[i]);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(stranger_key);
}

static SSL_CTX *server_context(const struct setup *setup)
{
	char certificate[256], key[256], ca[256], why[256];
	SSL_CTX *context = NULL;
	path_of(certificate, "server.pem");
	path_of(key, "server.key");
	path_of(ca, "ca.pem");
	struct tls_key_pair pair = {certificate, key};
	struct tls_server_policy policy = {.pairs = &pair,
	    .pair_count = 1,
	    .client_auth = setup->client_auth,
	    .client_ca_path = setup->client_auth != TLS_CLIENT_NONE ? ca : NULL,
	    .check_client_purpose = 1};
	ck_assert_msg(tls_server_context(&policy, &context, why, sizeof(why)) == ERR_OK, "%s", why);
	return context;
}

static int serve(const struct setup *setup, int listen_fd)
{
	static const struct server_handler HANDLER = {
	    .on_request = on_request, .on_handshake = on_handshake, .on_refusal = on_refusal};
	struct daemon daemon = {.base = event_base_new(), .setup = setup};
	struct server_config config = {.base = daemon.base,
	    .name = "test",
	    .listen_fd = listen_fd,
	    .transport = setup->transport,
	    .tls = setup->transport == SERVER_TLS ? server_context(setup) : NULL,
	    .proxy = setup->proxy,
	    .limits = setup->limits,
	    .show_request_id = 1,
	    .handler = &HANDLER,
	    .ctx = &daemon};
	if (setup->descriptors > 0) {
		struct rlimit files = {setup->descriptors, setup->descriptors};
		CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	}
	daemon.server = server_new(&config);
	SSL_CTX_free(config.tls);
	struct worker_signals *signals = worker_signals_new(daemon.base, on_drain, &daemon);
	event_base_dispatch(daemon.base);
	worker_signals_free(signals);
	server_free(daemon.server);
	event_base_free(daemon.base);
	close(listen_fd);
	return EXIT_SUCCESS;
}

static void log_to_file(void)
{
	char path[256];
	path_of(path, "log");
	int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	log_set_fd(fd);
}

/* The test's side. */

static struct setup quick(void)
{
	return (struct setup){.transport = SERVER_TLS,
	    .limits = {.handshake_ms = 400,
		.head_ms = 400,
		.request_ms = 1000,
		.idle_ms = 700,
		.connections = 0,
		.requests_per_connection = 0}};
}

static void start(const struct setup *setup)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	char why[256];
	int listen_fd = -1;
	ck_assert_msg(
	    server_listen("127.0.0.1", 0, &listen_fd, why, sizeof(why)) == ERR_OK, "%s", why);
	ck_assert_int_eq(getsockname(listen_fd, (struct sockaddr *)&address, &len), 0);
	port = ntohs(address.sin_port);
	server_pid = fork();
	ck_assert_int_ge(server_pid, 0);
	if (server_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		log_to_file();
		exit(serve(setup, listen_fd));
	}
	close(listen_fd);
}

/* Drains the server, which must then end by itself, having given back everything. */
static void stop(void)
{
	int status = 0;
	ck_assert_int_eq(kill(server_pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(server_pid, &status, 0), server_pid);
	ck_assert_msg(
	    WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server ended with %x", status);
	ck_assert_int_eq(seen->released, seen->requests);
	ck_assert_int_eq(seen->drained, 1);
}

static const char *pki(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];
	path_of(path, name);
	return path;
}

static void open_tls(struct test_client *client)
{
	test_client_connect(client, port);
	ck_assert_int_eq(test_client_handshake(client, NULL, NULL, 0), 1);
}

/* Asks ("": has asked before) and expects that status and, unless NULL, that body. */
static void expect(struct test_client *client, const char *request, int status, const char *body)
{
	struct test_answer answer = {0};
	if (request[0] != '\0')
		ck_assert_int_eq(test_client_say(client, request), 1);
	ck_assert_int_eq(test_client_read(client, &answer, strncmp(request, "HEAD", 4) == 0), 1);
	ck_assert_int_eq(answer.status, status);
	if (body != NULL)
		ck_assert_str_eq(answer.body.len > 0 ? (const char *)answer.body.bytes : "", body);
	test_answer_free(&answer);
}

static void expect_good_client(void)
{
	struct test_client client;
	open_tls(&client);
	expect(&client, GET("/hello"), 200, "hello");
	test_client_close(&client);
}

static int64_t now_ms(void)
{
	return clock_monotonic_ms();
}

static void wait_for(_Atomic int *counter, int value)
{
	int64_t until_ms = now_ms() + 5000;
	while (*counter < value && now_ms() < until_ms)
		usleep(5000);
	ck_assert_int_ge(*counter, value);
}

static void set_up(void)
{
	snprintf(folder, sizeof(folder), "%s/XXXXXX", root);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	make_pki();
	log_to_file();
	signal(SIGPIPE, SIG_IGN);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seen, MAP_FAILED);
}

static void tear_down(void)
{
	if (server_pid > 0)
		kill(server_pid, SIGKILL);
}

/* Runs "BEFORE<root>AFTER". */
static void run_shell(const char *before, const char *after)
{
	char command[128];
	snprintf(command, sizeof(command), "%s%s%s", before, root, after);
	if (system(command) != 0)
		fprintf(stderr, "failed: %s\n", command);
}

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};

START_TEST(test_an_answer_is_one_record_then_close_notify)
{
	struct setup setup = quick();
	struct test_client client;
	struct test_answer answer = {0};
	start(&setup);
	test_client_connect(&client, port);
	ck_assert_int_eq(test_client_handshake(&client, NULL, NULL, VERSIONS[_i]), 1);
	ck_assert_int_eq(test_client_say(&client, GET_CLOSE("/hello")), 1);
	ck_assert_int_eq(test_client_read(&client, &answer, 0), 1);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_int_eq(client.data_records, 1);
	ck_assert_int_eq(strncmp(test_answer_field(&answer, "Content-Length"), "5\r", 2), 0);
	ck_assert_int_eq(strncmp(test_answer_field(&answer, "Connection"), "close\r", 6), 0);
	ck_assert_ptr_nonnull(test_answer_field(&answer, "Date"));
	ck_assert_ptr_nonnull(test_answer_field(&answer, "X-Request-Id"));
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_answer_free(&answer);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_connection_is_kept_for_further_requests)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	open_tls(&client);
	for (int i = 0; i < 3; i++)
		expect(&client, GET("/hello"), 200, "hello");
	expect(&client, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", 200, "");
	expect(&client, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "hello");
	expect(&client, "GET /hello HTTP/1.0\r\n\r\n", 200, "hello");
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_connection_ends_after_its_number_of_requests)
{
	struct setup setup = quick();
	struct test_client client;
	setup.limits.requests_per_connection = 2;
	start(&setup);
	open_tls(&client);
	expect(&client, GET("/hello"), 200, "hello");
	expect(&client, GET("/hello"), 200, "hello");
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_fifty_pipelined_are_answered_in_order)
{
	struct setup setup = quick();
	struct test_client client;
	struct buf requests = {0};
	start(&setup);
	open_tls(&client);
	for (int i = 0; i < 50; i++)
		buf_printf(&requests,
		    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d", i);
	ck_assert_int_eq(test_client_send(&client, (char *)requests.bytes, requests.len), 1);
	for (int i = 0; i < 50; i++) {
		struct test_answer answer = {0};
		char text[3];
		snprintf(text, sizeof(text), "%02d", i);
		ck_assert_int_eq(test_client_read(&client, &answer, 0), 1);
		ck_assert_str_eq((const char *)answer.body.bytes, text);
		test_answer_free(&answer);
	}
	buf_free(&requests);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_thousands_pipelined_are_answered_too)
{
	enum { COUNT = 5000 };
	struct setup setup = quick();
	struct test_client client;
	struct buf requests = {0};
	setup.limits.requests_per_connection = COUNT;
	start(&setup);
	open_tls(&client);
	for (int i = 0; i < COUNT; i++)
		buf_put_str(&requests, i < COUNT - 1 ? GET("/hello") : GET_CLOSE("/hello"));
	ck_assert_int_eq(test_client_send(&client, (char *)requests.bytes, requests.len), 1);
	while (test_client_receive(&client))
		continue;
	ck_assert_int_eq(client.clean, 1);
	ck_assert_int_eq(seen->requests, COUNT);
	buf_free(&requests);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_pipelined_behind_a_late_answer_wait_for_it)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	open_tls(&client);
	ck_assert_int_eq(test_client_say(&client, GET("/later?ms=100") GET("/hello")), 1);
	expect(&client, GET("/later?ms=50"), 200, "later");
	expect(&client, GET_CLOSE("/hello"), 200, "hello");
	expect(&client, "", 200, "later");
	expect(&client, "", 200, "hello");
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_request_may_come_in_single_bytes)
{
	struct setup setup = quick();
	struct test_client client;
	const char *request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "5\r\nhello\r\n0\r\n\r\n";
	start(&setup);
	open_tls(&client);
	for (size_t i = 0; i < strlen(request); i++)
		ck_assert_int_eq(test_client_send(&client, request + i, 1), 1);
	expect(&client, "", 200, "hello");
	test_client_close(&client);
	stop();
}
END_TEST

/* Sends bytes that never become a request, and expects to be cut off in time, with that status. */
static void expect_cut(const char *bytes, int status, const char *detail, int64_t within_ms)
{
	struct test_client client;
	struct test_answer answer = {0};
	int before = seen->refused[SERVER_REFUSED_TIMEOUT];
	open_tls(&client);
	int64_t begun_ms = now_ms();
	ck_assert_int_eq(test_client_say(&client, bytes), 1);
	usleep(100 * 1000);
	expect_good_client();
	ck_assert_int_eq(test_client_read(&client, &answer, 0), 1);
	ck_assert_int_eq(answer.status, status);
	ck_assert_int_eq(test_client_ends(&client), 1);
	ck_assert_int_le(now_ms() - begun_ms, within_ms);
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_TIMEOUT], before + 1);
	ck_assert_str_eq(seen->detail, detail);
	test_answer_free(&answer);
	test_client_close(&client);
}

START_TEST(test_slow_heads_and_bodies_are_cut_off)
{
	struct setup setup = quick();
	start(&setup);
	expect_cut("GET /hel", 408, "head", 800);
	expect_cut(
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", 408, "request", 1500);
	expect_cut("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
	    408, "request", 1500);
	expect_cut(GET("/never"), 503, "request", 1500);
	ck_assert_int_eq(seen->closed, 1);
	stop();
}
END_TEST

START_TEST(test_a_dribbled_head_is_cut_off_all_the_same)
{
	struct setup setup = quick();
	struct test_client client;
	struct test_answer answer = {0};
	start(&setup);
	open_tls(&client);
	int64_t begun_ms = now_ms();
	while (now_ms() - begun_ms < 1000 && seen->refused[SERVER_REFUSED_TIMEOUT] == 0) {
		test_client_say(&client, "G");
		usleep(50 * 1000);
	}
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_TIMEOUT], 1);
	ck_assert_int_eq(test_client_read(&client, &answer, 0), 1);
	ck_assert_int_eq(answer.status, 408);
	test_answer_free(&answer);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_silent_client_is_cut_off)
{
	struct setup setup = quick();
	struct test_client mute, idle;
	start(&setup);
	test_client_connect(&mute, port);
	open_tls(&idle);
	expect(&idle, GET("/hello"), 200, "hello");
	ck_assert_int_eq(test_client_ends(&idle), 1);
	ck_assert_int_eq(test_client_receive(&mute), 0);
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_TIMEOUT], 1);
	ck_assert_str_eq(seen->detail, "handshake");
	test_client_close(&mute);
	test_client_close(&idle);
	stop();
}
END_TEST

START_TEST(test_a_slow_reader_is_cut_off)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	open_tls(&client);
	ck_assert_int_eq(test_client_say(&client, GET("/big?n=30000000")), 1);
	usleep(200 * 1000);
	expect_good_client();
	wait_for(&seen->refused[SERVER_REFUSED_TIMEOUT], 1);
	ck_assert_str_eq(seen->detail, "write");
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_large_answer_arrives_whole)
{
	struct setup setup = quick();
	struct test_client client;
	struct test_answer answer = {0};
	start(&setup);
	open_tls(&client);
	ck_assert_int_eq(test_client_say(&client, GET("/big?n=5000000") GET("/hello")), 1);
	ck_assert_int_eq(test_client_read(&client, &answer, 0), 1);
	ck_assert_uint_eq(answer.body.len, 5000000);
	test_answer_free(&answer);
	expect(&client, "", 200, "hello");
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_too_large_bodies_are_refused_before_they_come)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	open_tls(&client);
	expect(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\nstart",
	    413, "");
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_client_close(&client);
	open_tls(&client);
	expect(&client,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	    "Content-Length: 1073741824\r\n\r\n",
	    413, "");
	test_client_close(&client);
	/* A body on a route that has none is not read; the connection ends with the answer. */
	open_tls(&client);
	expect(&client, "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart",
	    200, "hello");
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_client_close(&client);
	stop();
}
END_TEST

/* The server reads on for a while, or its reset would take the answer from the client's hands. */
START_TEST(test_a_refused_upload_can_read_why)
{
	struct setup setup = quick();
	struct test_client client;
	static char piece[16 * 1024];
	setup.transport = _i == 0 ? SERVER_PLAIN : SERVER_TLS;
	start(&setup);
	if (setup.transport == SERVER_TLS)
		open_tls(&client);
	else
		test_client_connect(&client, port);
	ck_assert_int_eq(
	    test_client_say(
		&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n"),
	    1);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(test_client_send(&client, piece, sizeof(piece)), 1);
		usleep(1000);
	}
	expect(&client, "", 413, "");
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_expect_continue_is_answered_first)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	open_tls(&client);
	expect(&client,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
	    100, NULL);
	expect(&client, "hello", 200, "hello");
	expect(&client, GET("/hello"), 200, "hello");
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_broken_requests_get_their_status_and_the_end)
{
	static const struct {
		const char *request;
		int status;
		const char *reason;
	} cases[] = {
	    {"GET / HTTP/1.1\r\n\r\n", 400, "host_missing"},
	    {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "version"},
	    {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n", 400,
		"chunk_size"},
	    {"GET / HTTP/1.1\nHost: a\n\n" GET("/hello"), 400, "bare_lf"},
	};
	struct setup setup = quick();
	start(&setup);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct test_client client;
		open_tls(&client);
		expect(&client, cases[i].request, cases[i].status, "");
		ck_assert_int_eq(test_client_ends(&client), 1);
		ck_assert_str_eq(seen->detail, cases[i].reason);
		test_client_close(&client);
	}
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_SYNTAX], 4);
	stop();
}
END_TEST

START_TEST(test_resets_in_the_middle_leave_nothing_behind)
{
	static const char *const starts[] = {
	    "GET /hel",
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhel",
	    "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhel",
	    GET("/never"),
	    GET("/later?ms=20"),
	    GET("/big?n=3000000"),
	    GET("/hello"),
	    "",
	};
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	for (int i = 0; i < 200; i++) {
		test_client_connect(&client, port);
		if (i % 9 != 8 && test_client_handshake(&client, NULL, NULL, 0))
			test_client_say(&client, starts[i % 8]);
		if (i % 2)
			usleep(1000);
		test_client_slam(&client);
	}
	expect_good_client();
	usleep(1200 * 1000);
	open_tls(&client);
	expect(&client, GET("/hello"), 200, "hello");
	ck_assert_int_eq(seen->connections, 1);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_handler_learns_that_its_client_is_gone)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	open_tls(&client);
	ck_assert_int_eq(test_client_say(&client, GET("/never")), 1);
	wait_for(&seen->requests, 1);
	test_client_slam(&client);
	wait_for(&seen->closed, 1);
	wait_for(&seen->released, 1);
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_RESET], 1);
	stop();
}
END_TEST

START_TEST(test_a_client_that_only_ends_its_side_is_answered)
{
	struct setup setup = quick();
	struct test_client client;
	setup.transport = SERVER_PLAIN;
	start(&setup);
	test_client_connect(&client, port);
	ck_assert_int_eq(test_client_say(&client, GET("/later?ms=100")), 1);
	shutdown(client.fd, SHUT_WR);
	expect(&client, "", 200, "later");
	ck_assert_int_eq(test_client_ends(&client), 1);
	test_client_close(&client);
	stop();
}
END_TEST

static void expect_echo(const char *path)
{
	enum { TOTAL = 8 * 1024 * 1024, PIECE = 8 * 1024 };
	struct setup setup = quick();
	struct test_client client;
	struct test_answer answer = {0};
	char head[128], piece[PIECE];
	int paced = strcmp(path, "/paced") == 0;
	setup.limits.request_ms = 5000;
	setup.limits.idle_ms = 5000;
	start(&setup);
	open_tls(&client);
	snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
	    path, TOTAL);
	ck_assert_int_eq(test_client_say(&client, head), 1);
	memset(piece, 'y', sizeof(piece));
	pid_t writer = -1;
	if (paced) {
		/* With a paced server somebody must read meanwhile: let the kernel hold the writer.
		 */
		ck_assert_int_eq(test_client_send(&client, piece, PIECE), 1);
	}
	for (int sent = paced ? PIECE : 0; sent < TOTAL; sent += PIECE) {
		ck_assert_int_eq(test_client_send(&client, piece, PIECE), 1);
		if (paced)
			ck_assert_int_eq(test_client_receive(&client), 1);
	}
	(void)writer;
	ck_assert_int_eq(test_client_read(&client, &answer, 0), 1);
	ck_assert_uint_eq(answer.body.len, TOTAL);
	test_answer_free(&answer);
	expect(&client, GET("/hello"), 200, "hello");
	test_client_close(&client);
	stop();
}

/* The client writes everything before it reads anything: the server must not stop reading. */
START_TEST(test_a_stream_is_read_while_it_is_answered)
{
	expect_echo("/stream");
}
END_TEST

START_TEST(test_a_paced_stream_pauses_and_goes_on)
{
	expect_echo("/paced");
}
END_TEST

START_TEST(test_a_stream_handler_learns_of_a_broken_body)
{
	static const char *const bodies[] = {
	    "Content-Length: 100000000\r\n\r\nhello",
	    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n+5\r\nhello\r\n",
	};
	struct setup setup = quick();
	start(&setup);
	for (int i = 0; i < 2; i++) {
		struct test_client client;
		struct test_answer answer = {0};
		open_tls(&client);
		int64_t begun_ms = now_ms();
		test_client_say(&client, "POST /stream HTTP/1.1\r\nHost: a\r\n");
		ck_assert_int_eq(test_client_say(&client, bodies[i]), 1);
		ck_assert_int_eq(test_client_read(&client, &answer, 0), 0);
		ck_assert_int_eq(client.clean, 0);
		wait_for(&seen->closed, i + 1);
		ck_assert_int_le(now_ms() - begun_ms, 1000);
		test_answer_free(&answer);
		test_client_close(&client);
	}
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_SYNTAX], 2);
	stop();
}
END_TEST

START_TEST(test_streams_for_old_clients_end_with_the_connection)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	open_tls(&client);
	expect(&client, "POST /stream HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
	ck_assert_int_eq(client.clean, 1);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_cut_stream_is_seen_to_be_cut)
{
	struct setup setup = quick();
	struct test_client client;
	struct test_answer answer = {0};
	start(&setup);
	open_tls(&client);
	ck_assert_int_eq(test_client_say(&client, GET("/cut")), 1);
	ck_assert_int_eq(test_client_read(&client, &answer, 0), 0);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq((const char *)answer.body.bytes, "half");
	ck_assert_int_eq(client.clean, 0);
	test_answer_free(&answer);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_nothing_in_plain_text_leaves_a_tls_listener)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	test_client_connect(&client, port);
	ck_assert_int_eq(test_client_say(&client, GET("/hello")), 1);
	while (test_client_receive(&client))
		continue;
	/* A TLS alert at most. */
	ck_assert_uint_le(client.got.len, 7);
	if (client.got.len > 0)
		ck_assert_int_eq(client.got.bytes[0], 0x15);
	ck_assert_int_eq(seen->requests, 0);
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_HANDSHAKE], 1);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_tls_server_without_its_context_aborts)
{
	struct server_handler handler = {.on_request = on_request};
	struct server_config config = {.base = event_base_new(),
	    .name = "test",
	    .listen_fd = 0,
	    .transport = SERVER_TLS,
	    .handler = &handler};
	server_new(&config);
}
END_TEST

/* Whether a client with that certificate gets any HTTP answer, and what /who says then. */
static int is_answered(const char *certificate, int version, const char *who)
{
	struct test_client client;
	struct test_answer answer = {0};
	char key[64] = "", pem[64] = "";
	int answered = 0;
	if (certificate != NULL) {
		snprintf(pem, sizeof(pem), "%s.pem", certificate);
		snprintf(key, sizeof(key), "%s.key", certificate);
	}
	test_client_connect(&client, port);
	if (test_client_handshake(
		&client, certificate != NULL ? pki(pem) : NULL, pki(key), version) &&
	    test_client_say(&client, GET_CLOSE("/who")))
		answered = test_client_read(&client, &answer, 0);
	if (answered && who != NULL)
		ck_assert_ptr_nonnull(strstr((const char *)answer.body.bytes, who));
	test_answer_free(&answer);
	test_client_close(&client);
	return answered;
}

START_TEST(test_a_client_certificate_may_be_required)
{
	struct setup setup = quick();
	setup.client_auth = TLS_CLIENT_REQUIRED;
	start(&setup);
	ck_assert_int_eq(
	    is_answered("client", VERSIONS[_i], "127.0.0.1 /O=Example/CN=001565AABBCC verified"),
	    1);
	ck_assert_int_eq(is_answered(NULL, VERSIONS[_i], NULL), 0);
	wait_for(&seen->refused[SERVER_REFUSED_CERTIFICATE], 1);
	ck_assert_str_eq(seen->detail, "peer did not return a certificate");
	ck_assert_int_eq(is_answered("expired", VERSIONS[_i], NULL), 0);
	wait_for(&seen->refused[SERVER_REFUSED_CERTIFICATE], 2);
	ck_assert_str_eq(seen->detail, "certificate has expired");
	ck_assert_int_eq(is_answered("stranger", VERSIONS[_i], NULL), 0);
	ck_assert_int_eq(is_answered("server", VERSIONS[_i], NULL), 0);
	ck_assert_int_eq(is_answered("ca", VERSIONS[_i], NULL), 0);
	ck_assert_int_eq(is_answered("client", VERSIONS[_i], NULL), 1);
	ck_assert_int_eq(seen->requests, 2);
	stop();
}
END_TEST

START_TEST(test_a_client_certificate_may_be_optional)
{
	struct setup setup = quick();
	setup.client_auth = TLS_CLIENT_OPTIONAL;
	start(&setup);
	ck_assert_int_eq(is_answered("client", VERSIONS[_i], "/CN=001565AABBCC verified"), 1);
	ck_assert_int_eq(is_answered(NULL, VERSIONS[_i], "none unverified"), 1);
	ck_assert_int_eq(is_answered("stranger", VERSIONS[_i], NULL), 0);
	ck_assert_int_eq(is_answered("expired", VERSIONS[_i], NULL), 0);
	stop();
}
END_TEST

START_TEST(test_a_handler_may_refuse_a_handshake)
{
	struct setup setup = quick();
	setup.client_auth = TLS_CLIENT_REQUIRED;
	setup.refuse_handshake = 1;
	start(&setup);
	ck_assert_int_eq(is_answered("client", VERSIONS[_i], NULL), 0);
	wait_for(&seen->refused[SERVER_REFUSED_CERTIFICATE], 1);
	ck_assert_int_eq(seen->requests, 0);
	stop();
}
END_TEST

START_TEST(test_no_session_is_resumed)
{
	struct setup setup = quick();
	struct test_client client;
	setup.client_auth = TLS_CLIENT_REQUIRED;
	start(&setup);
	test_client_connect(&client, port);
	ck_assert_int_eq(
	    test_client_handshake(&client, pki("client.pem"), pki("client.key"), VERSIONS[_i]), 1);
	expect(&client, GET_CLOSE("/who"), 200, NULL);
	SSL_SESSION *session = SSL_get1_session(client.ssl);
	test_client_close(&client);
	test_client_connect(&client, port);
	client.context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(client.context, VERSIONS[_i]);
	SSL_CTX_set_max_proto_version(client.context, VERSIONS[_i]);
	client.ssl = SSL_new(client.context);
	SSL_set_fd(client.ssl, client.fd);
	SSL_set_session(client.ssl, session);
	struct test_answer answer = {0};
	if (SSL_connect(client.ssl) == 1 && test_client_say(&client, GET("/who")))
		ck_assert_int_eq(test_client_read(&client, &answer, 0), 0);
	ck_assert_int_eq(SSL_session_reused(client.ssl), 0);
	SSL_SESSION_free(session);
	test_client_close(&client);
	stop();
}
END_TEST

START_TEST(test_a_required_proxy_header_names_the_peer)
{
	static const char v1[] = "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n";
	static const char v2[] =
	    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\1\1\1\xbb";
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
	static const struct {
		const char *header;
		size_t len;
		const char *who;
	} cases[] = {
	    {v1, sizeof(v1) - 1, "2001:db8::7 "},
	    {v2, sizeof(v2) - 1, "192.0.2.7 "},
	    {local, sizeof(local) - 1, "127.0.0.1 "},
	};
	struct setup setup = quick();
	setup.proxy = SERVER_PROXY_REQUIRED;
	start(&setup);
	for (size_t i = 0; i < 3; i++) {
		struct test_client client;
		struct test_answer answer = {0};
		test_client_connect(&client, port);
		for (size_t at = 0; at < cases[i].len; at++) {
			ck_assert_int_eq(test_client_send(&client, cases[i].header + at, 1), 1);
			usleep(1000);
		}
		ck_assert_int_eq(test_client_handshake(&client, NULL, NULL, 0), 1);
		ck_assert_int_eq(test_client_say(&client, GET_CLOSE("/who")), 1);
		ck_assert_int_eq(test_client_read(&client, &answer, 0), 1);
		ck_assert_int_eq(
		    strncmp((const char *)answer.body.bytes, cases[i].who, strlen(cases[i].who)),
		    0);
		test_answer_free(&answer);
		test_client_close(&client);
	}
	ck_assert_int_eq(is_answered(NULL, 0, NULL), 0);
	ck_assert_int_eq(seen->refused[SERVER_REFUSED_PROXY], 1);
	stop();
}
END_TEST

START_TEST(test_an_unwanted_proxy_header_is_refused)
{
	struct setup setup = quick();
	struct test_client client;
	start(&setup);
	test_client_connect(&client, port);
	test_client_say(&client, "PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n");
	ck_assert_int_eq(test_client_handshake(&client, NULL, NULL, 0), 0);
	wait_for(&seen->refused[SERVER_REFUSED_PROXY], 1);
	ck_assert_str_eq(seen->detail, "forbidden");
	test_client_close(&client);
	stop();
}
END_TEST

/* CPU time of the server so far, in clock ticks. */
static long cpu_ticks(void)
{
	char path[64];
	unsigned long user = 0, system_ticks = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)server_pid);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(
	    fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system_ticks),
	    2);
	fclose(file);
	return (long)(user + system_ticks);
}

START_TEST(test_few_descriptors_do_not_make_it_spin)
{
	enum { CLIENTS = 100 };
	struct test_client clients[CLIENTS];
	struct setup setup = quick();
	setup.transport = SERVER_PLAIN;
	setup.descriptors = 64;
	/* The second time the cap is too high, so that accept(2) itself fails. */
	setup.limits.connections = _i == 0 ? 0 : 1000;
	setup.limits.idle_ms = 5000;
	start(&setup);
	for (int i = 0; i < CLIENTS; i++)
		test_client_connect(&clients[i], port);
	expect(&clients[0], GET("/hello"), 200, "hello");
	long before = cpu_ticks();
	usleep(1000 * 1000);
	ck_assert_int_le(cpu_ticks() - before, sysconf(_SC_CLK_TCK) / 10);
	for (int i = 0; i < CLIENTS - 1; i++)
		test_client_close(&clients[i]);
	/* The last in the queue has its turn. */
	expect(&clients[CLIENTS - 1], GET("/hello"), 200, "hello");
	test_client_close(&clients[CLIENTS - 1]);
	stop();
}
END_TEST

START_TEST(test_draining_answers_what_is_in_flight)
{
	struct setup setup = quick();
	struct test_client idle, busy, fresh;
	struct test_answer answer = {0};
	int status = 0;
	start(&setup);
	open_tls(&idle);
	expect(&idle, GET("/hello"), 200, "hello");
	open_tls(&busy);
	ck_assert_int_eq(test_client_say(&busy, GET("/later?ms=600")), 1);
	/* Accepted by the kernel only: it must be served all the same. */
	test_client_connect(&fresh, port);
	int64_t begun_ms = now_ms();
	ck_assert_int_eq(kill(server_pid, SIGTERM), 0);
	ck_assert_int_eq(test_client_handshake(&fresh, NULL, NULL, 0), 1);
	expect(&fresh, GET("/hello"), 200, "hello");
	ck_assert_int_eq(test_client_ends(&fresh), 1);
	ck_assert_int_eq(test_client_read(&busy, &answer, 0), 1);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_int_eq(strncmp(test_answer_field(&answer, "Connection"), "close", 5), 0);
	ck_assert_int_eq(test_client_ends(&busy), 1);
	ck_assert_int_eq(test_client_ends(&idle), 1);
	test_client_close(&idle);
	test_client_close(&busy);
	test_client_close(&fresh);
	ck_assert_int_eq(waitpid(server_pid, &status, 0), server_pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_le(now_ms() - begun_ms, 3000);
	ck_assert_int_eq(seen->drained, 1);
	test_answer_free(&answer);
}
END_TEST

START_TEST(test_a_taken_port_is_said_clearly)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	char why[256] = "";
	int first = -1, second = 4711;
	ck_assert_int_eq(server_listen("127.0.0.1", 0, &first, why, sizeof(why)), ERR_OK);
	ck_assert_int_eq(getsockname(first, (struct sockaddr *)&address, &len), 0);
	uint16_t taken = ntohs(address.sin_port);
	ck_assert_int_eq(server_listen("127.0.0.1", taken, &second, why, sizeof(why)), ERR_EXISTS);
	ck_assert_int_eq(second, 4711);
	ck_assert_ptr_nonnull(strstr(why, "is taken"));
	ck_assert_int_eq(server_listen("192.0.2.1", 0, &second, why, sizeof(why)), ERR_IO);
	ck_assert_ptr_nonnull(strstr(why, "192.0.2.1 is no address of this machine"));
	ck_assert_int_eq(
	    server_listen("no such host", 0, &second, why, sizeof(why)), ERR_NOT_FOUND);
	close(first);
	/* The wildcard serves IPv4 as well. */
	ck_assert_int_eq(server_listen("*", 0, &first, why, sizeof(why)), ERR_OK);
	struct sockaddr_in6 any;
	len = sizeof(any);
	ck_assert_int_eq(getsockname(first, (struct sockaddr *)&any, &len), 0);
	struct test_client client;
	test_client_connect(&client, ntohs(any.sin6_port));
	ck_assert_int_eq(client.reset, 0);
	test_client_close(&client);
	close(first);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, test_an_answer_is_one_record_then_close_notify, 0, 2);
	tcase_add_test(tcase, test_a_connection_is_kept_for_further_requests);
	tcase_add_test(tcase, test_a_connection_ends_after_its_number_of_requests);
	tcase_add_test(tcase, test_fifty_pipelined_are_answered_in_order);
	tcase_add_test(tcase, test_thousands_pipelined_are_answered_too);
	tcase_add_test(tcase, test_pipelined_behind_a_late_answer_wait_for_it);
	tcase_add_test(tcase, test_a_request_may_come_in_single_bytes);
	tcase_add_test(tcase, test_slow_heads_and_bodies_are_cut_off);
	tcase_add_test(tcase, test_a_dribbled_head_is_cut_off_all_the_same);
	tcase_add_test(tcase, test_a_silent_client_is_cut_off);
	tcase_add_test(tcase, test_a_slow_reader_is_cut_off);
	tcase_add_test(tcase, test_a_large_answer_arrives_whole);
	tcase_add_test(tcase, test_too_large_bodies_are_refused_before_they_come);
	tcase_add_loop_test(tcase, test_a_refused_upload_can_read_why, 0, 2);
	tcase_add_test(tcase, test_expect_continue_is_answered_first);
	tcase_add_test(tcase, test_broken_requests_get_their_status_and_the_end);
	tcase_add_test(tcase, test_resets_in_the_middle_leave_nothing_behind);
	tcase_add_test(tcase, test_a_handler_learns_that_its_client_is_gone);
	tcase_add_test(tcase, test_a_client_that_only_ends_its_side_is_answered);
	tcase_add_test(tcase, test_a_stream_is_read_while_it_is_answered);
	tcase_add_test(tcase, test_a_paced_stream_pauses_and_goes_on);
	tcase_add_test(tcase, test_a_stream_handler_learns_of_a_broken_body);
	tcase_add_test(tcase, test_streams_for_old_clients_end_with_the_connection);
	tcase_add_test(tcase, test_a_cut_stream_is_seen_to_be_cut);
	tcase_add_test(tcase, test_nothing_in_plain_text_leaves_a_tls_listener);
	tcase_add_test_raise_signal(tcase, test_a_tls_server_without_its_context_aborts, SIGABRT);
	tcase_add_loop_test(tcase, test_a_client_certificate_may_be_required, 0, 2);
	tcase_add_loop_test(tcase, test_a_client_certificate_may_be_optional, 0, 2);
	tcase_add_loop_test(tcase, test_a_handler_may_refuse_a_handshake, 0, 2);
	tcase_add_loop_test(tcase, test_no_session_is_resumed, 0, 2);
	tcase_add_test(tcase, test_a_required_proxy_header_names_the_peer);
	tcase_add_test(tcase, test_an_unwanted_proxy_header_is_refused);
	tcase_add_loop_test(tcase, test_few_descriptors_do_not_make_it_spin, 0, 2);
	tcase_add_test(tcase, test_draining_answers_what_is_in_flight);
	tcase_add_test(tcase, test_a_taken_port_is_said_clearly);
}

int main(void)
{
	strcpy(root, "/tmp/firstring-net-XXXXXX");
	if (mkdtemp(root) == NULL)
		return EXIT_FAILURE;
	Suite *suite = suite_create("server");
	TCase *tcase = tcase_create("connections");
	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	int failed = unit_run(suite);
	if (failed)
		run_shell("tail -n 50 ", "/*/log >&2");
	run_shell("rm -rf ", "");
	return failed;
}
