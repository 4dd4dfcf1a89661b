/*
 * Which bytes are a PROXY protocol header, whom they name, and which are refused.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/proxy_protocol.h"
#include "tests/lib/unit.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) text, sizeof(text) - 1
#define A16 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"

static const struct {
	const char *bytes;
	size_t len;
	enum err err;
	size_t header_len;
	const char *source; /* NULL: the balancer's own */
} CASES[] = {
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n\x16\x03"), ERR_OK, 45,
	"192.0.2.7 56324"},
    {BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), ERR_OK, 44, "2001:db8::1 1"},
    {BYTES("PROXY UNKNOWN\r\n"), ERR_OK, 15, NULL},
    {BYTES("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), ERR_OK, 35, NULL},
    {BYTES(""), ERR_MORE, 0, NULL},
    {BYTES("PRO"), ERR_MORE, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443"), ERR_MORE, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r"), ERR_MORE, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n"), ERR_MORE, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\r"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 1\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7  198.51.100.1 56324 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 +1 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.256 198.51.100.1 1 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY UDP4 192.0.2.7 198.51.100.1 1 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY  TCP4\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY \r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("PROXY TCP4\0 192.0.2.7 198.51.100.1 1 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("proxy TCP4 192.0.2.7 198.51.100.1 1 443\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("GET / HTTP/1.1\r\n"), ERR_SYNTAX, 0, NULL},
    {BYTES("\x16\x03\x01"), ERR_SYNTAX, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\x04\1\xbb\x16"), ERR_OK, 28,
	"192.0.2.7 56324"},
    {BYTES(SIGNATURE "\x21\x21\0\x24" A16 A16 "\0\x01\1\xbb"), ERR_OK, 52, "2001:db8::1 1"},
    {BYTES(SIGNATURE "\x21\x11\0\x0f\xc0\0\2\7\xc6\x33\x64\1\xdc\x04\1\xbb\x04\0\0"), ERR_OK, 31,
	"192.0.2.7 56324"},
    {BYTES(SIGNATURE "\x20\0\0\0"), ERR_OK, 16, NULL},
    {BYTES(SIGNATURE "\x20\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\x04\1\xbb"), ERR_OK, 28, NULL},
    {BYTES(SIGNATURE "\x21\0\0\0"), ERR_OK, 16, NULL},
    {BYTES(SIGNATURE), ERR_MORE, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7"), ERR_MORE, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\7\xc6\x33\x64\1\xdc\x04\1"), ERR_SYNTAX, 0, NULL},
    {BYTES(SIGNATURE "\x21\x12\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\x04\1\xbb"), ERR_SYNTAX, 0, NULL},
    {BYTES(SIGNATURE "\x11\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\x04\1\xbb"), ERR_SYNTAX, 0, NULL},
    {BYTES(SIGNATURE "\x22\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\x04\1\xbb"), ERR_SYNTAX, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\xff\xff"), ERR_TOO_LONG, 0, NULL},
    {BYTES("\r\n\r\n\0\r\nQUIT\r"), ERR_SYNTAX, 0, NULL},
};

static void format_source(const struct proxy_header *header, char *text, size_t text_len)
{
	char address[INET6_ADDRSTRLEN];
	const struct sockaddr_in6 *source6 = (const struct sockaddr_in6 *)&header->source;
	const struct sockaddr_in *source4 = (const struct sockaddr_in *)&header->source;
	int is_v6 = header->source.ss_family == AF_INET6;
	inet_ntop(header->source.ss_family,
	    is_v6 ? (const void *)&source6->sin6_addr : (const void *)&source4->sin_addr, address,
	    sizeof(address));
	snprintf(text, text_len, "%s %d", address,
	    ntohs(is_v6 ? source6->sin6_port : source4->sin_port));
}

START_TEST(test_reads_headers)
{
	struct proxy_header header = {.len = 4711};
	/* An exact copy, so that a sanitizer sees a read past the end. */
	char *copy = malloc(CASES[_i].len + 1);
	memcpy(copy, CASES[_i].bytes, CASES[_i].len);
	copy = realloc(copy, CASES[_i].len > 0 ? CASES[_i].len : 1);
	ck_assert_int_eq(proxy_protocol_parse(copy, CASES[_i].len, &header), CASES[_i].err);
	free(copy);
	if (CASES[_i].err != ERR_OK) {
		ck_assert_uint_eq(header.len, 4711);
		return;
	}
	ck_assert_uint_eq(header.len, CASES[_i].header_len);
	ck_assert_int_eq(header.has_source, CASES[_i].source != NULL);
	if (CASES[_i].source != NULL) {
		char text[80];
		format_source(&header, text, sizeof(text));
		ck_assert_str_eq(text, CASES[_i].source);
	}
}
END_TEST

START_TEST(test_every_part_of_a_header_waits_for_more)
{
	if (CASES[_i].err != ERR_OK)
		return;
	struct proxy_header header;
	for (size_t len = 0; len < CASES[_i].header_len; len++)
		ck_assert_int_eq(proxy_protocol_parse(CASES[_i].bytes, len, &header), ERR_MORE);
}
END_TEST

START_TEST(test_a_line_without_end_is_refused)
{
	char bytes[200] = "PROXY TCP4 ";
	memset(bytes + 11, '1', sizeof(bytes) - 11);
	struct proxy_header header;
	ck_assert_int_eq(proxy_protocol_parse(bytes, 106, &header), ERR_MORE);
	ck_assert_int_eq(proxy_protocol_parse(bytes, 107, &header), ERR_SYNTAX);
	ck_assert_int_eq(proxy_protocol_parse(bytes, sizeof(bytes), &header), ERR_SYNTAX);
}
END_TEST

START_TEST(test_tells_a_header_from_tls_and_http)
{
	ck_assert_int_eq(proxy_protocol_begins(BYTES("PROXY TCP4")), 1);
	ck_assert_int_eq(proxy_protocol_begins(BYTES(SIGNATURE)), 1);
	ck_assert_int_eq(proxy_protocol_begins(BYTES("PR")), 0);
	ck_assert_int_eq(proxy_protocol_begins(BYTES("\r\n")), 0);
	ck_assert_int_eq(proxy_protocol_begins(BYTES("\x16\x03\x01\x02\x00\x01")), 0);
	ck_assert_int_eq(proxy_protocol_begins(BYTES("PROPFIND / HTTP/1.1")), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_protocol");
	TCase *tcase = tcase_create("headers");
	int count = (int)(sizeof(CASES) / sizeof(CASES[0]));
	tcase_add_loop_test(tcase, test_reads_headers, 0, count);
	tcase_add_loop_test(tcase, test_every_part_of_a_header_waits_for_more, 0, count);
	tcase_add_test(tcase, test_a_line_without_end_is_refused);
	tcase_add_test(tcase, test_tells_a_header_from_tls_and_http);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
