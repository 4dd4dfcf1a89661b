/* What a phone is answered, as a table. */
#include "common/answer/decide.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct mac PHONE = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};
static const struct mac OTHER = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcd}};
static const int64_t NOW_US = 1700000000 * INT64_C(1000000);
#define HOUR (3600 * INT64_C(1000000))

static const struct {
	const char *method, *path, *query;
	enum decide_reason reason;
} REQUESTS[] = {
    {"GET", "/001565aabbcc.cfg", "", DECIDE_ANSWER},
    {"HEAD", "/", "", DECIDE_ANSWER},
    {"GET", "/001565aabbcd.cfg", "", DECIDE_OTHER_MAC},
    {"GET", "/", "mac=001565aabbcd", DECIDE_OTHER_MAC},
    {"POST", "/001565aabbcd.cfg", "", DECIDE_METHOD}, /* before the path */
    {"PUT", "/001565aabbcc.log", "", DECIDE_METHOD},
    {"get", "/", "", DECIDE_METHOD},
    {"GETX", "/", "", DECIDE_METHOD},
    {"", "/", "", DECIDE_METHOD},
};

START_TEST(judges_a_request_before_any_lookup)
{
	const char *method = REQUESTS[_i].method, *query = REQUESTS[_i].query;

	ck_assert_int_eq(decide_before_lookup(method, strlen(method), &PHONE, REQUESTS[_i].path,
			     query, strlen(query)),
	    REQUESTS[_i].reason);
}
END_TEST

static struct format *format;

static void setup(void)
{
	static const char TEXT[] =
	    "content-type: text/plain\nescape: line\nown: {mac}.cfg\nown: {mac}.boot -> boot\n"
	    "common: common.cfg\n--- main\n"
	    "{{admin_password}}{{other_password}}{{provisioning_url}}\n--- boot\nx\n";
	char why[256];

	ck_assert_int_eq(
	    format_parse("t", TEXT, sizeof(TEXT) - 1, &format, why, sizeof(why)), ERR_OK);
}

static void teardown(void)
{
	format_free(format);
}

/* A phone that gets its answer; each case changes one thing. */
static struct decide_device device_make(void)
{
	return (struct decide_device){.mac = PHONE,
	    .serial_number = "SN1",
	    .model = "T46G",
	    .format = format,
	    .claimed = 1,
	    .provisioning_url = "https://prov.itsp.example/"};
}

static enum decide_reason reason_of(
    const struct decide_device *device, const char *path, int compatible)
{
	struct decide_request request = {.mac = &PHONE, .path = path, .query = "", .query_len = 0};
	struct decide_policy policy = {.listener_compatible = compatible};

	return decide_answer(&request, device, &policy, NOW_US).reason;
}

static const char OWN[] = "/001565aabbcc.cfg", COMMON[] = "/common.cfg", UNKNOWN[] = "/x";

START_TEST(answers_its_own_file)
{
	struct decide_device device = device_make();
	struct decide_request request = {.mac = &PHONE, .path = "/001565aabbcc.boot", .query = ""};
	struct decide_policy policy = {0};
	struct decision decision = decide_answer(&request, &device, &policy, NOW_US);

	ck_assert_int_eq(decision.reason, DECIDE_ANSWER);
	ck_assert_int_eq(decision.file, FILE_OWN);
	ck_assert_uint_eq(decision.body, 1);
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_ANSWER);
}
END_TEST

START_TEST(other_files_are_nobodys)
{
	struct decide_device device = device_make();

	ck_assert_int_eq(reason_of(&device, COMMON, 0), DECIDE_COMMON_FILE);
	ck_assert_int_eq(reason_of(&device, UNKNOWN, 0), DECIDE_UNKNOWN_FILE);
}
END_TEST

START_TEST(not_on_record)
{
	struct decide_device device = device_make();

	ck_assert_int_eq(reason_of(NULL, OWN, 0), DECIDE_NOT_LIVE);
	ck_assert_int_eq(reason_of(NULL, COMMON, 0), DECIDE_NOT_LIVE);
	device.mac = OTHER;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_OTHER_DEVICE);
}
END_TEST

START_TEST(not_claimed_or_suspended)
{
	struct decide_device device = device_make();

	device.suspended = 1;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_SUSPENDED);
	device.itsp_suspended = 1;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_ITSP_SUSPENDED);
	device = device_make();
	device.claimed = 0;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_UNCLAIMED);
	device.format = NULL;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_UNCLAIMED);
}
END_TEST

START_TEST(a_format_that_we_lack_is_our_own_trouble)
{
	struct decide_device device = device_make();

	device.format = NULL;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_NO_FORMAT);
}
END_TEST

START_TEST(a_weak_listener_is_for_weak_phones)
{
	struct decide_device device = device_make();

	ck_assert_int_eq(reason_of(&device, OWN, 1), DECIDE_WEAK_LISTENER);
	device.tls_compatible = 1;
	ck_assert_int_eq(reason_of(&device, OWN, 1), DECIDE_ANSWER);
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_ANSWER);
	/* Known by its password, although it has a certificate. */
	device.has_certificate = 1;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_WEAK_LISTENER);
}
END_TEST

static const struct {
	enum delivery delivery;
	enum redelivery redelivery;
	int64_t hours, age_us;
	enum decide_reason reason;
} POLICIES[] = {
    {DELIVERY_DIRECT, REDELIVERY_ALWAYS, 0, 0, DECIDE_ANSWER},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, 0, 0, DECIDE_POLICY},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, 0, 0, DECIDE_POLICY},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, 0, DECIDE_ANSWER},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, -5000000, DECIDE_ANSWER}, /* clocks differ */
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, 24 * HOUR - 1, DECIDE_ANSWER},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, 24 * HOUR, DECIDE_WINDOW_CLOSED},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 0, 0, DECIDE_WINDOW_CLOSED},
};

START_TEST(follows_the_profiles_policy)
{
	struct decide_device device = device_make();

	device.delivery = POLICIES[_i].delivery;
	device.redelivery = POLICIES[_i].redelivery;
	device.window_hours = POLICIES[_i].hours;
	device.armed_at_us = NOW_US - POLICIES[_i].age_us;
	ck_assert_int_eq(reason_of(&device, OWN, 0), POLICIES[_i].reason);
}
END_TEST

START_TEST(every_reason_has_a_name_and_a_status)
{
	for (int i = 0; i < DECIDE_REASON_COUNT; i++) {
		int status = decide_status((enum decide_reason)i);
		ck_assert_str_ne(decide_reason_name((enum decide_reason)i), "");
		ck_assert(status == 200 || status == 401 || status == 403 || status == 404 ||
			  status == 405 || status == 503);
	}
	ck_assert_str_eq(decide_security_kind(DECIDE_OTHER_MAC), "mac_mismatch");
	ck_assert_ptr_null(decide_security_kind(DECIDE_UNCLAIMED));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decide");
	TCase *tests = tcase_create("all");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, judges_a_request_before_any_lookup, 0, COUNT(REQUESTS));
	tcase_add_test(tests, answers_its_own_file);
	tcase_add_test(tests, other_files_are_nobodys);
	tcase_add_test(tests, not_on_record);
	tcase_add_test(tests, not_claimed_or_suspended);
	tcase_add_test(tests, a_format_that_we_lack_is_our_own_trouble);
	tcase_add_test(tests, a_weak_listener_is_for_weak_phones);
	tcase_add_loop_test(tests, follows_the_profiles_policy, 0, COUNT(POLICIES));
	tcase_add_test(tests, every_reason_has_a_name_and_a_status);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
