/* When a request names another phone. */
#include "common/answer/request_mac.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct mac OWN = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};

static const struct {
	const char *path, *query;
	int other;
} REQUESTS[] = {
    {"/", "", 0},
    {"/v1/bootstrap", "", 0},
    {"/001565aabbcc.cfg", "", 0},
    {"/001565AABBCC.cfg", "", 0},
    {"/a/b/cfg001565aabbcc.xml", "mac=001565AABBCC", 0},
    {"/spa001565aabbcc.cfg", "", 0}, /* the prefix ends in a hex digit */
    {"/001565aabbcccfg", "", 0},
    {"/snomD785-001565AABBCC.htm", "", 0},
    {"/00-15-65-aa-bb-cc.cfg", "mac=00%3A15%3A65%3AAA%3ABB%3ACC", 0},
    {"/0015.65aa.bbcc", "", 0},
    /* Files for everybody. */
    {"/000000000000.cfg", "", 0},
    {"/y000000000028.cfg", "", 0},
    {"/y000000000108.boot", "", 0},
    {"/CP-8841-3PCC.xml", "", 0},
    {"/ffffffffffff.cfg", "", 0}, /* multicast: nobody's */
    /* Longer numbers and hashes are no MACs. */
    {"/0015650000010.cfg", "", 0},
    {"/d41d8cd98f00b204e9800998ecf8427e", "", 0},
    {"/x", "fp=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 0},
    {"/00156500000", "", 0},
    {"/aaaaaaaaaaaaaaaaaaaaaaaa", "", 0},
    {"/xbeadedfacade", "", 0}, /* letters alone, and more than twelve */
    {"/x", "t=2024-01-02-03-04-05", 0},
    /* Another phone's. */
    {"/001565aabbcd.cfg", "", 1},
    {"/001565AABBCD.cfg", "", 1},
    {"/x/y/001565aabbcd", "", 1},
    {"/001565aabbcd/phone.cfg", "", 1},
    {"/cfg001565aabbcd.xml", "", 1},
    {"/cfg001565aabbcd", "", 1},
    {"/spa001565aabbcd.cfg", "", 1},
    {"/snomD785-001565AABBCD.htm", "", 1},
    {"/001565aabbcc-001565aabbcd.cfg", "", 1},
    {"/00-15-65-aa-bb-cd.cfg", "", 1},
    {"/00:15:65:aa:bb:cd.cfg", "", 1},
    {"/0015.65aa.bbcd.cfg", "", 1},
    {"/cfg00-15-65-aa-bb-cd.xml", "", 1},
    {"/", "mac=001565AABBCD", 1},
    {"/001565aabbcc.cfg", "mac=001565aabbcd", 1},
    {"/", "mac=001565AABBCC&mac=001565AABBCD", 1},
    {"/", "x=00%3A15%3A65%3aaa%3abb%3acd", 1},
    {"/", "mac=%30%30%31565AABBCD", 1},
    {"/", "mac=00:15:65:aa:bb:cd%", 1},
    {"/deadbeefcafe", "", 1},
};

START_TEST(reads_each_request)
{
	const char *path = REQUESTS[_i].path, *query = REQUESTS[_i].query;
	struct mac named = OWN;

	ck_assert_msg(
	    request_names_other_mac(&OWN, path, query, strlen(query), &named) == REQUESTS[_i].other,
	    "%s?%s: not %d", path, query, REQUESTS[_i].other);
	ck_assert_int_eq(!mac_equal(&named, &OWN), REQUESTS[_i].other);
}
END_TEST

static const struct {
	const char *query;
	int own;
} QUERIES[] = {
    {"", 0},
    {"mac", 0},
    {"mac=", 0},
    {"mac=001565aabbcc", 1},
    {"MAC=00:15:65:AA:BB:CC", 1},
    {"a=1&mac=00%3a15%3a65%3aaa%3abb%3acc&b", 1},
    {"mac=0015.65aa.bbcc", 1},
    {"xmac=001565aabbcc", 0},
    {"mac=001565aabbcd", 0},
    {"mac=001565aabbccd", 0},
    {"&&mac=001565aabbcc&&", 1},
};

START_TEST(reads_the_mac_parameter)
{
	const char *query = QUERIES[_i].query;

	ck_assert_msg(
	    request_query_has_mac(&OWN, query, strlen(query)) == QUERIES[_i].own, "%s", query);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request_mac");
	TCase *tests = tcase_create("all");

	tcase_add_loop_test(tests, reads_each_request, 0, COUNT(REQUESTS));
	tcase_add_loop_test(tests, reads_the_mac_parameter, 0, COUNT(QUERIES));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
