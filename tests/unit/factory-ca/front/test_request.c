/* Who may do what at the front: the whole table. */
#include <check.h>
#include <string.h>

#include "factory-ca/front/order.h"
#include "factory-ca/front/request.h"

static const struct caller NOBODY = {0};
static const struct caller STRANGER = {.presented = 1};
static const struct caller STATION = {
    .presented = 1, .role = ROLE_STATION, .live = 1, .name = "line-1"};
static const struct caller OPERATOR = {
    .presented = 1, .role = ROLE_OPERATOR, .live = 1, .name = "chief"};
static const struct caller GONE = {.presented = 1, .role = ROLE_STATION};
static const struct caller REMOVED = {.presented = 1, .role = ROLE_OPERATOR};

static const struct {
	enum operation operation;
	int station, operator; /* the status for a live one */
} TABLE[OPERATION_COUNT] = {
    {OPERATION_CACERTS, 200, 200},
    {OPERATION_CSRATTRS, 200, 403},
    {OPERATION_ENROLL, 200, 403},
    {OPERATION_KEYGEN, 200, 403},
    {OPERATION_REENROLL, 200, 403},
    {OPERATION_BATCH, 200, 403},
    {OPERATION_ORDER_READ, 200, 200},
    {OPERATION_DEVICE_READ, 200, 200},
    {OPERATION_CODE_ROTATE, 403, 200},
    {OPERATION_ORDER_OPEN, 403, 200},
    {OPERATION_ORDER_CLOSE, 403, 200},
    {OPERATION_ORDER_EXTEND, 403, 200},
    {OPERATION_STATEMENT, 403, 200},
    {OPERATION_CRL, 403, 200},
    {OPERATION_RECORDS_READ, 403, 200},
    {OPERATION_MODEL_READ, 403, 200},
};

static int status(enum operation operation, const struct caller *caller)
{
	return request_refusal_status(request_check(operation, caller));
}

START_TEST(operations_by_role)
{
	enum operation operation = TABLE[_i].operation;
	int is_public = operation == OPERATION_CACERTS;

	ck_assert_int_eq(request_is_public(operation), is_public);
	ck_assert_int_eq(status(operation, &STATION), TABLE[_i].station);
	ck_assert_int_eq(status(operation, &OPERATOR), TABLE[_i].operator);
	ck_assert_int_eq(status(operation, &NOBODY), is_public ? 200 : 401);
	ck_assert_int_eq(status(operation, &STRANGER), is_public ? 200 : 403);
	ck_assert_int_eq(status(operation, &GONE), is_public ? 200 : 403);
	ck_assert_int_eq(status(operation, &REMOVED), is_public ? 200 : 403);
}
END_TEST

START_TEST(every_refusal_has_words)
{
	if (_i == REQUEST_ALLOWED)
		return;
	ck_assert_str_ne(request_refusal_code((enum request_refusal)_i), "");
	ck_assert_str_ne(request_refusal_detail((enum request_refusal)_i), "");
}
END_TEST

START_TEST(stations_of_an_order)
{
	struct order any = {0}, ours = {0}, theirs = {0};

	ours.terms.station_count = theirs.terms.station_count = 1;
	strcpy(ours.terms.stations[0], "line-1");
	strcpy(theirs.terms.stations[0], "line-10");
	ck_assert_int_eq(order_check_caller(&any, &STATION), REQUEST_ALLOWED);
	ck_assert_int_eq(order_check_caller(&ours, &STATION), REQUEST_ALLOWED);
	ck_assert_int_eq(order_check_caller(&theirs, &STATION), REQUEST_STATION_NOT_ON_ORDER);
	ck_assert_int_eq(order_check_caller(&theirs, &OPERATOR), REQUEST_ALLOWED);
}
END_TEST

START_TEST(an_order_is_written)
{
	struct order order = {.terms = {.reference = "PO-1",
				  .model = "T1",
				  .quantity = 10,
				  .key_types = 1u << KEY_P256 | 1u << KEY_RSA2048,
				  .opens_unix_s = 1493596800,
				  .closes_unix_s = STATEMENT_NO_TIME},
	    .issued = 3};
	struct buf out = {0};

	ck_assert_int_eq(mac_parse("001565aa0000", 12, &order.terms.first_mac), ERR_OK);
	order_write(&order, &out);
	ck_assert_str_eq((char *)out.bytes,
	    "{\"reference\":\"PO-1\",\"model\":\"T1\",\"first_mac\":\"001565AA0000\",\"quantity\":"
	    "10,"
	    "\"issued\":3,\"state\":\"open\",\"opens_at\":\"2017-05-01T00:00:00Z\",\"closes_at\":"
	    "null,"
	    "\"stations\":[\"any\"],\"key_types\":[\"p256\",\"rsa2048\"],"
	    "\"certificate_profile\":\"device-1\"}\n");
	buf_free(&out);
	order.closed = 1;
	order.terms.station_count = 2;
	strcpy(order.terms.stations[0], "a");
	strcpy(order.terms.stations[1], "b");
	order_write(&order, &out);
	ck_assert_ptr_nonnull(strstr((char *)out.bytes, "\"state\":\"closed\""));
	ck_assert_ptr_nonnull(strstr((char *)out.bytes, "\"stations\":[\"a\",\"b\"]"));
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request");
	TCase *tcase = tcase_create("who may");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, operations_by_role, 0, OPERATION_COUNT);
	tcase_add_loop_test(tcase, every_refusal_has_words, 0, REQUEST_REFUSAL_COUNT);
	tcase_add_test(tcase, stations_of_an_order);
	tcase_add_test(tcase, an_order_is_written);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
