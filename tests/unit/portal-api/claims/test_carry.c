/* What a model's format cannot carry is refused when it is claimed. */
#include <string.h>

#include "common/answer/format_set.h"
#include "portal-api/claims/carry.h"
#include "tests/lib/unit.h"

static struct format_set *formats;

static void load(void)
{
	char why[512] = "";
	ck_assert_msg(
	    format_set_load("redirector/formats", &formats, why, sizeof why) == ERR_OK, "%s", why);
}

static void unload(void)
{
	format_set_free(formats);
}

static struct carry usual(void)
{
	struct carry carry = {.serial_number = "SN1",
	    .model = "T46",
	    .provisioning_url = "https://prov.itsp.example/{mac}?s={serial}&x=1",
	    .fallback_urls = {"https://b.itsp.example/"},
	    .fallback_count = 1,
	    .admin_password = "Correct7HorseBat"};
	ck_assert_int_eq(mac_parse("001565AABBCC", 12, &carry.mac), ERR_OK);
	return carry;
}

START_TEST(every_format_carries_the_usual)
{
	for (size_t i = 0; i < format_set_count(formats); i++) {
		struct carry carry = usual();
		struct field_errors errors = {0};
		carry.provisioning_url = "https://prov.itsp.example/{mac}";
		ck_assert_int_eq(carry_check(format_set_at(formats, i), &carry, &errors), ERR_OK);
	}
}
END_TEST

static const struct {
	const char *format, *password, *url, *field;
} TOO_MUCH[] = {
    {"grandstream", "Correct7HorseBatteryStapleCorrect", NULL, "admin_password"},
    {"htek", "Correct7HorseBatteryStapleCorrect", NULL, "admin_password"},
    {"panasonic", "Correct7HorseBatt", NULL, "admin_password"},
    {"yealink", NULL, "https://prov.itsp.example/$MAC", "profile_id"},
    {"cisco-spa", NULL, "https://prov.itsp.example/$MA.xml", "profile_id"},
    {"cisco-mpp", NULL, "https://prov.itsp.example/$MA.xml", "profile_id"},
    {"fanvil", NULL, "https://prov.itsp.example/$mac.cfg", "profile_id"},
};

START_TEST(what_the_phone_would_cut_or_misread_is_blamed_on_its_field)
{
	struct carry carry = usual();
	struct field_errors errors = {0};
	if (TOO_MUCH[_i].password)
		carry.admin_password = TOO_MUCH[_i].password;
	if (TOO_MUCH[_i].url)
		carry.provisioning_url = TOO_MUCH[_i].url;
	ck_assert_int_eq(
	    carry_check(format_set_find(formats, TOO_MUCH[_i].format), &carry, &errors),
	    ERR_REFUSED);
	ck_assert_str_eq(errors.items[0].field, TOO_MUCH[_i].field);
	ck_assert_str_eq(errors.items[0].code, "not_representable");
}
END_TEST

START_TEST(a_url_that_cannot_be_written_is_blamed_on_the_profile)
{
	struct carry carry = usual();
	struct field_errors errors = {0};
	carry.provisioning_url = "https://prov.itsp.example/\n{mac}";
	ck_assert_int_eq(
	    carry_check(format_set_find(formats, "yealink"), &carry, &errors), ERR_REFUSED);
	ck_assert_str_eq(errors.items[0].field, "profile_id");
}
END_TEST

START_TEST(staged_delivery_needs_a_format_that_can)
{
	for (size_t i = 0; i < format_set_count(formats); i++) {
		const struct format *format = format_set_at(formats, i);
		struct carry carry = usual();
		struct field_errors errors = {0};
		carry.provisioning_url = "https://prov.itsp.example/";
		carry.is_staged = 1;
		ck_assert_int_eq(carry_check(format, &carry, &errors),
		    format_can_stage(format) ? ERR_OK : ERR_REFUSED);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("carry");
	TCase *tests = tcase_create("carry");
	tcase_add_checked_fixture(tests, load, unload);
	tcase_add_test(tests, every_format_carries_the_usual);
	tcase_add_loop_test(
	    tests, what_the_phone_would_cut_or_misread_is_blamed_on_its_field, 0, COUNT(TOO_MUCH));
	tcase_add_test(tests, a_url_that_cannot_be_written_is_blamed_on_the_profile);
	tcase_add_test(tests, staged_delivery_needs_a_format_that_can);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
