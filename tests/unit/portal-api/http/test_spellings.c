/* Cursors, entity tags, UUIDs and media types: how they are spelled, and what is none. */
#include <string.h>

#include "portal-api/http/cursor.h"
#include "portal-api/http/etag.h"
#include "portal-api/http/media.h"
#include "portal-api/http/uuid.h"
#include "tests/lib/unit.h"

static const char OWNER[] = "1b4e28ba-2fa1-4d2e-883f-0016d3cca427";

static const char *const PLACES[] = {"", "0", "00:15:65:aa:bb:cc", "K\xc3\xb6ln & Co", "12.34"};

START_TEST(a_cursor_comes_back_as_it_went)
{
	char text[CURSOR_TEXT_MAX + 1], place[CURSOR_PLACE_MAX + 1];
	cursor_format("claims", OWNER, PLACES[_i], text);
	ck_assert_uint_eq(strspn(text, "0123456789abcdef"), strlen(text));
	ck_assert_int_eq(cursor_parse("claims", OWNER, text, place), ERR_OK);
	ck_assert_str_eq(place, PLACES[_i]);
	ck_assert_int_eq(cursor_parse("events", OWNER, text, place), ERR_SIGNATURE);
	ck_assert_int_eq(cursor_parse("claims", "", text, place), ERR_SIGNATURE);
}
END_TEST

START_TEST(the_longest_place_fits)
{
	char text[CURSOR_TEXT_MAX + 1], place[CURSOR_PLACE_MAX + 1], longest[CURSOR_PLACE_MAX + 1];
	memset(longest, 'x', CURSOR_PLACE_MAX);
	longest[CURSOR_PLACE_MAX] = '\0';
	cursor_format("claims", OWNER, longest, text);
	ck_assert_uint_eq(strlen(text), CURSOR_TEXT_MAX);
	ck_assert_int_eq(cursor_parse("claims", OWNER, text, place), ERR_OK);
	ck_assert_str_eq(place, longest);
}
END_TEST

START_TEST(what_is_no_cursor)
{
	static const char *const none[] = {
	    "", "0", "zz", "0123456789abcde", "0123456789abcdef", "0123456789abcdef00", "' or 1=1"};
	char place[CURSOR_PLACE_MAX + 1], text[CURSOR_TEXT_MAX + 1];
	for (size_t i = 0; i < COUNT(none); i++)
		ck_assert_int_ne(cursor_parse("claims", OWNER, none[i], place), ERR_OK);
	cursor_format("claims", OWNER, "001565AABBCC", text);
	for (size_t i = 0; i < strlen(text); i++) {
		char altered[CURSOR_TEXT_MAX + 1];
		memcpy(altered, text, sizeof altered);
		altered[i] = altered[i] == '0' ? '1' : '0';
		ck_assert_int_ne(cursor_parse("claims", OWNER, altered, place), ERR_OK);
	}
}
END_TEST

static const struct {
	const char *text;
	enum err err;
	int version;
} TAGS[] = {
    {"*", ERR_OK, ETAG_ANY},
    {"\"1\"", ERR_OK, 1},
    {"\"2147483647\"", ERR_OK, 2147483647},
    {"\"0\"", ERR_OK, ETAG_NONE},
    {"\"2147483648\"", ERR_OK, ETAG_NONE},
    {"\"01\"", ERR_OK, ETAG_NONE},
    {"\"\"", ERR_OK, ETAG_NONE},
    {"\"abc\"", ERR_OK, ETAG_NONE},
    {"W/\"1\"", ERR_OK, ETAG_NONE},
    {"1", ERR_SYNTAX, 0},
    {"\"1", ERR_SYNTAX, 0},
    {"\"", ERR_SYNTAX, 0},
    {"", ERR_SYNTAX, 0},
    {"\"1\", \"2\"", ERR_SYNTAX, 0},
};

START_TEST(if_match)
{
	int version = -7;
	enum err err = etag_parse((struct span){TAGS[_i].text, strlen(TAGS[_i].text)}, &version);
	ck_assert_int_eq(err, TAGS[_i].err);
	ck_assert_int_eq(version, err ? -7 : TAGS[_i].version);
}
END_TEST

START_TEST(uuids)
{
	struct uuid one, two;
	char text[UUID_TEXT_LEN + 1];
	uuid_random(&one);
	uuid_format(&one, text);
	ck_assert_uint_eq(strlen(text), UUID_TEXT_LEN);
	ck_assert_int_eq(text[14], '4');
	ck_assert_ptr_nonnull(strchr("89ab", text[19]));
	ck_assert_int_eq(uuid_parse(text, UUID_TEXT_LEN, &two), ERR_OK);
	ck_assert_int_eq(memcmp(&one, &two, sizeof one), 0);
	ck_assert_int_eq(uuid_parse(text, UUID_TEXT_LEN - 1, &two), ERR_SYNTAX);
	text[8] = '0';
	ck_assert_int_eq(uuid_parse(text, UUID_TEXT_LEN, &two), ERR_SYNTAX);
}
END_TEST

static const struct {
	const char *value;
	int is_json;
} TYPES[] = {
    {"application/json", 1},
    {"Application/JSON", 1},
    {"application/json; charset=utf-8", 1},
    {"application/json;charset=\"UTF-8\"", 1},
    {"application/json ;", 1},
    {"application/json; charset=utf-16", 0},
    {"application/jsonp", 0},
    {"application/json+x", 0},
    {"text/json", 0},
    {"", 0},
    {";", 0},
    {"application/json, text/csv", 0},
};

START_TEST(media_types)
{
	struct span value = {TYPES[_i].value, strlen(TYPES[_i].value)};
	ck_assert_int_eq(media_type_is(value, "application/json"), TYPES[_i].is_json);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spellings");
	TCase *tests = tcase_create("spellings");
	tcase_add_loop_test(tests, a_cursor_comes_back_as_it_went, 0, COUNT(PLACES));
	tcase_add_test(tests, the_longest_place_fits);
	tcase_add_test(tests, what_is_no_cursor);
	tcase_add_loop_test(tests, if_match, 0, COUNT(TAGS));
	tcase_add_test(tests, uuids);
	tcase_add_loop_test(tests, media_types, 0, COUNT(TYPES));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
