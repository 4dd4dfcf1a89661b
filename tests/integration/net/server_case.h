/*
 * A small server in a child process, and its client: for tests of common/net/server on real sockets
 * with real TLS. What the server counted is read from shared memory; its log goes to a file that is
 * shown when something fails. Header-only.
 */
#ifndef FIRSTRING_TESTS_SERVER_CASE_H
#define FIRSTRING_TESTS_SERVER_CASE_H

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

static inline void release_data(void *data)
{
	free(data);
	seen->released++;
}

static inline void on_gone(struct exchange *exchange, void *ctx)
{
	(void)ctx;
	seen->closed++;
	ck_assert_int_eq(exchange_is_closed(exchange), 1);
	exchange_end(exchange, 0);
}

static inline void answer_text(struct exchange *exchange, int status, const char *text)
{
	struct server_answer answer = {
	    .status = status, .content_type = "text/plain", .body = text, .body_len = strlen(text)};
	exchange_answer(exchange, &answer);
}

static inline void answer_big(struct exchange *exchange)
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

static inline void answer_who(struct exchange *exchange)
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

static inline void on_whole_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	struct server_answer answer = {.status = 200, .body = body, .body_len = len};
	(void)ctx;
	exchange_answer(exchange, &answer);
}

static inline void on_piece(struct exchange *exchange, const char *piece, size_t len, void *ctx)
{
	(void)ctx;
	exchange_extend_deadline(exchange, 2000);
	if (len == 0)
		exchange_end(exchange, 1);
	else
		(void)exchange_write(exchange, piece, len);
}

static inline void on_piece_paced(
    struct exchange *exchange, const char *piece, size_t len, void *ctx)
{
	on_piece(exchange, piece, len, ctx);
	if (len > 0 && exchange_unsent(exchange) > 256 * 1024)
		exchange_pause(exchange);
}

static inline void on_paced_sent(struct exchange *exchange, void *ctx)
{
	(void)ctx;
	exchange_resume(exchange);
}

static inline void begin_echo(struct exchange *exchange, exchange_body_fn *on_each)
{
	struct server_answer answer = {.status = 200};
	exchange_on_close(exchange, on_gone, NULL);
	exchange_begin(exchange, &answer);
	exchange_stream_body(exchange, STREAM_MAX, on_each, NULL);
}

static inline void on_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answer_text(arg, 200, "later");
}

static inline void answer_later(struct daemon *daemon, struct exchange *exchange)
{
	char text[16];
	ck_assert_int_eq(http1_query(exchange_head(exchange), "ms", text, sizeof(text)), ERR_OK);
	long ms = strtol(text, NULL, 10);
	struct timeval delay = {ms / 1000, (ms % 1000) * 1000};
	event_base_once(daemon->base, -1, EV_TIMEOUT, on_later, exchange, &delay);
}

static inline void answer_cut(struct exchange *exchange)
{
	struct server_answer answer = {.status = 200};
	exchange_begin(exchange, &answer);
	(void)exchange_write(exchange, "half", 4);
	exchange_end(exchange, 0);
}

static inline void on_request(struct exchange *exchange, void *ctx)
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

static inline enum server_verdict on_handshake(const struct server_peer *peer, void *ctx)
{
	const struct daemon *daemon = ctx;
	(void)peer;
	return !daemon->setup->refuse_handshake;
}

static inline void on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx)
{
	(void)peer;
	(void)ctx;
	snprintf(seen->detail, sizeof(seen->detail), "%s", detail);
	seen->refused[refusal]++;
}

static inline void on_drained(void *ctx)
{
	(void)ctx;
	seen->drained++;
}

static inline void on_drain(void *ctx)
{
	struct daemon *daemon = ctx;
	server_on_drained(daemon->server, on_drained, daemon);
	server_drain(daemon->server);
}

static inline void path_of(char path[256], const char *name)
{
	snprintf(path, 256, "%s/%s", folder, name);
}

/* NAME.pem and NAME.key in the test's folder. */
static inline X509 *issue(
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
static inline void make_pki(void)
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

static inline SSL_CTX *server_context(const struct setup *setup)
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

static inline int serve(const struct setup *setup, int listen_fd)
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

static inline void log_to_file(void)
{
	char path[256];
	path_of(path, "log");
	int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	log_set_fd(fd);
}

/* The test's side. */

static inline struct setup quick(void)
{
	return (struct setup){.transport = SERVER_TLS,
	    .limits = {.handshake_ms = 400,
		.head_ms = 400,
		.request_ms = 1000,
		.idle_ms = 700,
		.connections = 0,
		.requests_per_connection = 0}};
}

static inline void start(const struct setup *setup)
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
static inline void stop(void)
{
	int status = 0;
	ck_assert_int_eq(kill(server_pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(server_pid, &status, 0), server_pid);
	ck_assert_msg(
	    WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server ended with %x", status);
	ck_assert_int_eq(seen->released, seen->requests);
	ck_assert_int_eq(seen->drained, 1);
}

static inline const char *pki(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];
	path_of(path, name);
	return path;
}

static inline void open_tls(struct test_client *client)
{
	test_client_connect(client, port);
	ck_assert_int_eq(test_client_handshake(client, NULL, NULL, 0), 1);
}

/* Asks ("": has asked before) and expects that status and, unless NULL, that body. */
static inline void expect(
    struct test_client *client, const char *request, int status, const char *body)
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

static inline void expect_good_client(void)
{
	struct test_client client;
	open_tls(&client);
	expect(&client, GET("/hello"), 200, "hello");
	test_client_close(&client);
}

static inline int64_t now_ms(void)
{
	return clock_monotonic_ms();
}

static inline void wait_for(_Atomic int *counter, int value)
{
	int64_t until_ms = now_ms() + 5000;
	while (*counter < value && now_ms() < until_ms)
		usleep(5000);
	ck_assert_int_ge(*counter, value);
}

static inline void set_up(void)
{
	snprintf(folder, sizeof(folder), "%s/XXXXXX", root);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	make_pki();
	log_to_file();
	signal(SIGPIPE, SIG_IGN);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seen, MAP_FAILED);
}

static inline void tear_down(void)
{
	if (server_pid > 0)
		kill(server_pid, SIGKILL);
}

/* Runs "BEFORE<root>AFTER". */
static inline void run_shell(const char *before, const char *after)
{
	char command[128];
	snprintf(command, sizeof(command), "%s%s%s", before, root, after);
	if (system(command) != 0)
		fprintf(stderr, "failed: %s\n", command);
}

static const int VERSIONS[] __attribute__((unused)) = {TLS1_2_VERSION, TLS1_3_VERSION};

/* The whole of a test program: the suite with its one case. */
static inline int server_suite(const char *name, void (*add_tests)(TCase *tcase))
{
	strcpy(root, "/tmp/firstring-net-XXXXXX");
	if (mkdtemp(root) == NULL)
		return EXIT_FAILURE;
	Suite *suite = suite_create(name);
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

#endif
