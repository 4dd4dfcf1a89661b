/* How a MAC may be spelled, and that it is printed in one way only. */
#include <string.h>

#include "common/base/mac.h"
#include "tests/lib/unit.h"

static const struct {
	const char *text;
	enum err err;
	const char *canonical;
} SPELLINGS[] = {
    {"001565AABBCC", ERR_OK, "001565AABBCC"},
    {"001565aabbcc", ERR_OK, "001565AABBCC"},
    {"001565aAbBcC", ERR_OK, "001565AABBCC"},
    {"00:15:65:aa:bb:cc", ERR_OK, "001565AABBCC"},
    {"00-15-65-AA-BB-CC", ERR_OK, "001565AABBCC"},
    {"0015.65aa.bbcc", ERR_OK, "001565AABBCC"},
    {"02:00:00:00:00:01", ERR_OK, "020000000001"}, /* locally administered */
    {"fe:ff:ff:ff:ff:ff", ERR_OK, "FEFFFFFFFFFF"},
    {"", ERR_SYNTAX, NULL},
    {"001565AABBC", ERR_SYNTAX, NULL},
    {"001565AABBCCD", ERR_SYNTAX, NULL},
    {"001565AABBCC00", ERR_SYNTAX, NULL}, /* 14 digits: the length of the dotted spelling */
    {"001565AABBCG", ERR_SYNTAX, NULL},
    {" 01565AABBCC", ERR_SYNTAX, NULL},
    {"001565AABBCC ", ERR_SYNTAX, NULL},
    {"001565AABBCC\n", ERR_SYNTAX, NULL},
    {"0x1565AABBCC", ERR_SYNTAX, NULL},
    {"+01565AABBCC", ERR_SYNTAX, NULL},
    {"00:15:65:aa:bb-cc", ERR_SYNTAX, NULL},
    {"00:15-65:aa-bb:cc", ERR_SYNTAX, NULL},
    {"00 15 65 aa bb cc", ERR_SYNTAX, NULL},
    {"0:15:65:aa:bb:ccc", ERR_SYNTAX, NULL},
    {"00::15:65:aa:bb:c", ERR_SYNTAX, NULL},
    {":00:15:65:aa:bb:c", ERR_SYNTAX, NULL},
    {"00:15:65:aa:bb:cc:", ERR_SYNTAX, NULL},
    {"001:565:aab:bcc", ERR_SYNTAX, NULL},
    {"0015:65aa:bbcc", ERR_SYNTAX, NULL},
    {"0015-65aa-bbcc", ERR_SYNTAX, NULL},
    {"00.15.65.aa.bb.cc", ERR_SYNTAX, NULL},
    {"001565.aabbcc", ERR_SYNTAX, NULL},
    {"[0015.65aa.bbc]", ERR_SYNTAX, NULL},
    {"\xef\xbc\x90"
     "01565AABBC",
	ERR_SYNTAX, NULL}, /* a full-width digit zero */
    {"00:15:65:ff:fe:aa:bb:cc", ERR_SYNTAX, NULL}, /* EUI-64 */
    {"000000000000", ERR_RANGE, NULL},
    {"00:00:00:00:00:00", ERR_RANGE, NULL},
    {"ffffffffffff", ERR_RANGE, NULL}, /* broadcast */
    {"01005E000001", ERR_RANGE, NULL}, /* multicast */
    {"0115.65aa.bbcc", ERR_RANGE, NULL},
};

START_TEST(a_mac_has_four_spellings)
{
	struct mac mac = {{9, 9, 9, 9, 9, 9}}, before = mac;
	char text[MAC_TEXT_LEN + 1];

	enum err err = mac_parse(SPELLINGS[_i].text, strlen(SPELLINGS[_i].text), &mac);
	ck_assert_msg(
	    err == SPELLINGS[_i].err, "\"%s\" is read as %s", SPELLINGS[_i].text, err_name(err));
	if (err == ERR_OK) {
		mac_format(&mac, text);
		ck_assert_str_eq(text, SPELLINGS[_i].canonical);
	} else {
		ck_assert(mac_equal(&mac, &before));
	}
}
END_TEST

