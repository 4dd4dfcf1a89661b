/* What a JSON body may be, and how each thing that is wrong with it is told. */
#include <stdlib.h>
#include <string.h>

#include "portal-api/json/bind.h"
#include "tests/lib/unit.h"

static const char *const WORDS[] = {"red", "green", NULL};

struct bound {
	const char *text, *name, *lines, *word, *id;
	json_t *texts, *macs;
	int64_t number, time;
	int flag;
};

#define FIELD(member) .name = #member, .offset = offsetof(struct bound, member)

static const struct bind_field FIELDS[] = {
    {FIELD(text), .type = BIND_TEXT, .flags = BIND_REQUIRED, .min = 1, .max = 8},
    {FIELD(name), .type = BIND_NAME, .min = 1, .max = 8},
    {FIELD(lines), .type = BIND_LINES, .min = 1, .max = 16},
    {FIELD(word), .type = BIND_WORD, .flags = BIND_NULLABLE, .words = WORDS},
    {FIELD(id), .type = BIND_UUID},
    {FIELD(texts), .type = BIND_TEXTS, .min = 1, .max = 2, .item_max = 4},
    {FIELD(macs), .type = BIND_MACS, .min = 1, .max = 2},
    {FIELD(number), .type = BIND_INT, .min = -5, .max = 5},
    {FIELD(time), .type = BIND_TIME},
    {FIELD(flag), .type = BIND_BOOL},
};

static json_t *parsed(const char *text)
{
	json_t *document = NULL;
	char detail[256];
	ck_assert_int_eq(
	    json_parse_object(text, strlen(text), &document, detail, sizeof detail), ERR_OK);
	return document;
}

static const struct {
	const char *body, *detail; /* part of what is told */
} NOT_JSON[] = {
    {"", "empty"},
    {"   ", "line 1"},
    {"[]", "must be a JSON object"},
    {"\"text\"", "line 1"},
    {"{", "line 1"},
    {"{}x", "line 1"},
    {"{\"a\":1,\n\"a\":2}", "line 2"},
    {"{\"a\":1,\"a\":2}", "stands twice"},
    {"{\"a\":\"\\ud800\"}", "line 1"},
    {"{\"a\":\"\\udc00\\ud800\"}", "line 1"},
    {"{\"a\":\"\\u0000\"}", "line 1"},
    {"{\"a\\u0000\":1}", "line 1"},
    {"{\"a\":\"\xff\"}", "line 1"},
    {"{\"a\":\"\xed\xa0\x80\"}", "line 1"},
    {"{\"a\":\"\xc0\x80\"}", "line 1"},
    {"{\"a\":1e999}", "line 1"},
    {"{\"a\":99999999999999999999999999}", "line 1"},
    {"{\"a\":NaN}", "line 1"},
    {"{\"a\":01}", "line 1"},
    {"{'a':1}", "line 1"},
    {"{\"a\":1,}", "line 1"},
    {"{\"a\":1}//", "line 1"},
    {"{\"a\":\"\n\"}", "line 1"},
    {"{\"a\":[[[[[[[[1]]]]]]]]}", "deeper than 8"},
};

START_TEST(bodies_that_are_not_acceptable)
{
	json_t *document = NULL;
	char detail[256];
	ck_assert_int_eq(json_parse_object(NOT_JSON[_i].body, strlen(NOT_JSON[_i].body), &document,
			     detail, sizeof detail),
	    ERR_SYNTAX);
	ck_assert_ptr_null(document);
	ck_assert_msg(
	    strstr(detail, NOT_JSON[_i].detail) != NULL, "%s: %s", NOT_JSON[_i].body, detail);
}
END_TEST

START_TEST(a_nul_in_the_body_is_not_acceptable)
{
	json_t *document = NULL;
	char detail[256];
	ck_assert_int_eq(
	    json_parse_object("{\"a\":1}\0", 8, &document, detail, sizeof detail), ERR_SYNTAX);
}
END_TEST

