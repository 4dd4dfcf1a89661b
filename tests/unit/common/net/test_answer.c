/*
 * How the head of an answer is spelled.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/net/connection.h"
#include "tests/lib/unit.h"

static struct buf out;

static const char *head_of(
    const struct server_answer *answer, struct answer_traits traits, const size_t *len)
{
	clock_set_fake(1493642096 * INT64_C(1000000));
	buf_free(&out);
	answer_put_head(&out, answer, &traits, len);
	return (const char *)out.bytes;
}

START_TEST(test_a_whole_answer)
{
	size_t len = 5;
	struct server_answer answer = {.status = 200,
	    .content_type = "text/plain",
	    .headers = {{{"Location", 8}, {"/v1/x", 5}}},
	    .header_count = 1};
	struct answer_traits traits = {
	    .minor_version = 1, .keep_alive = 1, .request_id = "0123456789abcdef"};
	ck_assert_str_eq(head_of(&answer, traits, &len),
	    "HTTP/1.1 200 OK\r\nDate: Mon, 01 May 2017 12:34:56 GMT\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 5\r\n"
	    "X-Request-Id: 0123456789abcdef\r\nLocation: /v1/x\r\n\r\n");
}
END_TEST

START_TEST(test_the_connection_is_told)
{
	size_t len = 0;
	struct server_answer answer = {.status = 404};
	struct answer_traits traits = {.minor_version = 1};
	ck_assert_str_eq(head_of(&answer, traits, &len),
	    "HTTP/1.1 404 Not Found\r\nDate: Mon, 01 May 2017 12:34:56 GMT\r\n"
	    "Content-Length: 0\r\nConnection: close\r\n\r\n");
	traits = (struct answer_traits){.minor_version = 0, .keep_alive = 1};
	ck_assert_ptr_nonnull(
	    strstr(head_of(&answer, traits, &len), "\r\nConnection: keep-alive\r\n"));
	traits = (struct answer_traits){.minor_version = 1, .keep_alive = 1, .chunked = 1};
	const char *head = head_of(&answer, traits, NULL);
	ck_assert_ptr_nonnull(strstr(head, "\r\nTransfer-Encoding: chunked\r\n"));
	ck_assert_ptr_null(strstr(head, "Content-Length"));
}
END_TEST

START_TEST(test_an_answer_without_content_has_no_length)
{
	size_t len = 0;
	struct server_answer answer = {.status = 204};
	struct answer_traits traits = {.minor_version = 1, .keep_alive = 1};
	ck_assert_ptr_null(strstr(head_of(&answer, traits, &len), "Content-Length"));
	ck_assert_int_eq(answer_has_body(204), 0);
	ck_assert_int_eq(answer_has_body(304), 0);
	ck_assert_int_eq(answer_has_body(200), 1);
}
END_TEST

START_TEST(test_no_value_can_end_its_line)
{
	size_t len = 0;
	struct server_answer answer = {.status = 200,
	    .content_type = "a\r\nX: y",
	    .headers = {{{"A\nB", 3}, {"c\r\n\r\nd\0\x7f", 8}}},
	    .header_count = 1};
	struct answer_traits traits = {.minor_version = 1, .keep_alive = 1};
	const char *head = head_of(&answer, traits, &len);
	ck_assert_ptr_nonnull(strstr(head, "\r\nContent-Type: a??X: y\r\n"));
	ck_assert_ptr_nonnull(strstr(head, "\r\nA?B: c????d?"
					   "?\r\n\r\n"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("answer");
	TCase *tcase = tcase_create("heads");
	tcase_add_test(tcase, test_a_whole_answer);
	tcase_add_test(tcase, test_the_connection_is_told);
	tcase_add_test(tcase, test_an_answer_without_content_has_no_length);
	tcase_add_test(tcase, test_no_value_can_end_its_line);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
