/*
 * What the HTTP reader takes for a request, and with which status and reason it refuses the rest.
 *
 * Every case is fed whole, byte by byte, and cut in two at every place: the transcript (see
 * http1_transcript.h) must be the same.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/http1.h"
#include "tests/lib/http1_transcript.h"
#include "tests/lib/unit.h"

#define HOST "Host: a\r\n"

struct http_case {
	const char *input;
	const char *expected;
	size_t input_len; /* 0: strlen; for input with a NUL */
};

static void feed_cut(const char *input, size_t len, size_t first, size_t step, const char *expected)
{
	struct transcript transcript;
	transcript_begin(&transcript, 16);
	for (size_t at = 0, piece = first; at < len; at += piece, piece = step) {
		if (piece > len - at)
			piece = len - at;
		/* A copy of its own, so that a sanitizer sees a read past the piece. */
		char *copy = malloc(piece);
		memcpy(copy, input + at, piece);
		transcript_feed(&transcript, copy, piece);
		free(copy);
	}
	transcript_close(&transcript);
	const char *seen = transcript.text.len > 0 ? (const char *)transcript.text.bytes : "";
	ck_assert_msg(strcmp(seen, expected) == 0,
	    "input <%.200s> cut at %zu then every %zu: saw %.200s, expected %.200s", input, first,
	    step, seen, expected);
	transcript_end(&transcript);
}

static void check_bytes(const char *input, size_t len, const char *expected)
{
	feed_cut(input, len, len, len, expected);
	feed_cut(input, len, 1, 1, expected);
	for (size_t cut = 1; cut < len && len < 1000; cut++)
		feed_cut(input, len, cut, len, expected);
}

static void check_cases(const struct http_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = cases[i].input_len > 0 ? cases[i].input_len : strlen(cases[i].input);
		check_bytes(cases[i].input, len, cases[i].expected);
	}
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

START_TEST(test_accepts)
{
	static const struct http_case cases[] = {
	    {"GET / HTTP/1.1\r\n" HOST "\r\n", "[GET / 1.1 keep][end]", 0},
	    {"GET /a/b?c=%41&d HTTP/1.1\r\nhOsT: [::1]:8443\r\n\r\n",
		"[GET /a/b?c=%41&d 1.1 keep][end]", 0},
	    {"GET / HTTP/1.0\r\n\r\n", "[GET / 1.0 close][end]", 0},
	    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "[GET / 1.0 keep][end]", 0},
	    {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "[GET / 1.1 close][end]", 0},
	    {"GET / HTTP/1.1\r\n" HOST "Connection: foo,\t close ,bar\r\n\r\n",
		"[GET / 1.1 close][end]", 0},
	    {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n",
		"[GET / 1.1 close][end]", 0},
	    {"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "[GET / 1.1 keep][end]", 0},
	    {"BREW+~ / HTTP/1.1\r\n" HOST "\r\n", "[BREW+~ / 1.1 keep][end]", 0},
	    {"GET / HTTP/1.1\r\n" HOST "Empty:\r\nX:\t a b \xc3\xa9 \t\r\n\r\n",
		"[GET / 1.1 keep][end]", 0},
	    {"GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
		"[GET / 1.1 keep][end]", 0},
	    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "[GET / 1.1 keep][end]", 0},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		"[PUT / 1.1 keep body][hello][end]", 0},
	    {"PUT / HTTP/1.1\r\n" HOST "content-length:016\r\n\r\n0123456789abcdef",
		"[PUT / 1.1 keep body][0123456789abcdef][end]", 0},
	    {"PUT / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", "[PUT / 1.0 close body][hi][end]", 0},
	    {"PUT / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi",
		"[PUT / 1.1 keep body expect][hi][end]", 0},
	    {"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
		"[PUT / 1.0 close body][hi][end]", 0},
	};
	CHECK_CASES(cases);
}
END_TEST

