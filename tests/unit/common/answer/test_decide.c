/* What a phone is answered, as a table. */
#include "common/answer/decide.h"

#include <stdio.h>
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

static struct format *format, *unstaged;

static void setup(void)
{
#define REST                                                                                       \
	"content-type: text/plain\nescape: line\nown: {mac}.cfg -> main\nown: {mac}.boot\n"        \
	"common: common.cfg\n--- boot\nx\n--- main\n"                                              \
	"{{admin_password}}{{other_password}}{{provisioning_url}}\n"
	static const char STAGED[] = "staged: yes\n" REST, TEXT[] = REST;
	char why[256];

	ck_assert_int_eq(
	    format_parse("t", STAGED, sizeof(STAGED) - 1, &format, why, sizeof(why)), ERR_OK);
	ck_assert_int_eq(
	    format_parse("t", TEXT, sizeof(TEXT) - 1, &unstaged, why, sizeof(why)), ERR_OK);
}

static void teardown(void)
{
	format_free(format);
	format_free(unstaged);
}

/* A phone that gets its answer; each case changes one thing. */
static struct decide_device device_make(void)
{
	return (struct decide_device){.mac = PHONE,
	    .serial_number = "SN1",
	    .model = "T46G",
	    .format = format,
	    .claimed = 1,
	    .has_password = 1,
	    .provisioning_url = "https://prov.itsp.example/"};
}

static enum decide_reason reason_of(
    const struct decide_device *device, const char *path, int compatible)
{
	struct decide_request request = {.mac = &PHONE, .path = path, .query = "", .query_len = 0};
	struct decide_policy policy = {.listener_compatible = compatible, .once_grace_s = 900};

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
	ck_assert_uint_eq(decision.body, 0);
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

START_TEST(a_listener_may_be_for_other_models)
{
	struct decide_device device = device_make();
	struct decide_policy policy = {.refuses_model = 1};
	struct decide_request request = {.mac = &device.mac, .path = OWN, .query = ""};

	ck_assert_int_eq(
	    decide_answer(&request, &device, &policy, NOW_US).reason, DECIDE_WRONG_LISTENER);
	ck_assert_int_eq(decide_status(DECIDE_WRONG_LISTENER), 404);
	ck_assert_ptr_null(decide_security_kind(DECIDE_WRONG_LISTENER));
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
	int is_delivered; /* age_us ago; else nothing was since then */
} POLICIES[] = {
    {DELIVERY_DIRECT, REDELIVERY_ALWAYS, 0, 0, DECIDE_ANSWER, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, 0, 0, DECIDE_POLICY, 0},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, 0, 99 * HOUR, DECIDE_ANSWER, 0},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, 0, 0, DECIDE_ANSWER, 1},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, 0, -5000000, DECIDE_ANSWER, 1},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, 0, HOUR / 4 - 1, DECIDE_ANSWER, 1},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, 0, HOUR / 4, DECIDE_LOCKED, 1},
    {DELIVERY_DIRECT, REDELIVERY_ALWAYS, 0, HOUR, DECIDE_ANSWER, 1},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, 0, DECIDE_ANSWER, 0},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, -5000000, DECIDE_ANSWER, 0}, /* clocks differ */
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, 24 * HOUR - 1, DECIDE_ANSWER, 0},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 24, 24 * HOUR, DECIDE_WINDOW_CLOSED, 0},
    {DELIVERY_DIRECT, REDELIVERY_WINDOW, 0, 0, DECIDE_WINDOW_CLOSED, 0},
};

START_TEST(follows_the_profiles_policy)
{
	struct decide_device device = device_make();

	device.delivery = POLICIES[_i].delivery;
	device.redelivery = POLICIES[_i].redelivery;
	device.window_hours = POLICIES[_i].hours;
	device.armed_at_us = NOW_US - POLICIES[_i].age_us;
	device.once_started_at_us = POLICIES[_i].is_delivered ? device.armed_at_us : 0;
	ck_assert_int_eq(reason_of(&device, OWN, 0), POLICIES[_i].reason);
}
END_TEST

START_TEST(what_was_purged_is_nothing_to_tell)
{
	struct decide_device device = device_make();

	device.has_password = 0;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_PURGED);
	device.suspended = 1;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_SUSPENDED);
}
END_TEST

#define TOKEN "0123456789abcdef0123456789abcdef"

