/* Buffers keep their bound and cursors their end, and both remember the first failure. */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "tests/lib/unit.h"

START_TEST(what_is_put_is_there)
{
	struct buf buf = {0};

	buf_put_u8(&buf, 0x01);
	buf_put_u16(&buf, 0x0203);
	buf_put_u32(&buf, 0x04050607);
	buf_put_u64(&buf, 0x08090a0b0c0d0e0f);
	buf_put(&buf, NULL, 0);
	buf_put_str(&buf, "");
	ck_assert_uint_eq(buf.len, 15);
	for (size_t i = 0; i < buf.len; i++)
		ck_assert_uint_eq(buf.bytes[i], i + 1);
	buf_drop_front(&buf, 13);
	ck_assert_uint_eq(buf.len, 2);
	ck_assert_uint_eq(buf.bytes[0], 14);
	ck_assert_uint_eq(buf.bytes[2], 0);
	buf_drop_front(&buf, 2);
	ck_assert_uint_eq(buf.len, 0);
	buf_free(&buf);
}
END_TEST

START_TEST(it_grows_and_prints)
{
	struct buf buf = {0};

	for (int i = 0; i < 1000; i++)
		buf_printf(&buf, "%03d,", i);
	ck_assert_uint_eq(buf.len, 4000);
	ck_assert_uint_eq(strlen((char *)buf.bytes), 4000);
	ck_assert_int_eq(strncmp((char *)buf.bytes + 3996, "999,", 4), 0);
	buf_wipe(&buf);
	ck_assert_ptr_null(buf.bytes);
	ck_assert_uint_eq(buf.len, 0);
}
END_TEST

START_TEST(past_its_bound_it_takes_nothing_more)
{
	struct buf buf;

	buf_init(&buf, 8);
	buf_put_str(&buf, "12345678");
	ck_assert_int_eq(buf.err, ERR_OK);
	buf_put_u8(&buf, '9');
	ck_assert_int_eq(buf.err, ERR_TOO_LONG);
	buf_put(&buf, "", 0);
	buf_printf(&buf, "x");
	ck_assert_str_eq((char *)buf.bytes, "12345678");

	buf_clear(&buf);
	ck_assert_int_eq(buf.err, ERR_OK);
	buf_printf(&buf, "%s", "123456789");
	ck_assert_int_eq(buf.err, ERR_TOO_LONG);
	ck_assert_uint_eq(buf.len, 0);

	buf_clear(&buf);
	buf_put_u8(&buf, 'a');
	buf_put(&buf, "b", SIZE_MAX);
	ck_assert_int_eq(buf.err, ERR_TOO_LONG);
	ck_assert_str_eq((char *)buf.bytes, "a");
	buf_free(&buf);
	ck_assert_uint_eq(buf.max, 8);
}
END_TEST

START_TEST(taken_bytes_are_a_string)
{
	struct buf buf = {0};
	size_t len = 77;

	char *text = buf_take(&buf, &len);
	ck_assert_str_eq(text, "");
	ck_assert_uint_eq(len, 0);
	free(text);
	buf_put_str(&buf, "taken");
	text = buf_take(&buf, NULL);
	ck_assert_str_eq(text, "taken");
	ck_assert_ptr_null(buf.bytes);
	ck_assert_uint_eq(buf.len, 0);
	free(text);
}
END_TEST

START_TEST(a_cursor_reads_big_endian)
{
	static const uint8_t BYTES[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
	struct cursor in = cursor_of(BYTES, sizeof BYTES);

	ck_assert_uint_eq(cursor_u8(&in), 1);
	ck_assert_uint_eq(cursor_u16(&in), 0x0203);
	ck_assert_uint_eq(cursor_u32(&in), 0x04050607);
	ck_assert_uint_eq(cursor_u64(&in), 0x08090a0b0c0d0e0f);
	ck_assert_uint_eq(cursor_left(&in), 2);
	ck_assert_ptr_eq(cursor_bytes(&in, 2), BYTES + 15);
	ck_assert_ptr_nonnull(cursor_bytes(&in, 0));
	ck_assert_uint_eq(cursor_left(&in), 0);
	ck_assert_int_eq(in.err, ERR_OK);
}
END_TEST

START_TEST(a_cursor_stops_at_the_end_for_good)
{
	static const uint8_t BYTES[] = {1, 2, 3};
	struct cursor in = cursor_of(BYTES, sizeof BYTES);

	ck_assert_uint_eq(cursor_u32(&in), 0);
	ck_assert_int_eq(in.err, ERR_SYNTAX);
	ck_assert_uint_eq(cursor_u8(&in), 0);
	ck_assert_ptr_null(cursor_bytes(&in, 1));
	ck_assert_ptr_null(cursor_bytes(&in, 0));

	in = cursor_of(BYTES, sizeof BYTES);
	ck_assert_ptr_null(cursor_bytes(&in, SIZE_MAX));
	ck_assert_int_eq(in.err, ERR_SYNTAX);

	in = cursor_of(NULL, 0);
	ck_assert_uint_eq(cursor_left(&in), 0);
	ck_assert_uint_eq(cursor_u8(&in), 0);
	ck_assert_int_eq(in.err, ERR_SYNTAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buf");
	TCase *tests = tcase_create("buf");

	tcase_add_test(tests, what_is_put_is_there);
	tcase_add_test(tests, it_grows_and_prints);
	tcase_add_test(tests, past_its_bound_it_takes_nothing_more);
	tcase_add_test(tests, taken_bytes_are_a_string);
	tcase_add_test(tests, a_cursor_reads_big_endian);
	tcase_add_test(tests, a_cursor_stops_at_the_end_for_good);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
