/*
 * A daemon of one parent and its workers, through what happens to it at night: crashes, reloads,
 * broken configuration, stops under load, a dead parent.
 *
 * The daemon is a real one in small: two web workers on a shared socket and a health worker. Its
 * configuration is a file with one word. Each test runs it in a child process.
 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/health.h"
#include "common/net/metrics.h"
#include "common/net/server.h"
#include "common/net/workers.h"
#include "tests/lib/test_client.h"
#include "tests/lib/unit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

enum { WEB_WORKERS = 2, LOAD_THREADS = 4 };

static char root[32], folder[64];
static pid_t parent_pid;
static int web_port, health_port, web_fd, health_fd, notify_fd;

/* How often workers were started, in memory shared with them. */
static _Atomic int *starts;

/* The daemon's side. */

struct state {
	char word[32];
};

enum { METRIC_REQUESTS };
static const struct metric METRICS[] = {
    {"test_requests_total", METRIC_COUNTER, "Requests.", NULL, NULL},
};

static void path_of(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", folder, name);
}

static enum err load(void *ctx, void *previous, void **state)
{
	char path[128];
	struct state *loaded = calloc(1, sizeof(*loaded));
	(void)ctx;
	(void)previous;
	path_of(path, "config");
	FILE *file = fopen(path, "r");
	CHECK(file != NULL && fscanf(file, "%31s", loaded->word) == 1 && fclose(file) == 0);
	if (strcmp(loaded->word, "broken") == 0) {
		free(loaded);
		return ERR_SYNTAX;
	}
	*state = loaded;
	return ERR_OK;
}

static void answer_later(evutil_socket_t fd, short what, void *arg)
{
	struct server_answer answer = {.status = 200, .body = "slow", .body_len = 4};
	(void)fd;
	(void)what;
	exchange_answer(arg, &answer);
}

struct web {
	struct event_base *base;
	struct server *server;
	const struct state *state;
};

static void on_request(struct exchange *exchange, void *ctx)
{
	const struct web *web = ctx;
	char text[64];
	metrics_add(METRIC_REQUESTS, 0, 1);
	if (span_equal(exchange_head(exchange)->path, "/slow")) {
		struct timeval delay = {0, 300 * 1000};
		event_base_once(web->base, -1, EV_TIMEOUT, answer_later, exchange, &delay);
		return;
	}
	snprintf(text, sizeof(text), "%s %d", web->state->word, (int)getpid());
	struct server_answer answer = {.status = 200, .body = text, .body_len = strlen(text)};
	exchange_answer(exchange, &answer);
}

static void on_drain(void *ctx)
{
	struct web *web = ctx;
	server_drain(web->server);
}

static int run_web(const struct worker *worker, void *arg)
{
	static const struct server_handler HANDLER = {.on_request = on_request};
	struct web web = {.state = arg};
	struct server_config config = {.name = "web",
	    .listen_fd = web_fd,
	    .transport = SERVER_PLAIN,
	    .limits = SERVER_LIMITS_DEFAULT,
	    .handler = &HANDLER,
	    .ctx = &web};
	(void)worker;
	starts[0]++;
	if (strcmp(web.state->word, "refused") == 0)
		return EX_CONFIG;
	if (strcmp(web.state->word, "crash") == 0)
		return EXIT_FAILURE;
	if (strcmp(web.state->word, "deaf") == 0) {
		pause();
		return EXIT_FAILURE;
	}
	web.base = config.base = event_base_new();
	web.server = server_new(&config);
	struct worker_signals *signals = worker_signals_new(web.base, on_drain, &web);
	metrics_set_ready("web", strcmp(web.state->word, "unready") != 0);
	event_base_dispatch(web.base);
	worker_signals_free(signals);
	server_free(web.server);
	event_base_free(web.base);
	return EX_OK;
}

static int run_health(const struct worker *worker, void *state)
{
	(void)state;
	return health_run(worker, health_fd, NULL);
}

static size_t kinds(void *state, struct worker_kind out[WORKERS_KINDS_MAX])
{
	(void)state;
	out[0] = (struct worker_kind){"web", WEB_WORKERS, run_web};
	out[1] = (struct worker_kind){"health", 1, run_health};
	return 2;
}

static const struct workers_config CONFIG = {
    .program = "test",
    .load = load,
    .release = free,
    .kinds = kinds,
    .drain_ms = 2000,
};

/* The test's side. */

