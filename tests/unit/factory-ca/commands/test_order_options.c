/* What an engineer may type behind `order` and `code`, and what each slip is told. */
#include <check.h>
#include <string.h>

#include "factory-ca/commands/order_options.h"

enum { WORDS_MAX = 24 };

/* Splits at single spaces. */
static enum err parse(
    enum order_verb verb, const char *line, struct order_options *options, char *why)
{
	static char text[1024];
	char *argv[WORDS_MAX] = {NULL}, *word, *rest = text;
	int argc = 0;

	ck_assert_uint_lt(strlen(line), sizeof(text));
	strcpy(text, line);
	while ((word = strsep(&rest, " ")) != NULL) {
		ck_assert_int_lt(argc, WORDS_MAX);
		argv[argc++] = word;
	}
	return order_options_parse(verb, argc, argv, options, why);
}

#define GOOD "open --reference PO-1 --model T1 --first-mac 00:15:65:aa:00:00 --quantity 100"

START_TEST(an_order_is_read)
{
	struct order_options options;
	char why[ORDER_WHY_LEN] = "";

	ck_assert_int_eq(parse(ORDER_OPEN, GOOD, &options, why), ERR_OK);
	ck_assert_str_eq(options.order.reference, "PO-1");
	ck_assert_str_eq(options.order.model, "T1");
	ck_assert_uint_eq(mac_to_uint(&options.order.first_mac), 0x001565aa0000);
	ck_assert_uint_eq(options.order.quantity, 100);
	ck_assert_uint_eq(options.order.station_count, 0);
	ck_assert(options.order.opens_unix_s == STATEMENT_NO_TIME);
	ck_assert(options.order.closes_unix_s == STATEMENT_NO_TIME);
	ck_assert_int_eq(
	    parse(ORDER_OPEN,
		GOOD " --station=b --station a --station a --opens 2017-05-01T02:00:00+02:00"
		     " --closes=2018-05-01T00:00:00Z --profile device-1-compat"
		     " --url https://ca:1 --server-ca /ca.pem",
		&options, why),
	    ERR_OK);
	ck_assert_uint_eq(options.order.station_count, 2);
	ck_assert_int_eq(options.order.opens_unix_s, 1493596800);
	ck_assert_int_eq(options.order.closes_unix_s, 1525132800);
	ck_assert_int_eq(options.order.profile, CERTIFICATE_DEVICE_1_COMPAT);
	ck_assert_str_eq(options.url, "https://ca:1");
	ck_assert_str_eq(options.server_ca, "/ca.pem");
	ck_assert_int_eq(parse(ORDER_OPEN, GOOD " --station any", &options, why), ERR_OK);
	ck_assert_uint_eq(options.order.station_count, 0);
}
END_TEST

/* The same words make the same statement, now and tomorrow. */
START_TEST(the_same_words_are_the_same_order)
{
	struct order_options first, second;
	struct statement statement = {.type = STATEMENT_ORDER_OPEN};
	struct buf texts[2] = {{0}};
	char why[ORDER_WHY_LEN];

	ck_assert_int_eq(parse(ORDER_OPEN, GOOD " --station b --station a", &first, why), ERR_OK);
	ck_assert_int_eq(parse(ORDER_OPEN, GOOD " --station a --station b", &second, why), ERR_OK);
	first.order.key_types = second.order.key_types = 1;
	statement.order = first.order;
	ck_assert_int_eq(statement_print(&statement, &texts[0], why, sizeof(why)), ERR_OK);
	statement.order = second.order;
	ck_assert_int_eq(statement_print(&statement, &texts[1], why, sizeof(why)), ERR_OK);
	ck_assert_str_eq((char *)texts[0].bytes, (char *)texts[1].bytes);
	buf_free(&texts[0]);
	buf_free(&texts[1]);
}
END_TEST

