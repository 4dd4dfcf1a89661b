/* The pure half of the commands' HTTPS client: where to go, and is the answer whole. */
#include <check.h>
#include <string.h>

#include "factory-ca/commands/https_client.h"

static const struct {
	const char *url, *host, *port; /* host NULL: refused */
} URLS[] = {
    {"https://localhost", "localhost", "443"},
    {"https://localhost/", "localhost", "443"},
    {"https://127.0.0.1:8443", "127.0.0.1", "8443"},
    {"https://[::1]:8443/", "::1", "8443"},
    {"https://[::1]", "::1", "443"},
    {"http://localhost", NULL, NULL},
    {"https://", NULL, NULL},
    {"https://:8443", NULL, NULL},
    {"https://host:0", NULL, NULL},
    {"https://host:65536", NULL, NULL},
    {"https://host:", NULL, NULL},
    {"https://host:80a", NULL, NULL},
    {"https://host/path", NULL, NULL},
    {"https://[::1", NULL, NULL},
};

START_TEST(urls)
{
	struct https_place place;
	enum err err = https_parse_url(URLS[_i].url, &place);

	ck_assert_int_eq(err, URLS[_i].host ? ERR_OK : ERR_SYNTAX);
	if (err != ERR_OK)
		return;
	ck_assert_str_eq(place.host, URLS[_i].host);
	ck_assert_str_eq(place.port, URLS[_i].port);
}
END_TEST

static const struct {
	const char *wire;
	enum err err;
	int status;
	const char *body;
} ANSWERS[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ERR_OK, 200, "{}"},
    {"HTTP/1.1 409 Conflict\r\ncontent-LENGTH:0\r\n\r\n", ERR_OK, 409, ""},
    {"HTTP/1.0 200 OK\r\nX: y\r\n\r\nuntil the end", ERR_OK, 200, "until the end"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", ERR_CLOSED, 0, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2", ERR_SYNTAX, 0, NULL},
    {"HTTP/1.1 100 Continue\r\n\r\n", ERR_SYNTAX, 0, NULL},
    {"SSH-2.0-x\r\n\r\n", ERR_SYNTAX, 0, NULL},
    {"", ERR_SYNTAX, 0, NULL},
};

START_TEST(answers)
{
	const char *body = NULL;
	size_t body_len = 0;
	int status = 0;
	enum err err = https_parse_answer(
	    ANSWERS[_i].wire, strlen(ANSWERS[_i].wire), &status, &body, &body_len);

	ck_assert_int_eq(err, ANSWERS[_i].err);
	ck_assert_int_eq(status, ANSWERS[_i].status);
	if (err != ERR_OK)
		return;
	ck_assert_uint_eq(body_len, strlen(ANSWERS[_i].body));
	ck_assert_mem_eq(body, ANSWERS[_i].body, body_len);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("https_client");
	TCase *tcase = tcase_create("pure");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, urls, 0, sizeof(URLS) / sizeof(URLS[0]));
	tcase_add_loop_test(tcase, answers, 0, sizeof(ANSWERS) / sizeof(ANSWERS[0]));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
