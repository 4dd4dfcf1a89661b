/* DER as X.690 has it: what is read, what is refused, and how numbers, times and lengths look. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/der.h"

static struct buf bytes_of(const char *hex)
{
	struct buf out = {0};
	size_t i, len = strlen(hex) / 2;
	uint8_t byte;

	for (i = 0; i < len; i++) {
		ck_assert_int_eq(hex_decode(hex + 2 * i, 2, &byte, 1), ERR_OK);
		buf_put_u8(&out, byte);
	}
	return out;
}

static void assert_hex(const struct buf *out, const char *expected)
{
	char *hex = malloc(2 * out->len + 1);

	ck_assert_ptr_nonnull(hex);
	hex_encode_lower(out->bytes, out->len, hex);
	ck_assert_str_eq(hex, expected);
	free(hex);
}

/* One element and nothing behind it: how long its content is, or that it is refused. */
static const struct {
	const char *hex;
	int content_len; /* -1: refused */
} elements[] = {
    {"0500", 0}, {"020101", 1}, {"30020500", 2}, {"0203010203", 3}, {"", -1}, /* nothing there */
    {"02", -1}, /* no length */
    {"0201", -1}, /* content missing */
    {"3080020101", -1}, /* indefinite length */
    {"02810101", -1}, /* long form of a short length */
    {"0282000101", -1}, /* leading zero in the length */
    {"028180", -1}, /* 128 bytes announced, none there */
    {"0285000000000101", -1}, /* five octets of length */
    {"0284ffffffff01", -1}, /* four gigabytes announced */
    {"02ff01", -1}, /* reserved length octet */
    {"1f810001", -1}, /* tag of several bytes */
    {"0000", -1}, /* end-of-contents */
};

START_TEST(reads_or_refuses)
{
	struct buf in = bytes_of(elements[_i].hex);
	struct cursor cursor = cursor_of(in.bytes, in.len);
	struct der_element element = der_read_any(&cursor);

	if (elements[_i].content_len < 0) {
		ck_assert_int_eq(cursor.err, ERR_SYNTAX);
		ck_assert_ptr_null(element.whole);
	} else {
		ck_assert_int_eq(cursor.err, ERR_OK);
		ck_assert_uint_eq(element.content_len, (size_t)elements[_i].content_len);
		ck_assert_uint_eq(element.whole_len, in.len);
	}
	buf_free(&in);
}
END_TEST

START_TEST(another_tag_is_an_error_that_sticks)
{
	static const uint8_t bytes[] = {0x02, 0x01, 0x05, 0x02, 0x01, 0x06};
	struct cursor cursor = cursor_of(bytes, sizeof(bytes));
	struct der_element element = der_read(&cursor, DER_OCTET_STRING);

	ck_assert_int_eq(cursor.err, ERR_SYNTAX);
	ck_assert_ptr_null(element.whole);
	element = der_read(&cursor, DER_INTEGER);
	ck_assert_ptr_null(element.whole);
	ck_assert_uint_eq(der_peek(&cursor), 0);
	cursor = der_enter(&element);
	ck_assert_int_eq(cursor.err, ERR_SYNTAX);
}
END_TEST

START_TEST(an_element_is_entered_and_not_left)
{
	static const uint8_t bytes[] = {0x30, 0x03, 0x02, 0x01, 0x05, 0x04, 0x00};
	struct cursor cursor = cursor_of(bytes, sizeof(bytes)), inside;
	struct der_element sequence = der_read(&cursor, DER_SEQUENCE), number;

	inside = der_enter(&sequence);
	ck_assert_uint_eq(der_peek(&inside), DER_INTEGER);
	number = der_read(&inside, DER_INTEGER);
	ck_assert_uint_eq(number.content[0], 5);
	ck_assert_uint_eq(cursor_left(&inside), 0);
	ck_assert_uint_eq(der_peek(&cursor), DER_OCTET_STRING);
}
END_TEST

static const struct {
	const char *number, *der;
} numbers[] = {
    {"00", "020100"},
    {"0000", "020100"},
    {"7f", "02017f"},
    {"80", "02020080"},
    {"000080", "02020080"},
    {"0100", "02020100"},
    {"ffff", "020300ffff"},
};

START_TEST(numbers_are_unsigned_and_shortest)
{
	struct buf number = bytes_of(numbers[_i].number), out = {0};

	der_put_uint(&out, number.bytes, number.len);
	assert_hex(&out, numbers[_i].der);
	buf_free(&number);
	buf_free(&out);
}
END_TEST

static const struct {
	int64_t unix_s;
	const char *text; /* tag in front: 17 UTCTime, 18 GeneralizedTime */
} times[] = {
    {0, "\x17\x0d"
	"700101000000Z"},
    {2524607999, "\x17\x0d"
		 "491231235959Z"},
    {2524608000, "\x18\x0f"
		 "20500101000000Z"},
    {253402300799, "\x18\x0f"
		   "99991231235959Z"},
};

START_TEST(times_change_their_form_in_2050)
{
	struct buf out = {0};

	der_put_time(&out, times[_i].unix_s);
	ck_assert_uint_eq(out.len, strlen(times[_i].text));
	ck_assert_mem_eq(out.bytes, times[_i].text, out.len);
	buf_free(&out);
}
END_TEST

/* Lengths around each change of form; both ways of writing agree, and reading gives it back. */
static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 100000};

START_TEST(lengths_are_the_shortest_form)
{
	struct buf content = {0}, direct = {0}, nested = {0};
	struct der_element element;
	struct cursor cursor;
	size_t i, mark;

	for (i = 0; i < lengths[_i]; i++)
		buf_put_u8(&content, (uint8_t)i);
	der_put(&direct, DER_OCTET_STRING, content.bytes, content.len);
	mark = der_begin(&nested, DER_OCTET_STRING);
	buf_put(&nested, content.bytes, content.len);
	der_end(&nested, mark);
	ck_assert_uint_eq(direct.len, nested.len);
	ck_assert_mem_eq(direct.bytes, nested.bytes, direct.len);
	cursor = cursor_of(direct.bytes, direct.len);
	element = der_read(&cursor, DER_OCTET_STRING);
	ck_assert_int_eq(cursor.err, ERR_OK);
	ck_assert_uint_eq(element.content_len, lengths[_i]);
	buf_free(&content);
	buf_free(&direct);
	buf_free(&nested);
}
END_TEST

START_TEST(past_its_bound_a_writer_says_so)
{
	struct buf out;
	size_t mark, i;

	buf_init(&out, 100);
	mark = der_begin(&out, DER_SEQUENCE);
	for (i = 0; i < 50; i++)
		der_put_bit_string(&out, "abc", 3);
	der_end(&out, mark);
	ck_assert_int_eq(out.err, ERR_TOO_LONG);
	buf_free(&out);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("der");
	TCase *tcase = tcase_create("der");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, reads_or_refuses, 0, COUNT(elements));
	tcase_add_test(tcase, another_tag_is_an_error_that_sticks);
	tcase_add_test(tcase, an_element_is_entered_and_not_left);
	tcase_add_loop_test(tcase, numbers_are_unsigned_and_shortest, 0, COUNT(numbers));
	tcase_add_loop_test(tcase, times_change_their_form_in_2050, 0, COUNT(times));
	tcase_add_loop_test(tcase, lengths_are_the_shortest_form, 0, COUNT(lengths));
	tcase_add_test(tcase, past_its_bound_a_writer_says_so);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