static const struct {
	enum order_verb verb;
	const char *line, *says;
} BAD[] = {
    {ORDER_OPEN, "open", "--reference is missing"},
    {ORDER_OPEN, "open --reference PO-1 --first-mac 001565AA0000 --quantity 1",
	"--model is missing"},
    {ORDER_OPEN, "open --reference PO-1 --model T1 --quantity 1", "--first-mac is missing"},
    {ORDER_OPEN, "open --reference PO-1 --model T1 --first-mac 001565AA0000",
	"--quantity is missing"},
    {ORDER_OPEN, "open --reference", "--reference: its value is missing"},
    {ORDER_OPEN, "open --reference a/b", "--reference a/b: 1 to 64"},
    {ORDER_OPEN, "open --reference=", "--reference : 1 to 64"},
    {ORDER_OPEN, GOOD " --reference PO-2", "--reference is given twice"},
    {ORDER_OPEN, "open --model T/1", "--model T/1: 1 to 32"},
    {ORDER_OPEN, "open --first-mac 0015", "--first-mac 0015: not a phone's MAC"},
    {ORDER_OPEN, "open --first-mac FFFFFFFFFFFF", "not a phone's MAC"},
    {ORDER_OPEN, "open --quantity 0", "--quantity 0: a number from 1 to 16777216"},
    {ORDER_OPEN, "open --quantity 16777217", "a number from 1"},
    {ORDER_OPEN, "open --quantity -1", "a number from 1"},
    {ORDER_OPEN, "open --quantity 1e3", "a number from 1"},
    {ORDER_OPEN, "open --opens tomorrow", "--opens tomorrow: a time such as"},
    {ORDER_OPEN, "open --closes 2017-05-01T00:00:00.5Z", "whole seconds"},
    {ORDER_OPEN, "open --station a b", "unknown option: b"},
    {ORDER_OPEN, "open --station a --station any", "either any, or the names"},
    {ORDER_OPEN, "open --profile other", "--profile other: device-1"},
    {ORDER_OPEN, "open --mac 001565AA0000", "unknown option: --mac"},
    {ORDER_CLOSE, "close", "--reference is missing"},
    {ORDER_CLOSE, "close --reference PO-1 --model T1", "unknown option: --model"},
    {ORDER_SHOW, "show PO-1", "unknown option: PO-1"},
    {ORDER_CODE, "code --reference PO-1", "--mac is missing"},
    {ORDER_CODE, "code --reference PO-1 --rotate=yes", "--rotate takes no value"},
    {ORDER_CODE, "code --rotate --rotate", "--rotate is given twice"},
    {ORDER_CODE, "code --mac 001565AA0000 --mac zz", "--mac zz: not a phone's MAC"},
    {ORDER_REKEY, "rekey --mac 001565AA0000 --mac 001565AA0001", "--mac is given twice"},
    {ORDER_SHOW, "show --rotate", "unknown option: --rotate"},
};

START_TEST(each_slip_is_told)
{
	struct order_options options;
	char why[ORDER_WHY_LEN] = "";

	ck_assert_int_ne(parse(BAD[_i].verb, BAD[_i].line, &options, why), ERR_OK);
	ck_assert_msg(strstr(why, BAD[_i].says) != NULL, "%s: %s", BAD[_i].line, why);
}
END_TEST

START_TEST(codes_of_several_phones)
{
	struct order_options options;
	char why[ORDER_WHY_LEN];

	ck_assert_int_eq(parse(ORDER_CODE,
			     "code --mac 001565AA0002 --rotate --mac=001565AA0001 --reference PO-1",
			     &options, why),
	    ERR_OK);
	ck_assert_int_eq(options.rotate, 1);
	ck_assert_uint_eq(options.phone_count, 2);
	ck_assert_uint_eq(options.phones[0].octets[5], 2);
	ck_assert_uint_eq(options.phones[1].octets[5], 1);
}
END_TEST

START_TEST(help_asks_for_nothing_else)
{
	struct order_options options;
	char why[ORDER_WHY_LEN];

	ck_assert_int_eq(parse(ORDER_OPEN, "open --nonsense --help", &options, why), ERR_OK);
	ck_assert(options.help);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_options");
	TCase *tcase = tcase_create("words");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, an_order_is_read);
	tcase_add_test(tcase, the_same_words_are_the_same_order);
	tcase_add_loop_test(tcase, each_slip_is_told, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_test(tcase, codes_of_several_phones);
	tcase_add_test(tcase, help_asks_for_nothing_else);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
