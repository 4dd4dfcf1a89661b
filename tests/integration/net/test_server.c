/* What the server's peers see of HTTP on real sockets: answers, pipelining, bodies, streams. */
#include "tests/integration/net/server_case.h"

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

static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, test_an_answer_is_one_record_then_close_notify, 0, 2);
	tcase_add_test(tcase, test_a_connection_is_kept_for_further_requests);
	tcase_add_test(tcase, test_a_connection_ends_after_its_number_of_requests);
	tcase_add_test(tcase, test_fifty_pipelined_are_answered_in_order);
	tcase_add_test(tcase, test_thousands_pipelined_are_answered_too);
	tcase_add_test(tcase, test_pipelined_behind_a_late_answer_wait_for_it);
	tcase_add_test(tcase, test_a_request_may_come_in_single_bytes);
	tcase_add_test(tcase, test_a_large_answer_arrives_whole);
	tcase_add_test(tcase, test_expect_continue_is_answered_first);
	tcase_add_test(tcase, test_broken_requests_get_their_status_and_the_end);
	tcase_add_test(tcase, test_a_handler_learns_that_its_client_is_gone);
	tcase_add_test(tcase, test_a_client_that_only_ends_its_side_is_answered);
	tcase_add_test(tcase, test_a_stream_is_read_while_it_is_answered);
	tcase_add_test(tcase, test_a_paced_stream_pauses_and_goes_on);
	tcase_add_test(tcase, test_a_stream_handler_learns_of_a_broken_body);
	tcase_add_test(tcase, test_streams_for_old_clients_end_with_the_connection);
	tcase_add_test(tcase, test_a_cut_stream_is_seen_to_be_cut);
}

int main(void)
{
	return server_suite("server", add_tests);
}
