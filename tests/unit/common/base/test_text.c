/* Hex, base64, numbers and UTF-8: what is read, what is refused, and that nothing is read twice. */
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "tests/lib/unit.h"

START_TEST(hex_is_exact)
{
	uint8_t bytes[3] = {1, 2, 3};
	char text[7];

	ck_assert_int_eq(hex_decode("00fFa0", 6, bytes, 3), ERR_OK);
	ck_assert_mem_eq(bytes, "\x00\xff\xa0", 3);
	hex_encode(bytes, 3, text);
	ck_assert_str_eq(text, "00FFA0");
	hex_encode_lower(bytes, 3, text);
	ck_assert_str_eq(text, "00ffa0");
	hex_encode(bytes, 0, text);
	ck_assert_str_eq(text, "");

	ck_assert_int_eq(hex_decode("00ffa", 5, bytes, 3), ERR_SYNTAX);
	ck_assert_int_eq(hex_decode("00ffa0b1", 8, bytes, 3), ERR_SYNTAX);
	ck_assert_int_eq(hex_decode("11111g", 6, bytes, 3), ERR_SYNTAX);
	ck_assert_int_eq(hex_decode("0x1111", 6, bytes, 3), ERR_SYNTAX);
	ck_assert_int_eq(hex_decode(" 11111", 6, bytes, 3), ERR_SYNTAX);
	ck_assert_mem_eq(bytes, "\x00\xff\xa0", 3);
}
END_TEST

/* RFC 4648 section 10, and what strictness adds. `bytes` NULL: refused. */
static const struct {
	const char *text, *bytes;
} BASE64[] = {
    {"", ""},
    {"Zg==", "f"},
    {"Zm8=", "fo"},
    {"Zm9v", "foo"},
    {"Zm9vYg==", "foob"},
    {"Zm9vYmE=", "fooba"},
    {"Zm9vYmFy", "foobar"},
    {"Zm9v\nYmFy\n", "foobar"},
    {"Zm9v\r\nYmFy\r\n", "foobar"},
    {" Z m\t9 v ", "foo"},
    {"Zg=\n=", "f"},
    {"\n\n", ""},
    {"Zg", NULL}, /* no padding */
    {"Zg=", NULL},
    {"Z", NULL},
    {"Zm9vY", NULL},
    {"Z===", NULL},
    {"====", NULL},
    {"=", NULL},
    {"Zg===", NULL},
    {"Zm9v=", NULL},
    {"Zm9v====", NULL},
    {"Zg==Zg==", NULL}, /* something after the end */
    {"Zg==A", NULL},
    {"Z=g=", NULL},
    {"Zh==", NULL}, /* bits that no byte takes */
    {"Zm9=", NULL},
    {"Zm9-", NULL}, /* the other alphabet */
    {"Zm9_", NULL},
    {"Zm9.", NULL},
    {"Zm\xc2\xa0"
     "9v",
	NULL},
};

START_TEST(base64_has_one_spelling_but_for_white_space)
{
	struct buf out = {0};

	buf_put_str(&out, "kept");
	enum err err = base64_decode(BASE64[_i].text, strlen(BASE64[_i].text), &out);
	if (BASE64[_i].bytes != NULL) {
		ck_assert_msg(err == ERR_OK, "\"%s\"", BASE64[_i].text);
		ck_assert_str_eq((char *)out.bytes + 4, BASE64[_i].bytes);
	} else {
		ck_assert_msg(err == ERR_SYNTAX, "\"%s\"", BASE64[_i].text);
		ck_assert_str_eq((char *)out.bytes, "kept");
	}
	buf_free(&out);
}
END_TEST

START_TEST(base64_keeps_the_bound_of_its_buffer)
{
	struct buf out;

	buf_init(&out, 4);
	ck_assert_int_eq(base64_decode("Zm9vYmFy", 8, &out), ERR_TOO_LONG);
	ck_assert_uint_eq(out.len, 0);
	buf_free(&out);
}
END_TEST

START_TEST(base64_reads_what_it_wrote)
{
	uint8_t bytes[80];
	struct buf text = {0}, again = {0};

	random_fill(bytes, sizeof bytes);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		size_t columns = len % 3 == 0 ? 0 : len % 3 == 1 ? 64 : 7;
		buf_clear(&text);
		buf_clear(&again);
		base64_encode(&text, bytes, len, columns);
		ck_assert_int_eq(base64_decode((char *)text.bytes, text.len, &again), ERR_OK);
		ck_assert_uint_eq(again.len, len);
		if (len > 0)
			ck_assert_mem_eq(again.bytes, bytes, len);
	}
	buf_free(&text);
	buf_free(&again);
}
END_TEST

START_TEST(base64_breaks_lines)
{
	struct buf out = {0};

	base64_encode(&out, "foobarfoobar", 12, 8);
	ck_assert_str_eq((char *)out.bytes, "Zm9vYmFy\nZm9vYmFy\n");
	buf_clear(&out);
	base64url_encode(&out, "\xfb\xff\xfe\xff", 4);
	ck_assert_str_eq((char *)out.bytes, "-__-_w");
	buf_free(&out);
}
END_TEST