static void configure(const char *word)
{
	char path[128];
	path_of(path, "config");
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "%s\n", word);
	fclose(file);
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	char why[256];
	int fd = -1;
	ck_assert_msg(server_listen("127.0.0.1", 0, &fd, why, sizeof(why)) == ERR_OK, "%s", why);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void open_notify_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval deadline = {5, 0};
	char path[128];
	path_of(path, "notify");
	strcpy(address.sun_path, path);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(notify_fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	setenv("NOTIFY_SOCKET", path, 1);
}

static void expect_notified(const char *prefix)
{
	char text[128] = "";
	ck_assert_int_gt(recv(notify_fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_msg(strncmp(text, prefix, strlen(prefix)) == 0, "told %s, not %s", text, prefix);
}

static void log_to_file(void)
{
	char path[128];
	path_of(path, "log");
	int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	log_set_fd(fd);
}

static int log_has(const char *text)
{
	char path[128], line[1024];
	int found = 0;
	path_of(path, "log");
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = strstr(line, text) != NULL;
	fclose(file);
	return found;
}

static void start(const char *word)
{
	configure(word);
	parent_pid = fork();
	ck_assert_int_ge(parent_pid, 0);
	if (parent_pid > 0) {
		/* Only the daemon keeps its sockets. */
		close(web_fd);
		close(health_fd);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(notify_fd);
	log_to_file();
	metrics_init(METRICS, 1);
	exit(workers_run(&CONFIG));
}

static int exit_status(void)
{
	int status = 0;
	ck_assert_int_eq(waitpid(parent_pid, &status, 0), parent_pid);
	ck_assert_msg(WIFEXITED(status), "the parent ended with %x", status);
	parent_pid = 0;
	return WEXITSTATUS(status);
}

static void stop(void)
{
	ck_assert_int_eq(kill(parent_pid, SIGTERM), 0);
	ck_assert_int_eq(exit_status(), 0);
}

/* What /anything of the web workers says, "" when there is no answer. */
static const char *ask(const char *request, int port)
{
	static char text[4096];
	struct test_client client;
	struct test_answer answer = {0};
	text[0] = '\0';
	test_client_connect(&client, port);
	if (test_client_say(&client, request) && test_client_read(&client, &answer, 0))
		snprintf(text, sizeof(text), "%d %s", answer.status,
		    answer.body.len > 0 ? (const char *)answer.body.bytes : "");
	test_answer_free(&answer);
	test_client_close(&client);
	return text;
}

static void expect_word(const char *word)
{
	char expected[64];
	int64_t until_ms = clock_monotonic_ms() + 5000;
	const char *said = "";
	snprintf(expected, sizeof(expected), "200 %s ", word);
	do {
		said = ask(GET_CLOSE("/"), web_port);
		if (strncmp(said, expected, strlen(expected)) == 0)
			return;
		usleep(20 * 1000);
	} while (clock_monotonic_ms() < until_ms);
	ck_abort_msg("the daemon says <%s>, not <%s>", said, expected);
}

static int worker_pid(void)
{
	int pid = 0;
	ck_assert_int_eq(sscanf(ask(GET_CLOSE("/"), web_port), "200 %*s %d", &pid), 1);
	return pid;
}

/* Clients that come one after another, and how they fared. */
struct load {
	pthread_t threads[LOAD_THREADS];
	_Atomic int done, answered, refused, lost;
};

static void *work(void *arg)
{
	struct load *load = arg;
	while (!load->done) {
		struct test_client client;
		struct test_answer answer = {0};
		test_client_connect(&client, web_port);
		if (client.reset) {
			load->refused++;
			usleep(10 * 1000);
		} else if (test_client_say(&client, GET_CLOSE("/")) &&
			   test_client_read(&client, &answer, 0) && answer.status == 200) {
			load->answered++;
		} else {
			load->lost++;
		}
		test_answer_free(&answer);
		test_client_close(&client);
	}
	return NULL;
}

static void begin_load(struct load *load)
{
	memset(load, 0, sizeof(*load));
	for (int i = 0; i < LOAD_THREADS; i++)
		ck_assert_int_eq(pthread_create(&load->threads[i], NULL, work, load), 0);
}

static void end_load(struct load *load)
{
	load->done = 1;
	for (int i = 0; i < LOAD_THREADS; i++)
		ck_assert_int_eq(pthread_join(load->threads[i], NULL), 0);
}

static void set_up(void)
{
	snprintf(folder, sizeof(folder), "%s/XXXXXX", root);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	signal(SIGPIPE, SIG_IGN);
	web_fd = listen_somewhere(&web_port);
	health_fd = listen_somewhere(&health_port);
	open_notify_socket();
	starts =
	    mmap(NULL, sizeof(*starts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(starts, MAP_FAILED);
}

static void tear_down(void)
{
	if (parent_pid > 0)
		kill(parent_pid, SIGKILL);
}

START_TEST(test_it_starts_serves_and_stops)
{
	start("one");
	expect_notified("READY=1");
	expect_word("one");
	ck_assert_str_eq(ask(GET_CLOSE("/healthz"), health_port),
	    "200 {\"status\":\"alive\",\"version\":\"" FIRSTRING_VERSION "\"}\n");
	ck_assert_str_eq(ask(GET_CLOSE("/readyz"), health_port), "200 ready\n");
	ck_assert_ptr_nonnull(strstr(ask(GET_CLOSE("/metrics"), health_port),
	    "# TYPE test_requests_total counter\ntest_requests_total 1\n"));
	ck_assert_str_eq(ask(GET_CLOSE("/"), health_port), "404 ");
	ck_assert_str_eq(ask("PUT /metrics HTTP/1.1\r\nHost: a\r\n\r\n", health_port), "405 ");
	stop();
	expect_notified("STOPPING=1");
	ck_assert_str_eq(ask(GET_CLOSE("/"), web_port), "");
}
END_TEST

START_TEST(test_it_says_when_it_is_not_ready)
{
	start("unready");
	expect_notified("READY=1");
	const char *said = ask(GET_CLOSE("/readyz"), health_port);
	ck_assert_int_eq(strncmp(said, "503 web not ready in process ", 29), 0);
	configure("ready");
	kill(parent_pid, SIGHUP);
	expect_notified("RELOADING=1");
	expect_notified("READY=1");
	int64_t until_ms = clock_monotonic_ms() + 5000;
	while (strcmp(ask(GET_CLOSE("/readyz"), health_port), "200 ready\n") != 0)
		ck_assert_int_lt(clock_monotonic_ms(), until_ms);
	stop();
}
END_TEST

START_TEST(test_a_killed_worker_is_started_again)
{
	start("one");
	expect_notified("READY=1");
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(kill(worker_pid(), SIGKILL), 0);
		usleep(20 * 1000);
		expect_word("one");
	}
	usleep(600 * 1000);
	ck_assert_int_eq(*starts, WEB_WORKERS + 3);
	ck_assert(log_has("\"worker_died\""));
	ck_assert(log_has("\"signal\":9"));
	stop();
}
END_TEST

START_TEST(test_a_crashing_worker_is_started_ever_more_slowly)
{
	start("crash");
	usleep(1200 * 1000);
	/* At 0, 100, 300 and 700 ms, each of them. */
	ck_assert_int_ge(*starts, WEB_WORKERS * 3);
	ck_assert_int_le(*starts, WEB_WORKERS * 5);
	stop();
}
END_TEST

START_TEST(test_a_reload_under_load_loses_nobody)
{
	struct load load;
	struct test_client kept;
	struct test_answer answer = {0};
	start("one");
	expect_notified("READY=1");
	test_client_connect(&kept, web_port);
	ck_assert_int_eq(test_client_say(&kept, GET("/slow")), 1);
	begin_load(&load);
	usleep(100 * 1000);
	for (int i = 0; i < 5; i++) {
		char word[16];
		snprintf(word, sizeof(word), "word%d", i);
		configure(word);
		kill(parent_pid, SIGHUP);
		expect_word(word);
		usleep(100 * 1000);
	}
	ck_assert_int_eq(test_client_read(&kept, &answer, 0), 1);
	ck_assert_str_eq((const char *)answer.body.bytes, "slow");
	end_load(&load);
	ck_assert_int_eq(load.lost, 0);
	ck_assert_int_eq(load.refused, 0);
	ck_assert_int_gt(load.answered, 100);
	test_answer_free(&answer);
	test_client_close(&kept);
	stop();
}
END_TEST

START_TEST(test_a_refused_reload_changes_nothing)
{
	start("one");
	expect_notified("READY=1");
	int before = *starts;
	configure("broken");
	kill(parent_pid, SIGHUP);
	expect_notified("RELOADING=1");
	expect_notified("READY=1");
	ck_assert(log_has("\"reload_refused\""));
	ck_assert_int_eq(*starts, before);
	expect_word("one");
	/* What only a worker finds wrong is refused as well. */
	configure("refused");
	kill(parent_pid, SIGHUP);
	expect_notified("RELOADING=1");
	expect_notified("READY=1");
	expect_word("one");
	configure("two");
	kill(parent_pid, SIGHUP);
	expect_word("two");
	stop();
}
END_TEST

START_TEST(test_a_broken_configuration_at_start_ends_it)
{
	start(_i == 0 ? "broken" : "refused");
	ck_assert_int_eq(exit_status(), EX_CONFIG);
	ck_assert_int_le(*starts, WEB_WORKERS);
}
END_TEST

START_TEST(test_a_stop_under_load_answers_what_was_accepted)
{
	struct load load;
	struct test_client slow;
	struct test_answer answer = {0};
	start("one");
	expect_notified("READY=1");
	begin_load(&load);
	usleep(200 * 1000);
	test_client_connect(&slow, web_port);
	ck_assert_int_eq(test_client_say(&slow, GET("/slow")), 1);
	usleep(50 * 1000);
	stop();
	ck_assert_int_eq(test_client_read(&slow, &answer, 0), 1);
	ck_assert_int_eq(answer.status, 200);
	usleep(100 * 1000);
	end_load(&load);
	ck_assert_int_eq(load.lost, 0);
	ck_assert_int_gt(load.answered, 20);
	test_answer_free(&answer);
	test_client_close(&slow);
}
END_TEST

START_TEST(test_a_worker_that_does_not_drain_is_killed)
{
	start("one");
	expect_notified("READY=1");
	int stopped = worker_pid();
	ck_assert_int_eq(kill(stopped, SIGSTOP), 0);
	int64_t begun_ms = clock_monotonic_ms();
	stop();
	ck_assert_int_ge(clock_monotonic_ms() - begun_ms, 1900);
	ck_assert_int_le(clock_monotonic_ms() - begun_ms, 4000);
	ck_assert(log_has("\"worker_killed\""));
	ck_assert_int_eq(kill(stopped, 0), -1);
}
END_TEST

START_TEST(test_a_deaf_new_generation_leaves_the_old_one_serving)
{
	start("one");
	expect_notified("READY=1");
	configure("deaf");
	kill(parent_pid, SIGHUP);
	usleep(300 * 1000);
	expect_word("one");
	stop();
}
END_TEST

START_TEST(test_workers_do_not_outlive_their_parent)
{
	start("one");
	expect_notified("READY=1");
	int worker = worker_pid();
	ck_assert_int_eq(kill(parent_pid, SIGKILL), 0);
	int64_t until_ms = clock_monotonic_ms() + 5000;
	while (clock_monotonic_ms() < until_ms && strcmp(ask(GET_CLOSE("/"), web_port), "") != 0)
		usleep(50 * 1000);
	/* It may wait for an heir to bury it. */
	char path[64], state = 'Z';
	snprintf(path, sizeof(path), "/proc/%d/stat", worker);
	usleep(700 * 1000);
	FILE *file = fopen(path, "r");
	if (file != NULL) {
		ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
		fclose(file);
	}
	ck_assert_int_eq(state, 'Z');
	ck_assert(log_has("\"parent_gone\""));
}
END_TEST

static void run_shell(const char *before, const char *after)
{
	char command[128];
	snprintf(command, sizeof(command), "%s%s%s", before, root, after);
	if (system(command) != 0)
		fprintf(stderr, "failed: %s\n", command);
}

int main(void)
{
	strcpy(root, "/tmp/firstring-net-XXXXXX");
	if (mkdtemp(root) == NULL)
		return EXIT_FAILURE;
	Suite *suite = suite_create("workers");
	TCase *tcase = tcase_create("nights");
	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_it_starts_serves_and_stops);
	tcase_add_test(tcase, test_it_says_when_it_is_not_ready);
	tcase_add_test(tcase, test_a_killed_worker_is_started_again);
	tcase_add_test(tcase, test_a_crashing_worker_is_started_ever_more_slowly);
	tcase_add_test(tcase, test_a_reload_under_load_loses_nobody);
	tcase_add_test(tcase, test_a_refused_reload_changes_nothing);
	tcase_add_loop_test(tcase, test_a_broken_configuration_at_start_ends_it, 0, 2);
	tcase_add_test(tcase, test_a_stop_under_load_answers_what_was_accepted);
	tcase_add_test(tcase, test_a_worker_that_does_not_drain_is_killed);
	tcase_add_test(tcase, test_a_deaf_new_generation_leaves_the_old_one_serving);
	tcase_add_test(tcase, test_workers_do_not_outlive_their_parent);
	suite_add_tcase(suite, tcase);
	int failed = unit_run(suite);
	if (failed)
		run_shell("tail -n 50 ", "/*/log >&2");
	run_shell("rm -rf ", "");
	return failed;
}