START_TEST(test_waits_for_more)
{
	static const struct http_case cases[] = {
	    {"G", "[more]", 0},
	    {"\r\n", "[more]", 0},
	    {"GET / HTTP/1.1\r\n" HOST, "[more]", 0},
	    {"GET / HTTP/1.1\r\n" HOST "\r", "[more]", 0},
	    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell",
		"[PUT / 1.1 keep body][hell][more]", 0},
	    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
		"[PUT / 1.1 keep body][hello][more]", 0},
	};
	CHECK_CASES(cases);
}
END_TEST

START_TEST(test_reads_chunks)
{
#define CHUNKED "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
#define SEEN "[PUT / 1.1 keep body]"
	static const struct http_case cases[] = {
	    {CHUNKED "5\r\nhello\r\n0\r\n\r\n", SEEN "[hello][end]", 0},
	    {CHUNKED "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", SEEN "[hello][end]", 0},
	    {CHUNKED "A\r\n0123456789\r\n0005\r\nabcde\r\n00\r\n\r\n",
		SEEN "[0123456789abcde][end]", 0},
	    {CHUNKED "a;name=\"v\";x\r\n0123456789\r\n0;last\r\n\r\n", SEEN "[0123456789][end]", 0},
	    {CHUNKED "0\r\n\r\n", SEEN "[end]", 0},
	    {"PUT / HTTP/1.1\r\n" HOST "transfer-encoding: Chunked \r\n\r\n1\r\na\r\n0\r\n\r\n",
		SEEN "[a][end]", 0},
	    {CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "+5\r\nhello\r\n0\r\n\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "-1\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED " 5\r\nhello\r\n0\r\n\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "5 \r\nhello\r\n0\r\n\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "5 ;a=b\r\nhello\r\n0\r\n\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "\r\nhello", SEEN "[400 chunk_size]", 0},
	    {CHUNKED ";a\r\nhello", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "g\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "5\nhello\r\n0\r\n\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "5\rhello", SEEN "[400 bare_cr]", 0},
	    {CHUNKED "5;a\nhello", SEEN "[400 chunk_extension]", 0},
	    {CHUNKED "00000000000000005\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "ffffffffffffffff\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "8000000000000000\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "10000000000000000\r\n", SEEN "[400 chunk_size]", 0},
	    {CHUNKED "7fffffffffffffff\r\n", SEEN "[413 body_too_large]", 0},
	    {CHUNKED "11\r\n", SEEN "[413 body_too_large]", 0},
	    {CHUNKED "10\r\n0123456789abcdef\r\n1\r\n",
		SEEN "[0123456789abcdef][413 body_too_large]", 0},
	    {CHUNKED "5\r\nhelloX", SEEN "[hello][400 chunk_end]", 0},
	    {CHUNKED "5\r\nhello\r5", SEEN "[hello][400 chunk_end]", 0},
	    {CHUNKED "5\r\nhello\n0", SEEN "[hello][400 chunk_end]", 0},
	    {CHUNKED "0\r\nTrailer: x\r\n\r\n", SEEN "[400 trailers]", 0},
	    {CHUNKED "0\r\n\n", SEEN "[400 trailers]", 0},
	    {CHUNKED "0\r\n\rX", SEEN "[400 bare_cr]", 0},
	};
	CHECK_CASES(cases);
#undef CHUNKED
#undef SEEN
}
END_TEST

START_TEST(test_refuses_framing)
{
#define PUT "PUT / HTTP/1.1\r\n" HOST
	static const struct http_case cases[] = {
	    {PUT "Content-Length: +5\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: -5\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 0x5\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 5 5\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 5, 5\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 5.0\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: five\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length:\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 9223372036854775808\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 18446744073709551621\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 00000000000000000005\r\n\r\n", "[400 content_length]", 0},
	    {PUT "Content-Length: 9223372036854775807\r\n\r\n",
		"[PUT / 1.1 keep body][413 body_too_large]", 0},
	    {PUT "Content-Length: 17\r\n\r\n", "[PUT / 1.1 keep body][413 body_too_large]", 0},
	    {PUT "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"[400 content_length_repeated]", 0},
	    {PUT "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"[400 content_length_repeated]", 0},
	    {PUT "Content-Length : 5\r\n\r\nhello", "[400 field_name]", 0},
	    {PUT "X: y\r\n Content-Length: 5\r\n\r\nhello", "[400 folded_line]", 0},
	    {PUT "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"[400 length_and_coding]", 0},
	    {PUT "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		"[400 length_and_coding]", 0},
	    {PUT "Transfer-Encoding: identity\r\n\r\n", "[400 transfer_coding]", 0},
	    {PUT "Transfer-Encoding:\r\n\r\n", "[400 transfer_coding]", 0},
	    {PUT "Transfer-Encoding: gzip, chunked\r\n\r\n", "[400 transfer_coding]", 0},
	    {PUT "Transfer-Encoding: chunked, chunked\r\n\r\n", "[400 transfer_coding]", 0},
	    {PUT "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"[400 transfer_coding]", 0},
	    {PUT "Transfer-Encoding: \x0b"
		 "chunked\r\n\r\n",
		"[400 control_character]", 0},
	    {PUT "Transfer-Encoding: xchunked\r\n\r\n", "[400 transfer_coding]", 0},
	    {"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "[400 transfer_coding]", 0},
	    {PUT "Expect: 200-ok\r\n\r\n", "[417 expectation]", 0},
	    {PUT "Expect: 100-continue, x\r\n\r\n", "[417 expectation]", 0},
	    {PUT "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", "[417 expectation]", 0},
	};
	CHECK_CASES(cases);
#undef PUT
}
END_TEST

START_TEST(test_refuses_request_lines)
{
	static const struct http_case cases[] = {
	    {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET /\r\n\r\n", "[400 request_line]", 0},
	    {"GET\r\n\r\n", "[400 request_line]", 0},
	    {"GET  / HTTP/1.1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET / HTTP/1.1 \r\n" HOST "\r\n", "[400 request_line]", 0},
	    {" GET / HTTP/1.1\r\n" HOST "\r\n", "[400 method]", 0},
	    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET / x HTTP/1.1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"G(T / HTTP/1.1\r\n" HOST "\r\n", "[400 method]", 0},
	    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" HOST "\r\n", "[400 method]", 0},
	    {"GET / HTTP/0.9\r\n" HOST "\r\n", "[505 version]", 0},
	    {"GET / HTTP/1.2\r\n" HOST "\r\n", "[505 version]", 0},
	    {"GET / HTTP/2.0\r\n" HOST "\r\n", "[505 version]", 0},
	    {"GET / HTTP/9.9\r\n" HOST "\r\n", "[505 version]", 0},
	    {"GET / http/1.1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET / HTTP/1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET / HTTP/1.10\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET / HTTP/1,1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET / HTTP/+1.1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"GET / ICY/1.1\r\n" HOST "\r\n", "[400 request_line]", 0},
	    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "[505 version]", 0},
	    {"GET http://a/ HTTP/1.1\r\n" HOST "\r\n", "[400 target_form]", 0},
	    {"CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", "[400 target_form]", 0},
	    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "[400 target_form]", 0},
	    {"GET a HTTP/1.1\r\n" HOST "\r\n", "[400 target_form]", 0},
	    {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", "[400 target_syntax]", 0},
	    {"GET /\"<> HTTP/1.1\r\n" HOST "\r\n", "[400 target_syntax]", 0},
	    {"GET /\\..\\ HTTP/1.1\r\n" HOST "\r\n", "[400 target_syntax]", 0},
	    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "[400 target_syntax]", 0},
	    {"GET /%4 HTTP/1.1\r\n" HOST "\r\n", "[400 target_syntax]", 0},
	    {"GET /%zz HTTP/1.1\r\n" HOST "\r\n", "[400 target_syntax]", 0},
	    {"\x16\x03\x01\x02", "[400 control_character]", 0},
	};
	CHECK_CASES(cases);
}
END_TEST

START_TEST(test_refuses_fields)
{
#define GET "GET / HTTP/1.1\r\n"
	static const struct http_case cases[] = {
	    {GET "\r\n", "[400 host_missing]", 0},
	    {GET "Host:\r\n\r\n", "[400 host_missing]", 0},
	    {GET HOST HOST "\r\n", "[400 host_repeated]", 0},
	    {GET HOST "host: b\r\n\r\n", "[400 host_repeated]", 0},
	    {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", "[400 host_repeated]", 0},
	    {GET "Host: a b\r\n\r\n", "[400 host_syntax]", 0},
	    {GET "Host: a/b\r\n\r\n", "[400 host_syntax]", 0},
	    {GET "Host: u@a\r\n\r\n", "[400 host_syntax]", 0},
	    {GET "Host: a, b\r\n\r\n", "[400 host_syntax]", 0},
	    {GET " Host: a\r\n\r\n", "[400 folded_line]", 0},
	    {GET HOST "\tx\r\n\r\n", "[400 folded_line]", 0},
	    {GET HOST "X\r\n\r\n", "[400 field_syntax]", 0},
	    {GET HOST ": x\r\n\r\n", "[400 field_name]", 0},
	    {GET HOST "X\t: x\r\n\r\n", "[400 field_name]", 0},
	    {GET HOST "X Y: x\r\n\r\n", "[400 field_name]", 0},
	    {GET HOST "X\xe9: x\r\n\r\n", "[400 field_name]", 0},
	    {GET HOST "X: a\n\r\n", "[400 bare_lf]", 0},
	    {"GET / HTTP/1.1\n" HOST "\r\n", "[400 bare_lf]", 0},
	    {"\nGET / HTTP/1.1\r\n" HOST "\r\n", "[400 bare_lf]", 0},
	    {GET HOST "X: a\rb\r\n\r\n", "[400 bare_cr]", 0},
	    {GET HOST "\r\r\n", "[400 bare_cr]", 0},
	    {GET HOST "X: \x7f\r\n\r\n", "[400 control_character]", 0},
	    {GET HOST "X: \x1b[31m\r\n\r\n", "[400 control_character]", 0},
	    {GET HOST "X: a\0b\r\n\r\n", "[400 control_character]",
		sizeof(GET HOST "X: a\0b\r\n\r\n") - 1},
	    {"GET /\0 HTTP/1.1\r\n" HOST "\r\n", "[400 control_character]",
		sizeof("GET /\0 HTTP/1.1\r\n" HOST "\r\n") - 1},
	};
	CHECK_CASES(cases);
#undef GET
}
END_TEST

/* "GET /aaa... HTTP/1.1" with a target of that length. */
static void check_target(size_t len, const char *expected)
{
	struct buf input = {0};
	buf_put_str(&input, "GET /");
	for (size_t i = 1; i < len; i++)
		buf_put_str(&input, "a");
	buf_put_str(&input, " HTTP/1.1\r\n" HOST "\r\n");
	if (expected != NULL) {
		check_bytes((const char *)input.bytes, input.len, expected);
	} else {
		struct transcript transcript;
		transcript_begin(&transcript, 0);
		transcript_feed(&transcript, (const char *)input.bytes, input.len);
		ck_assert_int_eq(transcript.failed, 0);
		transcript_end(&transcript);
	}
	buf_free(&input);
}

static void check_fields(size_t count, size_t value_len, const char *expected)
{
	struct buf input = {0};
	buf_put_str(&input, "GET / HTTP/1.1\r\n" HOST);
	for (size_t i = 0; i < count; i++) {
		buf_put_str(&input, "X: ");
		for (size_t j = 0; j < value_len; j++)
			buf_put_str(&input, "v");
		buf_put_str(&input, "\r\n");
	}
	buf_put_str(&input, "\r\n");
	check_bytes((const char *)input.bytes, input.len, expected);
	buf_free(&input);
}

START_TEST(test_limits)
{
	check_target(HTTP1_TARGET_MAX, NULL);
	check_target(HTTP1_TARGET_MAX + 1, "[414 target_too_long]");
	check_target(100 * 1000, "[414 target_too_long]");
	check_fields(HTTP1_FIELDS_MAX - 1, 1, "[GET / 1.1 keep][end]");
	check_fields(HTTP1_FIELDS_MAX, 1, "[431 too_many_fields]");
	check_fields(20 * 1000, 1, "[431 too_many_fields]");
	check_fields(1, 8100, "[GET / 1.1 keep][end]");
	check_fields(1, 8192, "[431 fields_too_long]");
	check_fields(1, 100 * 1000, "[431 fields_too_long]");
	check_fields(10, 1000, "[431 fields_too_long]");
}
END_TEST

START_TEST(test_pipelined_requests_follow_one_another)
{
	struct buf input = {0}, expected = {0};
	for (int i = 0; i < 50; i++) {
		buf_printf(&input, "PUT /%d HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", i);
		buf_printf(&expected, "[PUT /%d 1.1 keep body][hi][end]", i);
	}
	check_bytes((const char *)input.bytes, input.len, (const char *)expected.bytes);
	buf_put_str(&input, "X");
	buf_put_str(&expected, "[more]");
	check_bytes((const char *)input.bytes, input.len, (const char *)expected.bytes);
	buf_free(&input);
	buf_free(&expected);
}
END_TEST

START_TEST(test_accepts_no_body_until_the_caller_allows_one)
{
	static const char input[] = "PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx";
	struct http1_reader reader;
	size_t used = 0;
	http1_init(&reader);
	ck_assert_int_eq(http1_read(&reader, input, sizeof(input) - 1, &used), HTTP1_HEAD);
	ck_assert_int_eq(http1_read(&reader, input, sizeof(input) - 1, &used), HTTP1_ERROR);
	ck_assert_int_eq(reader.status, 413);
	ck_assert_uint_eq(used, sizeof(input) - 2);
	http1_free(&reader);
}
END_TEST

static struct http1_reader parsed;

static const struct http1_head *parse(const char *input)
{
	size_t used = 0;
	http1_init(&parsed);
	ck_assert_int_eq(http1_read(&parsed, input, strlen(input), &used), HTTP1_HEAD);
	return &parsed.head;
}

START_TEST(test_finds_fields)
{
	const struct http1_head *head =
	    parse("GET / HTTP/1.1\r\n" HOST "Accept: \t one \r\nTwice: 1\r\ntwice: 2\r\n\r\n");
	struct span value = {"untouched", 9};
	ck_assert_int_eq(http1_field(head, "X", &value), ERR_NOT_FOUND);
	ck_assert_int_eq(http1_field(head, "Twice", &value), ERR_SYNTAX);
	ck_assert(span_equal(value, "untouched"));
	ck_assert_int_eq(http1_field(head, "aCCept", &value), ERR_OK);
	ck_assert(span_equal(value, "one"));
	http1_free(&parsed);
}
END_TEST

START_TEST(test_splits_the_target)
{
	const struct http1_head *head = parse("GET /a?b?c HTTP/1.1\r\n" HOST "\r\n");
	ck_assert(span_equal(head->path, "/a"));
	ck_assert(span_equal(head->query, "b?c"));
	http1_free(&parsed);
	head = parse("GET /a HTTP/1.1\r\n" HOST "\r\n");
	ck_assert(span_equal(head->path, "/a"));
	ck_assert(span_equal(head->query, ""));
	http1_free(&parsed);
}
END_TEST

START_TEST(test_finds_query_parameters)
{
	static const struct {
		const char *query;
		enum err err;
		const char *value;
	} cases[] = {
	    {"mac=00:15", ERR_OK, "00:15"},
	    {"a=1&mac=x&b=2", ERR_OK, "x"},
	    {"mac", ERR_OK, ""},
	    {"mac=", ERR_OK, ""},
	    {"mac=a%20b+c%2B", ERR_OK, "a b c+"},
	    {"m%61c=x", ERR_OK, "x"},
	    {"mac=a=b", ERR_OK, "a=b"},
	    {"&&mac=x&", ERR_OK, "x"},
	    {"", ERR_NOT_FOUND, NULL},
	    {"MAC=x", ERR_NOT_FOUND, NULL},
	    {"macs=x&ma=y", ERR_NOT_FOUND, NULL},
	    {"mac=1&mac=1", ERR_SYNTAX, NULL},
	    {"mac=1&m%61c", ERR_SYNTAX, NULL},
	    {"mac=%00", ERR_SYNTAX, NULL},
	    {"mac=01234567", ERR_TOO_LONG, NULL},
	    {"mac=0123456", ERR_OK, "0123456"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http1_head head = {.query = {cases[i].query, strlen(cases[i].query)}};
		char value[8] = "before";
		ck_assert_msg(http1_query(&head, "mac", value, sizeof(value)) == cases[i].err, "%s",
		    cases[i].query);
		ck_assert_str_eq(value, cases[i].err == ERR_OK ? cases[i].value : "before");
	}
	char value[8];
	struct http1_head head = {.query = {"mac=%4", 6}};
	ck_assert_int_eq(http1_query(&head, "mac", value, sizeof(value)), ERR_SYNTAX);
	head.query = (struct span){"%zz=1&mac=2", 11};
	ck_assert_int_eq(http1_query(&head, "mac", value, sizeof(value)), ERR_SYNTAX);
}
END_TEST

START_TEST(test_decodes_segments_strictly)
{
	static const struct {
		const char *encoded;
		enum err err;
		const char *decoded;
	} cases[] = {
	    {"001565aabbcc", ERR_OK, "001565aabbcc"},
	    {"00%3A15", ERR_OK, "00:15"},
	    {"a+b", ERR_OK, "a+b"},
	    {"%e2%82%ac", ERR_OK, "\xe2\x82\xac"},
	    {"", ERR_OK, ""},
	    {"a%00", ERR_SYNTAX, NULL},
	    {"a%2fb", ERR_SYNTAX, NULL},
	    {"a/b", ERR_SYNTAX, NULL},
	    {"%0d%0a", ERR_SYNTAX, NULL},
	    {"%7f", ERR_SYNTAX, NULL},
	    {"%", ERR_SYNTAX, NULL},
	    {"%1", ERR_SYNTAX, NULL},
	    {"%1g", ERR_SYNTAX, NULL},
	    {"0123456789abcdef", ERR_TOO_LONG, NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span encoded = {cases[i].encoded, strlen(cases[i].encoded)};
		char decoded[16] = "before";
		ck_assert_msg(http1_decode(encoded, decoded, sizeof(decoded)) == cases[i].err, "%s",
		    encoded.text);
		ck_assert_str_eq(decoded, cases[i].err == ERR_OK ? cases[i].decoded : "before");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http1");
	TCase *reader = tcase_create("reader");
	tcase_set_timeout(reader, 60);
	tcase_add_test(reader, test_accepts);
	tcase_add_test(reader, test_waits_for_more);
	tcase_add_test(reader, test_reads_chunks);
	tcase_add_test(reader, test_refuses_framing);
	tcase_add_test(reader, test_refuses_request_lines);
	tcase_add_test(reader, test_refuses_fields);
	tcase_add_test(reader, test_limits);
	tcase_add_test(reader, test_pipelined_requests_follow_one_another);
	tcase_add_test(reader, test_accepts_no_body_until_the_caller_allows_one);
	suite_add_tcase(suite, reader);
	TCase *fields = tcase_create("fields");
	tcase_add_test(fields, test_finds_fields);
	tcase_add_test(fields, test_splits_the_target);
	tcase_add_test(fields, test_finds_query_parameters);
	tcase_add_test(fields, test_decodes_segments_strictly);
	suite_add_tcase(suite, fields);
	return unit_run(suite);
}