static const struct {
	enum delivery delivery;
	enum redelivery redelivery;
	const char *path;
	int is_head;
	enum file_kind file;
	enum decide_stage stage;
	int has_token, must_write;
} DELIVERIES[] = {
    {DELIVERY_DIRECT, REDELIVERY_ALWAYS, "/001565aabbcc.cfg", 0, FILE_OWN, STAGE_WHOLE, 0, 0},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, "/001565aabbcc.cfg", 0, FILE_OWN, STAGE_WHOLE, 0, 1},
    {DELIVERY_DIRECT, REDELIVERY_ONCE, "/001565aabbcc.cfg", 1, FILE_OWN, STAGE_WHOLE, 0, 0},
    /* A file that carries no secret is not counted. */
    {DELIVERY_DIRECT, REDELIVERY_ONCE, "/001565aabbcc.boot", 0, FILE_OWN, STAGE_WHOLE, 0, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/001565aabbcc.boot", 0, FILE_OWN, STAGE_WHOLE, 0, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/001565aabbcc.cfg", 0, FILE_OWN, STAGE_ONE, 0, 1},
    {DELIVERY_STAGED, REDELIVERY_ONCE, "/001565aabbcc.cfg", 0, FILE_OWN, STAGE_ONE, 0, 1},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/001565aabbcc.cfg", 1, FILE_OWN, STAGE_ONE, 0, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/" TOKEN "/001565aabbcc.cfg", 0, FILE_OWN, STAGE_TWO, 1,
	1},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/" TOKEN "/001565aabbcc.cfg", 1, FILE_OWN, STAGE_ONE, 1,
	0},
    /* Some phones go to the very place, others add what they always ask for. */
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/" TOKEN "/", 0, FILE_OWN, STAGE_TWO, 1, 1},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/" TOKEN "/001565aabbcc.boot", 0, FILE_OWN, STAGE_WHOLE,
	1, 0},
    {DELIVERY_DIRECT, REDELIVERY_ALWAYS, "/s/" TOKEN "/", 0, FILE_OWN, STAGE_WHOLE, 1, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/" TOKEN "/common.cfg", 0, FILE_COMMON, 0, 1, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/" TOKEN, 0, FILE_UNKNOWN, 0, 0, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/" TOKEN "0/", 0, FILE_UNKNOWN, 0, 0, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/s/0123456789ABCDEF0123456789abcdef/", 0, FILE_UNKNOWN, 0,
	0, 0},
    {DELIVERY_STAGED, REDELIVERY_ALWAYS, "/x/s/" TOKEN "/", 0, FILE_UNKNOWN, 0, 0, 0},
};

START_TEST(a_delivery_is_whole_or_in_stages)
{
	struct decide_device device = device_make();
	struct decide_request request = {.mac = &PHONE,
	    .path = DELIVERIES[_i].path,
	    .query = "",
	    .is_head = DELIVERIES[_i].is_head};
	struct decide_policy policy = {.can_stage = 1, .once_grace_s = 900};

	device.delivery = DELIVERIES[_i].delivery;
	device.redelivery = DELIVERIES[_i].redelivery;
	struct decision decision = decide_answer(&request, &device, &policy, NOW_US);
	ck_assert_int_eq(decision.file, DELIVERIES[_i].file);
	ck_assert_int_eq(decision.reason == DECIDE_ANSWER, decision.file == FILE_OWN);
	ck_assert_int_eq(decision.stage, DELIVERIES[_i].stage);
	ck_assert_int_eq(decision.must_write, DELIVERIES[_i].must_write);
	ck_assert_int_eq(decision.token != NULL, DELIVERIES[_i].has_token);
	if (decision.token != NULL)
		ck_assert_int_eq(strncmp(decision.token, TOKEN "/", DECIDE_TOKEN_LEN + 1), 0);
	/* A token that is not the phone's is none. */
	request.token_is_refused = 1;
	decision = decide_answer(&request, &device, &policy, NOW_US);
	ck_assert_int_ne(decision.stage, STAGE_TWO);
}
END_TEST

START_TEST(staged_needs_a_place_and_a_format)
{
	struct decide_device device = device_make();
	struct decide_request request = {.mac = &PHONE, .path = OWN, .query = ""};
	struct decide_policy policy = {.can_stage = 1};

	device.delivery = DELIVERY_STAGED;
	ck_assert_int_eq(reason_of(&device, OWN, 0), DECIDE_POLICY);
	ck_assert_int_eq(decide_answer(&request, &device, &policy, NOW_US).reason, DECIDE_ANSWER);
	device.format = unstaged;
	ck_assert_int_eq(decide_answer(&request, &device, &policy, NOW_US).reason, DECIDE_POLICY);
}
END_TEST

/* Or a phone that follows its stage would be 403 now and then. */
START_TEST(no_token_looks_like_a_mac)
{
	for (uint32_t i = 0; i < 20000; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/s/%08x%08x%08x%08x/", i * 2654435761U, i * 40503U,
		    ~i * 2246822519U, i * 3266489917U);
		ck_assert_int_eq(
		    decide_before_lookup("GET", 3, &PHONE, path, "", 0), DECIDE_ANSWER);
	}
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
	tcase_add_test(tests, a_listener_may_be_for_other_models);
	tcase_add_test(tests, a_weak_listener_is_for_weak_phones);
	tcase_add_loop_test(tests, follows_the_profiles_policy, 0, COUNT(POLICIES));
	tcase_add_test(tests, what_was_purged_is_nothing_to_tell);
	tcase_add_loop_test(tests, a_delivery_is_whole_or_in_stages, 0, COUNT(DELIVERIES));
	tcase_add_test(tests, staged_needs_a_place_and_a_format);
	tcase_add_test(tests, no_token_looks_like_a_mac);
	tcase_add_test(tests, every_reason_has_a_name_and_a_status);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