START_TEST(a_nul_is_no_end)
{
	struct mac mac;

	ck_assert_int_eq(mac_parse("001565AABBCC\0", 13, &mac), ERR_SYNTAX);
	ck_assert_int_eq(mac_parse("001565AABB\0C", 12, &mac), ERR_SYNTAX);
	ck_assert_int_eq(mac_parse_canonical("001565AABBC\0", 12, &mac), ERR_SYNTAX);
}
END_TEST

static const struct {
	const char *text;
	enum err err;
} CANONICAL[] = {
    {"001565AABBCC", ERR_OK},
    {"001565AABBCc", ERR_SYNTAX},
    {"001565aabbcc", ERR_SYNTAX},
    {"00:15:65:AA:BB:CC", ERR_SYNTAX},
    {"0015.65AA.BBCC", ERR_SYNTAX},
    {"001565AABBC", ERR_SYNTAX},
    {"001565AABBCC00", ERR_SYNTAX},
    {"001565AABBC'", ERR_SYNTAX},
    {"%s%s%s%s%s%s", ERR_SYNTAX},
    {"FFFFFFFFFFFF", ERR_RANGE},
    {"000000000000", ERR_RANGE},
};

START_TEST(a_certificate_has_one_spelling)
{
	struct mac mac;

	ck_assert_int_eq(mac_parse_canonical(CANONICAL[_i].text, strlen(CANONICAL[_i].text), &mac),
	    CANONICAL[_i].err);
}
END_TEST

START_TEST(a_mac_is_a_number_of_48_bits)
{
	struct mac mac, again;
	char text[MAC_TEXT_LEN + 1];

	ck_assert_int_eq(mac_parse("001565AABBCC", 12, &mac), ERR_OK);
	ck_assert_uint_eq(mac_to_uint(&mac), 0x001565aabbcc);
	ck_assert_int_eq(mac_from_uint(0x001565aabbcc, &again), ERR_OK);
	ck_assert(mac_equal(&mac, &again));
	mac_format_lower(&again, text);
	ck_assert_str_eq(text, "001565aabbcc");
	ck_assert_int_eq(mac_from_uint(UINT64_C(0xffffffffffff), &again), ERR_OK);
	ck_assert_uint_eq(mac_to_uint(&again), UINT64_C(0xffffffffffff));
	ck_assert_int_eq(mac_from_uint(UINT64_C(0x1000000000000), &again), ERR_RANGE);
	ck_assert(!mac_equal(&mac, &again));
}
END_TEST

static const struct {
	const char *text, *first, *last; /* NULL: refused */
} PREFIXES[] = {
    {"0", "000000000000", "0FFFFFFFFFFF"},
    {"001565", "001565000000", "001565FFFFFF"},
    {"00:15:65:a", "001565A00000", "001565AFFFFF"},
    {"00:15:", "001500000000", "0015FFFFFFFF"},
    {"0015.65Ab", "001565AB0000", "001565ABFFFF"},
    {"001565aabbcc", "001565AABBCC", "001565AABBCC"},
    {"", NULL, NULL},
    {":", NULL, NULL},
    {"00::15", NULL, NULL},
    {"001565aabbccd", NULL, NULL},
    {"00156g", NULL, NULL},
    {"00 15", NULL, NULL},
};

START_TEST(a_prefix_is_a_range)
{
	struct mac first, last;
	char text[MAC_TEXT_LEN + 1];
	enum err err =
	    mac_prefix_parse(PREFIXES[_i].text, strlen(PREFIXES[_i].text), &first, &last);
	ck_assert_int_eq(err, PREFIXES[_i].first ? ERR_OK : ERR_SYNTAX);
	if (err)
		return;
	mac_format(&first, text);
	ck_assert_str_eq(text, PREFIXES[_i].first);
	mac_format(&last, text);
	ck_assert_str_eq(text, PREFIXES[_i].last);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mac");
	TCase *tests = tcase_create("mac");

	tcase_add_loop_test(tests, a_mac_has_four_spellings, 0, COUNT(SPELLINGS));
	tcase_add_test(tests, a_nul_is_no_end);
	tcase_add_loop_test(tests, a_certificate_has_one_spelling, 0, COUNT(CANONICAL));
	tcase_add_test(tests, a_mac_is_a_number_of_48_bits);
	tcase_add_loop_test(tests, a_prefix_is_a_range, 0, COUNT(PREFIXES));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