START_TEST(a_hundred_thousand_brackets_are_refused_at_once)
{
	enum { COUNT_OF = 100000 };
	json_t *document = NULL;
	char detail[256], *body = malloc(COUNT_OF + 6);
	memcpy(body, "{\"a\":", 5);
	memset(body + 5, '[', COUNT_OF);
	ck_assert_int_eq(
	    json_parse_object(body, COUNT_OF + 5, &document, detail, sizeof detail), ERR_SYNTAX);
	free(body);
}
END_TEST

START_TEST(brackets_in_texts_are_not_depth)
{
	json_decref(parsed("{\"a\":\"[[[[[[[[[[[[\\\"[[[[{{{{\"}"));
}
END_TEST

START_TEST(everything_is_bound)
{
	json_t *document =
	    parsed("{\"text\":\"t\u00e9xt\",\"name\":\"a b\",\"lines\":\"a\\nb\\r\\n\","
		   "\"word\":\"green\",\"id\":\"1B4E28BA-2fa1-4d2e-883f-0016d3cca427\","
		   "\"texts\":[\"a\",\"bbbb\"],\"macs\":[\"00:15:65:aa:bb:cc\"],"
		   "\"number\":-5,\"time\":\"2017-05-01T12:34:56+02:00\",\"flag\":true}");
	struct bound bound = {0};
	struct field_errors errors = {0};
	ck_assert_int_eq(bind_object(document, FIELDS, COUNT(FIELDS), &bound, &errors), ERR_OK);
	ck_assert_str_eq(bound.text, "t\u00e9xt");
	ck_assert_str_eq(bound.name, "a b");
	ck_assert_str_eq(bound.lines, "a\nb\r\n");
	ck_assert_str_eq(bound.word, "green");
	ck_assert_str_eq(bound.id, "1B4E28BA-2fa1-4d2e-883f-0016d3cca427");
	ck_assert_uint_eq(json_array_size(bound.texts), 2);
	ck_assert_uint_eq(json_array_size(bound.macs), 1);
	ck_assert_int_eq(bound.number, -5);
	ck_assert_int_eq(bound.time, 1493634896000000);
	ck_assert_int_eq(bound.flag, 1);
	json_decref(document);
}
END_TEST

START_TEST(absent_fields_keep_their_defaults)
{
	json_t *document = parsed("{\"text\":\"x\",\"word\":null}");
	struct bound bound = {.flag = -1, .number = 3, .word = "red"};
	struct field_errors errors = {0};
	ck_assert_int_eq(bind_object(document, FIELDS, COUNT(FIELDS), &bound, &errors), ERR_OK);
	ck_assert_int_eq(bound.flag, -1);
	ck_assert_int_eq(bound.number, 3);
	ck_assert_str_eq(bound.word, "red");
	ck_assert_ptr_null(bound.name);
	json_decref(document);
}
END_TEST

