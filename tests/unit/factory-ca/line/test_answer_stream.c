/* The answer of a batch call, cut anywhere, gives the same lines; what is no such answer is
 * refused. */
#include <check.h>
#include <string.h>

#include "factory-ca/line/answer_stream.h"
#include "tests/lib/unit.h"

static enum err keep_line(const char *line, size_t len, void *ctx)
{
	struct buf *kept = ctx;

	buf_put(kept, line, len);
	buf_put_str(kept, "|");
	return ERR_OK;
}

/* Feeds in pieces of `piece` bytes; the lines are in `kept`. */
static enum err feed(const char *text, size_t piece, struct answer_stream *stream, struct buf *kept)
{
	size_t len = strlen(text), at;
	enum err err = ERR_OK;

	memset(stream, 0, sizeof(*stream));
	buf_clear(kept);
	for (at = 0; at < len && !err; at += piece)
		err = answer_stream_feed(
		    stream, text + at, len - at < piece ? len - at : piece, keep_line, kept);
	return err;
}

START_TEST(lines_come_whole_wherever_the_bytes_are_cut)
{
	static const struct {
		const char *text, *lines;
		int status;
	} cases[] = {
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n5\r\na\nbb\n\r\n2\r\ncc\r\nA\r\nc\nddddddd\n\r\n0\r\n\r\n",
		"a|bb|ccc|ddddddd|", 200},
	    {"HTTP/1.1 503 Busy\r\ncontent-length: 9\r\nRetry-After: 7\r\n\r\n{\"a\":\"b\"}",
		"{\"a\":\"b\"}|", 503},
	    {"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
	     "2\r\n\r\nx\n",
		"x|", 200},
	    {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "", 404},
	};
	struct answer_stream stream;
	struct buf kept = {0};
	size_t i, piece;

	for (i = 0; i < COUNT(cases); i++)
		for (piece = 1; piece <= strlen(cases[i].text); piece++) {
			ck_assert_int_eq(feed(cases[i].text, piece, &stream, &kept), ERR_OK);
			buf_put(&kept, "", 0);
			ck_assert_str_eq((char *)kept.bytes, cases[i].lines);
			ck_assert_int_eq(stream.status, cases[i].status);
			ck_assert_int_eq(stream.part, ANSWER_COMPLETE);
			answer_stream_free(&stream);
		}
	buf_free(&kept);
}
END_TEST

START_TEST(a_cut_answer_is_not_complete)
{
	static const char text[] =
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n0\r\n\r\n";
	struct answer_stream stream = {0};
	struct buf kept = {0};
	size_t len;

	for (len = 1; len < sizeof(text) - 1; len++) {
		memset(&stream, 0, sizeof(stream));
		ck_assert_int_eq(answer_stream_feed(&stream, text, len, keep_line, &kept), ERR_OK);
		ck_assert_int_ne(stream.part, ANSWER_COMPLETE);
		answer_stream_free(&stream);
	}
	buf_free(&kept);
}
END_TEST

START_TEST(what_is_no_answer_of_ours_is_refused)
{
	static const char *const cases[] = {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
	    "SSH-2.0-x\r\n\r\n", "HTTP/1.1 20x OK\r\nContent-Length: 0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naX\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"};
	struct answer_stream stream;
	struct buf kept = {0};
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		ck_assert_msg(feed(cases[i], 1000, &stream, &kept) == ERR_SYNTAX, "case %zu", i);
		answer_stream_free(&stream);
	}
	buf_free(&kept);
}
END_TEST

START_TEST(a_line_and_a_head_without_end_are_refused)
{
	static const char piece[1000] = {[0 ... 999] = 'x'};
	struct answer_stream stream = {0};
	struct buf kept = {0};
	enum err err = ERR_OK;
	int i;

	for (i = 0; i < 100 && !err; i++)
		err = answer_stream_feed(&stream, piece, sizeof(piece), keep_line, &kept);
	ck_assert_int_eq(err, ERR_SYNTAX);
	answer_stream_free(&stream);
	ck_assert_int_eq(
	    feed("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", 1000, &stream, &kept),
	    ERR_OK);
	err = ERR_OK;
	for (i = 0; i < 100 && !err; i++)
		err = answer_stream_feed(&stream, piece, sizeof(piece), keep_line, &kept);
	ck_assert_int_eq(err, ERR_SYNTAX);
	answer_stream_free(&stream);
	buf_free(&kept);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("answer_stream");
	TCase *tests = tcase_create("answer");

	tcase_add_test(tests, lines_come_whole_wherever_the_bytes_are_cut);
	tcase_add_test(tests, a_cut_answer_is_not_complete);
	tcase_add_test(tests, what_is_no_answer_of_ours_is_refused);
	tcase_add_test(tests, a_line_and_a_head_without_end_are_refused);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
