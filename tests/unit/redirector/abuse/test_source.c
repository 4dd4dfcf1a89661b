/* Addresses as sources, and back. */
#include "redirector/abuse/source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static uint64_t source_of(const char *text)
{
	struct sockaddr_storage address = {.ss_family = AF_INET};
	void *any = &address;

	if (strchr(text, ':') != NULL) {
		address.ss_family = AF_INET6;
		ck_assert(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)any)->sin6_addr) == 1);
	} else {
		ck_assert(inet_pton(AF_INET, text, &((struct sockaddr_in *)any)->sin_addr) == 1);
	}
	return source_of_address(&address);
}

static const struct {
	const char *address, *source, *network;
} CASES[] = {
    {"192.0.2.7", "192.0.2.7", "192.0.2.0/24"},
    {"0.0.0.1", "0.0.0.1", "0.0.0.0/24"},
    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"},
    {"2001:db8::1", "2001:db8::/64", "2001:db8::/48"},
    {"::1", "::/64", "ffff:fffe::/48"},
    {"fe80::1", "fe80::/64", "fe80::/48"},
};

START_TEST(reads_and_writes)
{
	char text[SOURCE_TEXT_LEN];
	uint64_t source = source_of(CASES[_i].address), again = 0;

	ck_assert_uint_ne(source, 0);
	source_format(source, text);
	ck_assert_str_eq(text, CASES[_i].source);
	ck_assert_int_eq(source_parse(text, &again), ERR_OK);
	ck_assert_uint_eq(again, source);
	ck_assert_int_eq(source_parse(CASES[_i].address, &again), ERR_OK);
	ck_assert_uint_eq(again, source);
	if (strcmp(CASES[_i].address, "::1") == 0)
		return; /* loopback has no network around it */
	source_format_network(source_network(source), text);
	ck_assert_str_eq(text, CASES[_i].network);
}
END_TEST

START_TEST(neighbours)
{
	ck_assert_uint_eq(source_of("2001:db8::1"), source_of("2001:db8::ffff:1:2:3"));
	ck_assert_uint_ne(source_of("2001:db8::1"), source_of("2001:db8:0:1::1"));
	ck_assert_uint_ne(source_of("192.0.2.7"), source_of("192.0.2.8"));
	ck_assert_uint_eq(
	    source_network(source_of("192.0.2.7")), source_network(source_of("192.0.2.200")));
	ck_assert_uint_ne(
	    source_network(source_of("192.0.2.7")), source_network(source_of("192.0.3.7")));
	ck_assert_uint_eq(source_of("255.255.255.255"), 0);
	ck_assert_uint_eq(source_of("ffff:ffff:ffff:ffff::1"), 0);
	ck_assert_uint_eq(source_of_address(&(struct sockaddr_storage){.ss_family = AF_UNIX}), 0);
}
END_TEST

START_TEST(refuses_what_is_no_source)
{
	static const char *const TEXTS[] = {"", "x", "192.0.2", "192.0.2.7/32", "192.0.2.0/24",
	    "2001:db8::/48", "2001:db8::/64 ", "2001:db8::/", "255.255.255.255", "ff02::1",
	    "ffff:ffff:ffff:ffff::1", "1111:2222:3333:4444:5555:6666:7777:8888:9999"};

	for (size_t i = 0; i < COUNT(TEXTS); i++) {
		uint64_t source = 1;
		ck_assert_msg(source_parse(TEXTS[i], &source) == ERR_SYNTAX, "%s", TEXTS[i]);
		ck_assert_uint_eq(source, 1);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector/abuse/source");
	TCase *tcase = tcase_create("source");

	tcase_add_loop_test(tcase, reads_and_writes, 0, COUNT(CASES));
	tcase_add_test(tcase, neighbours);
	tcase_add_test(tcase, refuses_what_is_no_source);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
