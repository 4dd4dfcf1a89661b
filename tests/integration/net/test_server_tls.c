/* The server's TLS with real certificates, and the balancer's header before it. */
#include "tests/integration/net/server_case.h"

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

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, test_nothing_in_plain_text_leaves_a_tls_listener);
	tcase_add_test_raise_signal(tcase, test_a_tls_server_without_its_context_aborts, SIGABRT);
	tcase_add_loop_test(tcase, test_a_client_certificate_may_be_required, 0, 2);
	tcase_add_loop_test(tcase, test_a_client_certificate_may_be_optional, 0, 2);
	tcase_add_loop_test(tcase, test_a_handler_may_refuse_a_handshake, 0, 2);
	tcase_add_loop_test(tcase, test_no_session_is_resumed, 0, 2);
	tcase_add_test(tcase, test_a_required_proxy_header_names_the_peer);
	tcase_add_test(tcase, test_an_unwanted_proxy_header_is_refused);
}

int main(void)
{
	return server_suite("server, TLS", add_tests);
}