static const struct {
	const char *body, *field, *code;
} WRONG[] = {
    {"{}", "text", "required"},
    {"{\"text\":null}", "text", "wrong_type"},
    {"{\"text\":7}", "text", "wrong_type"},
    {"{\"text\":\"\"}", "text", "too_short"},
    {"{\"text\":\"123456789\"}", "text", "too_long"},
    {"{\"text\":\"a\\nb\"}", "text", "bad_text"},
    {"{\"text\":\"a\\u007f\"}", "text", "bad_text"},
    {"{\"text\":\"x\",\"name\":\" a\"}", "name", "bad_text"},
    {"{\"text\":\"x\",\"name\":\"a \"}", "name", "bad_text"},
    {"{\"text\":\"x\",\"lines\":\"a\\tb\"}", "lines", "bad_text"},
    {"{\"text\":\"x\",\"lines\":\"a\\u0001\\n\"}", "lines", "bad_text"},
    {"{\"text\":\"x\",\"word\":\"blue\"}", "word", "not_one_of"},
    {"{\"text\":\"x\",\"word\":\"Red\"}", "word", "not_one_of"},
    {"{\"text\":\"x\",\"word\":1}", "word", "wrong_type"},
    {"{\"text\":\"x\",\"id\":\"1b4e28ba2fa14d2e883f0016d3cca427\"}", "id", "bad_id"},
    {"{\"text\":\"x\",\"id\":\"1b4e28ba-2fa1-4d2e-883f-0016d3cca42g\"}", "id", "bad_id"},
    {"{\"text\":\"x\",\"id\":[]}", "id", "wrong_type"},
    {"{\"text\":\"x\",\"texts\":[]}", "texts", "out_of_range"},
    {"{\"text\":\"x\",\"texts\":[\"a\",\"b\",\"c\"]}", "texts", "out_of_range"},
    {"{\"text\":\"x\",\"texts\":\"a\"}", "texts", "wrong_type"},
    {"{\"text\":\"x\",\"texts\":[\"a\",7]}", "texts[1]", "wrong_type"},
    {"{\"text\":\"x\",\"texts\":[\"abcde\"]}", "texts[0]", "too_long"},
    {"{\"text\":\"x\",\"macs\":[\"001565AABBCC\",\"001565AABBC\"]}", "macs[1]", "bad_mac"},
    {"{\"text\":\"x\",\"macs\":[\"010000000000\"]}", "macs[0]", "bad_mac"},
    {"{\"text\":\"x\",\"number\":6}", "number", "out_of_range"},
    {"{\"text\":\"x\",\"number\":-6}", "number", "out_of_range"},
    {"{\"text\":\"x\",\"number\":1.0}", "number", "wrong_type"},
    {"{\"text\":\"x\",\"number\":\"1\"}", "number", "wrong_type"},
    {"{\"text\":\"x\",\"time\":\"yesterday\"}", "time", "bad_time"},
    {"{\"text\":\"x\",\"time\":\"2017-05-01\"}", "time", "bad_time"},
    {"{\"text\":\"x\",\"flag\":\"true\"}", "flag", "wrong_type"},
    {"{\"text\":\"x\",\"flag\":1}", "flag", "wrong_type"},
    {"{\"text\":\"x\",\"flag\":null}", "flag", "wrong_type"},
    {"{\"text\":\"x\",\"itsp_id\":\"y\"}", "itsp_id", "unknown_field"},
    {"{\"text\":\"x\",\"Text\":\"y\"}", "Text", "unknown_field"},
    {"{\"text\":\"x\",\"a\\nb\":\"y\"}", "(key)", "unknown_field"},
};

START_TEST(what_is_wrong_is_told_by_field_and_code)
{
	json_t *document = parsed(WRONG[_i].body);
	struct bound bound = {0};
	struct field_errors errors = {0};
	ck_assert_int_eq(bind_object(document, FIELDS, COUNT(FIELDS), &bound, &errors), ERR_SYNTAX);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_str_eq(errors.items[0].field, WRONG[_i].field);
	ck_assert_str_eq(errors.items[0].code, WRONG[_i].code);
	ck_assert_uint_gt(strlen(errors.items[0].detail), 0);
	json_decref(document);
}
END_TEST

START_TEST(all_that_is_wrong_is_told_at_once_up_to_a_bound)
{
	json_t *document = json_object();
	struct bound bound = {0};
	struct field_errors errors = {0};
	for (int i = 0; i < 100; i++) {
		char name[16];
		snprintf(name, sizeof name, "x%d", i);
		json_object_set_new(document, name, json_true());
	}
	ck_assert_int_eq(bind_object(document, FIELDS, COUNT(FIELDS), &bound, &errors), ERR_SYNTAX);
	ck_assert_uint_eq(errors.count, 101);
	json_decref(document);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bind");
	TCase *tests = tcase_create("bind");
	tcase_add_loop_test(tests, bodies_that_are_not_acceptable, 0, COUNT(NOT_JSON));
	tcase_add_test(tests, a_nul_in_the_body_is_not_acceptable);
	tcase_add_test(tests, a_hundred_thousand_brackets_are_refused_at_once);
	tcase_add_test(tests, brackets_in_texts_are_not_depth);
	tcase_add_test(tests, everything_is_bound);
	tcase_add_test(tests, absent_fields_keep_their_defaults);
	tcase_add_loop_test(tests, what_is_wrong_is_told_by_field_and_code, 0, COUNT(WRONG));
	tcase_add_test(tests, all_that_is_wrong_is_told_at_once_up_to_a_bound);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
