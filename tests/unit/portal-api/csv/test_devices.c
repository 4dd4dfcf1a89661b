/* The import of phones made elsewhere: rows that can be read, and how the others are named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/csv/devices.h"
#include "tests/lib/unit.h"

#define HEADER "mac,serial_number,model,fingerprint\n"
#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define COLONS                                                                                     \
	"E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:"     \
	"78:52:B8:55"

START_TEST(rows_are_read)
{
	static const char text[] = HEADER "00:15:65:aa:bb:cc,SN 1,T46,\n"
					  "001565AABBCD,SN-2,\"T46\"," DIGEST "\n"
					  "001565AABBCE,SN-3,T46," COLONS "\n";
	struct device_row *rows = NULL;
	struct field_errors errors = {0};
	char why[256];
	size_t count = 0;
	ck_assert_int_eq(
	    devices_csv_read(text, strlen(text), &rows, &count, &errors, why, sizeof why), ERR_OK);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(rows[0].line, 2);
	ck_assert_str_eq(rows[0].serial_number, "SN 1");
	ck_assert_int_eq(rows[0].has_fingerprint, 0);
	ck_assert_str_eq(rows[1].model, "T46");
	ck_assert_int_eq(rows[1].has_fingerprint, 1);
	ck_assert_int_eq(rows[1].fingerprint.bytes[0], 0xe3);
	ck_assert_int_eq(
	    memcmp(&rows[1].fingerprint, &rows[2].fingerprint, sizeof rows[1].fingerprint), 0);
	free(rows);
}
END_TEST

START_TEST(as_a_spreadsheet_saves_them)
{
	static const char text[] = "sep=;\r\nModel;Serial Number;MAC;Note;Fingerprint;;\r\n"
				   "T46 ; SN 1;00:15:65:aa:bb:cc;x;;;\r\n;;;;;;\r\n";
	struct device_row *rows = NULL;
	struct field_errors errors = {0};
	char why[256];
	size_t count = 0;
	ck_assert_int_eq(
	    devices_csv_read(text, strlen(text), &rows, &count, &errors, why, sizeof why), ERR_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(rows[0].line, 3);
	ck_assert_str_eq(rows[0].serial_number, "SN 1");
	ck_assert_str_eq(rows[0].model, "T46");
	ck_assert_int_eq(rows[0].has_fingerprint, 0);
	free(rows);
}
END_TEST

static const struct {
	const char *row, *code;
} WRONG[] = {
    {"001565AABBC,SN,T46,", "bad_mac"},
    {"FFFFFFFFFFFF,SN,T46,", "bad_mac"},
    {"=001565AABBCC,SN,T46,", "bad_mac"},
    {"001565AABBCC,,T46,", "bad_serial_number"},
    {"001565AABBCC,\"a,b\",T46,", "bad_serial_number"},
    {"001565AABBCC,a/b,T46,", "bad_serial_number"},
    {"001565AABBCC,SN,,", "bad_model"},
    {"001565AABBCC,SN,T46,abc", "bad_fingerprint"},
    {"001565AABBCC,SN,T46," DIGEST "00", "bad_fingerprint"},
    {"001565AABBCC,SN,T46,zz" DIGEST, "bad_fingerprint"},
    {"001565AABBCC,SN,T46", "bad_row"},
    {"001565AABBCC,SN,T46,,x", "bad_row"},
};

START_TEST(a_bad_row_is_named_by_its_line)
{
	char text[512], why[256];
	struct device_row *rows = NULL;
	struct field_errors errors = {0};
	size_t count = 0;
	snprintf(text, sizeof text, HEADER "001565AABBCD,SN,T46,\n%s\n", WRONG[_i].row);
	ck_assert_int_eq(
	    devices_csv_read(text, strlen(text), &rows, &count, &errors, why, sizeof why),
	    ERR_SYNTAX);
	ck_assert_str_eq(why, "");
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_str_eq(errors.items[0].field, "line 3");
	ck_assert_str_eq(errors.items[0].code, WRONG[_i].code);
	ck_assert_ptr_null(rows);
}
END_TEST

static const char *const FILES[] = {"", HEADER, "mac,serial\n", HEADER "\"001565AABBCD,SN,T46,\n"};

START_TEST(a_bad_file_is_told_in_a_sentence)
{
	struct device_row *rows = NULL;
	struct field_errors errors = {0};
	char why[256];
	size_t count = 0;
	ck_assert_int_eq(
	    devices_csv_read(FILES[_i], strlen(FILES[_i]), &rows, &count, &errors, why, sizeof why),
	    ERR_SYNTAX);
	ck_assert_int_eq(strncmp(why, "Line ", 5), 0);
}
END_TEST

START_TEST(ten_thousand_rows_and_no_more)
{
	static const char row[] = "001565AABBCD,SN,T46,\n";
	struct buf text = {0};
	char why[256];
	for (size_t rows_wanted = DEVICE_ROWS_MAX; rows_wanted <= DEVICE_ROWS_MAX + 1;
	     rows_wanted++) {
		struct device_row *rows = NULL;
		struct field_errors errors = {0};
		size_t count = 0;
		buf_clear(&text);
		buf_put_str(&text, HEADER);
		for (size_t i = 0; i < rows_wanted; i++)
			buf_put_str(&text, row);
		ck_assert_int_eq(devices_csv_read((const char *)text.bytes, text.len, &rows, &count,
				     &errors, why, sizeof why),
		    rows_wanted > DEVICE_ROWS_MAX ? ERR_SYNTAX : ERR_OK);
		free(rows);
	}
	buf_free(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("devices");
	TCase *tests = tcase_create("devices");
	tcase_add_test(tests, rows_are_read);
	tcase_add_test(tests, as_a_spreadsheet_saves_them);
	tcase_add_loop_test(tests, a_bad_row_is_named_by_its_line, 0, COUNT(WRONG));
	tcase_add_loop_test(tests, a_bad_file_is_told_in_a_sentence, 0, COUNT(FILES));
	tcase_add_test(tests, ten_thousand_rows_and_no_more);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