static const struct {
	const char *text;
	uint64_t max;
	enum err err;
	uint64_t number;
} NUMBERS[] = {
    {"0", 0, ERR_OK, 0}, {"1", 0, ERR_RANGE, 0}, {"10", 9, ERR_RANGE, 0}, {"9", 9, ERR_OK, 9},
    {"65535", 65535, ERR_OK, 65535}, {"65536", 65535, ERR_RANGE, 0},
    {"18446744073709551615", UINT64_MAX, ERR_OK, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, ERR_RANGE, 0},
    {"99999999999999999999999999", UINT64_MAX, ERR_RANGE, 0}, {"", 9, ERR_SYNTAX, 0},
    {"00", 9, ERR_SYNTAX, 0}, {"01", 9, ERR_SYNTAX, 0}, {"+1", 9, ERR_SYNTAX, 0},
    {"-1", 9, ERR_SYNTAX, 0}, {" 1", 9, ERR_SYNTAX, 0}, {"1 ", 9, ERR_SYNTAX, 0},
    {"0x1", 9, ERR_SYNTAX, 0}, {"1e3", 9999, ERR_SYNTAX, 0},
    {"99999x", 9, ERR_SYNTAX, 0}, /* not a number at all, rather than one too large */
};

START_TEST(a_number_is_digits)
{
	uint64_t number = 77;

	ck_assert_int_eq(
	    number_parse(NUMBERS[_i].text, strlen(NUMBERS[_i].text), NUMBERS[_i].max, &number),
	    NUMBERS[_i].err);
	ck_assert_uint_eq(number, NUMBERS[_i].err == ERR_OK ? NUMBERS[_i].number : 77);
}
END_TEST

static const struct {
	const char *text;
	int printable;
} TEXTS[] = {
    {"", 1},
    {"plain ~", 1},
    {"z\xc3\xbcrich", 1},
    {"\xe2\x82\xac", 1},
    {"\xf0\x9f\x93\x9e", 1},
    {"\xf4\x8f\xbf\xbf", 1}, /* U+10FFFF */
    {"tab\t", 0},
    {"line\n", 0},
    {"\x1b[31m", 0},
    {"\x7f", 0},
    {"\x80", 0}, /* a continuation alone */
    {"\xc3", 0}, /* cut */
    {"\xc3(", 0},
    {"\xe2\x82", 0},
    {"\xc0\xaf", 0}, /* overlong */
    {"\xc1\xbf", 0},
    {"\xe0\x9f\xbf", 0},
    {"\xf0\x8f\xbf\xbf", 0},
    {"\xed\xa0\x80", 0}, /* a surrogate */
    {"\xed\xbf\xbf", 0},
    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\xfe\xff", 0},
};

START_TEST(printable_text_is_well_formed_utf8)
{
	ck_assert_msg(
	    text_is_printable_utf8(TEXTS[_i].text, strlen(TEXTS[_i].text)) == TEXTS[_i].printable,
	    "case %d", _i);
	ck_assert_int_eq(text_is_printable_utf8("a\0b", 3), 0);
}
END_TEST

START_TEST(a_code_point_is_read_with_its_length)
{
	uint32_t code_point = 0;

	ck_assert_uint_eq(utf8_decode("\xf0\x9f\x93\x9ex", 5, &code_point), 4);
	ck_assert_uint_eq(code_point, 0x1f4de);
	ck_assert_uint_eq(utf8_decode("\xf0\x9f\x93\x9ex", 3, &code_point), 0);
	ck_assert_uint_eq(utf8_decode("", 0, &code_point), 0);
	ck_assert_uint_eq(code_point, 0x1f4de);
}
END_TEST

START_TEST(every_number_below_the_bound_is_drawn)
{
	unsigned seen[62] = {0};

	for (int i = 0; i < 62 * 200; i++) {
		uint32_t drawn = random_below(62);
		ck_assert_uint_lt(drawn, 62);
		seen[drawn]++;
	}
	for (size_t i = 0; i < COUNT(seen); i++) {
		/* 200 are expected; seven standard deviations away is no chance. */
		ck_assert_uint_gt(seen[i], 100);
		ck_assert_uint_lt(seen[i], 300);
	}
	ck_assert_uint_eq(random_below(1), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tests = tcase_create("text");

	tcase_add_test(tests, hex_is_exact);
	tcase_add_loop_test(tests, base64_has_one_spelling_but_for_white_space, 0, COUNT(BASE64));
	tcase_add_test(tests, base64_keeps_the_bound_of_its_buffer);
	tcase_add_test(tests, base64_reads_what_it_wrote);
	tcase_add_test(tests, base64_breaks_lines);
	tcase_add_loop_test(tests, a_number_is_digits, 0, COUNT(NUMBERS));
	tcase_add_loop_test(tests, printable_text_is_well_formed_utf8, 0, COUNT(TEXTS));
	tcase_add_test(tests, a_code_point_is_read_with_its_length);
	tcase_add_test(tests, every_number_below_the_bound_is_drawn);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
