/* What the server does with peers that are slow, broken or too many, and when it has to go. */
#include "tests/integration/net/server_case.h"

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
	tcase_add_test(tcase, test_slow_heads_and_bodies_are_cut_off);
	tcase_add_test(tcase, test_a_dribbled_head_is_cut_off_all_the_same);
	tcase_add_test(tcase, test_a_silent_client_is_cut_off);
	tcase_add_test(tcase, test_a_slow_reader_is_cut_off);
	tcase_add_test(tcase, test_too_large_bodies_are_refused_before_they_come);
	tcase_add_loop_test(tcase, test_a_refused_upload_can_read_why, 0, 2);
	tcase_add_test(tcase, test_resets_in_the_middle_leave_nothing_behind);
	tcase_add_loop_test(tcase, test_few_descriptors_do_not_make_it_spin, 0, 2);
	tcase_add_test(tcase, test_draining_answers_what_is_in_flight);
	tcase_add_test(tcase, test_a_taken_port_is_said_clearly);
}

int main(void)
{
	return server_suite("server, limits", add_tests);
}
