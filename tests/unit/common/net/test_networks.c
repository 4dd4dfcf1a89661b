/* Who is in a list of networks, and what is no network. */
#include "common/net/networks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static int holds(const char *network, const char *address)
{
	struct sockaddr_storage peer = {.ss_family = AF_INET};
	struct networks networks;
	char why[200];
	void *any = &peer;

	ck_assert_int_eq(networks_parse(&network, 1, &networks, why, sizeof(why)), ERR_OK);
	if (strchr(address, ':') != NULL) {
		peer.ss_family = AF_INET6;
		ck_assert(
		    inet_pton(AF_INET6, address, &((struct sockaddr_in6 *)any)->sin6_addr) == 1);
	} else {
		ck_assert(inet_pton(AF_INET, address, &((struct sockaddr_in *)any)->sin_addr) == 1);
	}
	return networks_hold(&networks, &peer);
}

static const struct {
	const char *network, *address;
	int holds;
} CASES[] = {
    {"192.0.2.7", "192.0.2.7", 1},
    {"192.0.2.7", "192.0.2.8", 0},
    {"192.0.2.0/24", "192.0.2.255", 1},
    {"192.0.2.0/24", "192.0.3.0", 0},
    {"192.0.2.128/25", "192.0.2.127", 0},
    {"192.0.2.128/25", "192.0.2.128", 1},
    {"0.0.0.0/0", "203.0.113.1", 1},
    {"0.0.0.0/0", "2001:db8::1", 0},
    {"2001:db8::/33", "2001:db8:7fff::1", 1},
    {"2001:db8::/33", "2001:db8:8000::1", 0},
    {"::1", "::1", 1},
    {"::/0", "2001:db8::1", 1},
    {"::/0", "192.0.2.1", 0},
};

START_TEST(matches)
{
	ck_assert_int_eq(holds(CASES[_i].network, CASES[_i].address), CASES[_i].holds);
}
END_TEST

START_TEST(refuses_what_is_no_network)
{
	static const char *const TEXTS[] = {"", "x", "192.0.2", "192.0.2.1/24", "192.0.2.0/33",
	    "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/024", "2001:db8::1/64", "2001:db8::/129",
	    "localhost", "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000"};
	struct network network;

	for (size_t i = 0; i < COUNT(TEXTS); i++)
		ck_assert_msg(network_parse(TEXTS[i], &network) == ERR_SYNTAX, "%s", TEXTS[i]);
}
END_TEST

START_TEST(names_the_one_that_is_wrong)
{
	const char *texts[NETWORKS_MAX + 1] = {"::1", "192.0.2.1/24"};
	struct networks networks;
	char why[200];

	ck_assert_int_eq(networks_parse(texts, 2, &networks, why, sizeof(why)), ERR_SYNTAX);
	ck_assert_ptr_nonnull(strstr(why, "\"192.0.2.1/24\""));
	ck_assert_uint_eq(networks.count, 0);
	ck_assert_int_eq(
	    networks_parse(texts, NETWORKS_MAX + 1, &networks, why, sizeof(why)), ERR_RANGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("common/net/networks");
	TCase *tcase = tcase_create("networks");

	tcase_add_loop_test(tcase, matches, 0, COUNT(CASES));
	tcase_add_test(tcase, refuses_what_is_no_network);
	tcase_add_test(tcase, names_the_one_that_is_wrong);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
