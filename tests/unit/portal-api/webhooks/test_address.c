/* What may be posted to: the Internet at large, and nothing inside, in any spelling. */
#include <arpa/inet.h>
#include <string.h>

#include "portal-api/webhooks/address.h"
#include "tests/lib/unit.h"

static const struct {
	const char *text;
	int is_public, is_loopback;
} CASES[] = {
    {"1.1.1.1", 1, 0},
    {"9.255.255.255", 1, 0},
    {"11.0.0.0", 1, 0},
    {"100.63.255.255", 1, 0},
    {"100.128.0.0", 1, 0},
    {"172.15.255.255", 1, 0},
    {"172.32.0.0", 1, 0},
    {"192.167.255.255", 1, 0},
    {"192.169.0.0", 1, 0},
    {"198.17.255.255", 1, 0},
    {"198.20.0.0", 1, 0},
    {"223.255.255.255", 1, 0},
    {"0.0.0.0", 0, 0},
    {"0.1.2.3", 0, 0},
    {"10.0.0.1", 0, 0},
    {"100.64.0.1", 0, 0},
    {"100.127.255.255", 0, 0},
    {"127.0.0.1", 0, 1},
    {"127.255.255.254", 0, 1},
    {"169.254.169.254", 0, 0},
    {"172.16.0.1", 0, 0},
    {"172.31.255.255", 0, 0},
    {"192.0.0.8", 0, 0},
    {"192.0.2.1", 0, 0},
    {"192.88.99.1", 0, 0},
    {"192.168.1.1", 0, 0},
    {"198.18.0.1", 0, 0},
    {"198.19.255.255", 0, 0},
    {"198.51.100.7", 0, 0},
    {"203.0.113.7", 0, 0},
    {"224.0.0.1", 0, 0},
    {"239.255.255.255", 0, 0},
    {"240.0.0.1", 0, 0},
    {"255.255.255.255", 0, 0},
    {"2606:4700:4700::1111", 1, 0},
    {"2a00:1450:4001::1", 1, 0},
    {"::", 0, 0},
    {"::1", 0, 1},
    {"::ffff:8.8.8.8", 0, 0},
    {"::ffff:127.0.0.1", 0, 0},
    {"::127.0.0.1", 0, 0},
    {"64:ff9b::7f00:1", 0, 0},
    {"100::1", 0, 0},
    {"2001::1", 0, 0},
    {"2001:db8::1", 0, 0},
    {"2002:7f00:1::1", 0, 0},
    {"3fff::1", 0, 0},
    {"fc00::1", 0, 0},
    {"fd12:3456::1", 0, 0},
    {"fe80::1", 0, 0},
    {"fec0::1", 0, 0},
    {"ff02::1", 0, 0},
};

START_TEST(addresses)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const struct sockaddr *address = (const void *)&in;
	if (inet_pton(AF_INET, CASES[_i].text, &in.sin_addr) != 1) {
		ck_assert_int_eq(inet_pton(AF_INET6, CASES[_i].text, &in6.sin6_addr), 1);
		address = (const void *)&in6;
	}
	ck_assert_msg(address_is_public(address) == CASES[_i].is_public, "%s", CASES[_i].text);
	ck_assert_msg(address_is_loopback(address) == CASES[_i].is_loopback, "%s", CASES[_i].text);
}
END_TEST

START_TEST(other_families)
{
	struct sockaddr other = {.sa_family = AF_UNIX};
	ck_assert_int_eq(address_is_public(&other), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("webhook address");
	TCase *tests = tcase_create("address");
	tcase_add_loop_test(tests, addresses, 0, (int)(sizeof(CASES) / sizeof(CASES[0])));
	tcase_add_test(tests, other_families);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
