/* What a row of the batch call may say, how each mistake in it is told, and how rows are answered.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/key_type.h"
#include "factory-ca/front/batch_row.h"
#include "tests/unit/factory-ca/front/csr_samples.h"

static void read_text(const char *line, struct enrolment *row)
{
	memset(row, 0, sizeof(*row));
	batch_row_read(line, strlen(line), row);
}

/* A row around the base64 of a good CSR, which stands where `frame` has an '@'. */
static char *row_with_csr(const char *common_name, const char *frame)
{
	struct buf der = {0}, line = {0};
	const char *at = strchr(frame, '@');

	ck_assert_ptr_nonnull(at);
	sample_csr(common_name, NULL, &der);
	buf_put(&line, frame, (size_t)(at - frame));
	base64_encode(&line, der.bytes, der.len, 0);
	buf_put_str(&line, at + 1);
	buf_free(&der);
	return buf_take(&line, NULL);
}

START_TEST(a_good_row_is_read)
{
	static const char *const macs[] = {
	    "001565AABBCC", "00:15:65:aa:bb:cc", "00-15-65-aa-bb-cc", "0015.65aa.bbcc"};
	char frame[160], *line;
	struct enrolment row;

	snprintf(frame, sizeof(frame),
	    "{\"mac\":\"%s\",\"serial_number\":\"SN 1:(2)\",\"csr\":\"@\"}", macs[_i]);
	line = row_with_csr("001565AABBCC", frame);
	read_text(line, &row);
	ck_assert_str_eq(row.detail, "");
	ck_assert_int_eq(row.status, ENROLMENT_PENDING);
	ck_assert_uint_eq(mac_to_uint(&row.mac), 0x001565aabbcc);
	ck_assert_str_eq(row.serial_number, "SN 1:(2)");
	ck_assert_uint_gt(row.csr.len, 200);
	enrolment_free(&row);
	free(line);
}
END_TEST

static const struct {
	const char *line;
	int is_good;
	unsigned key_type;
} SERVER_KEYS[] = {
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"key\":\"server\"}", 1, KEY_TYPE_COUNT},
    {"{\"key_type\":\"p384\",\"key\":\"server\",\"mac\":\"001565AABBCC\",\"serial_number\":\"1\"}",
	1, KEY_P384},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"key\":\"phone\"}", 0, 0},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"key\":1}", 0, 0},
    {"{\"mac\":\"001565AABBCC\",\"key\":\"server\"}", 0, 0},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"key\":\"server\",\"csr\":\"AA==\"}", 0,
	0},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"key\":\"server\",\"key_type\":\"dsa\"}",
	0, 0},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"key_type\":\"p256\"}", 0, 0},
};

START_TEST(a_row_may_ask_for_a_key)
{
	struct enrolment row;

	read_text(SERVER_KEYS[_i].line, &row);
	if (SERVER_KEYS[_i].is_good) {
		ck_assert_int_eq(row.status, ENROLMENT_PENDING);
		ck_assert_int_eq(row.server_key, 1);
		ck_assert_uint_eq(row.key_type, SERVER_KEYS[_i].key_type);
	} else {
		ck_assert_int_eq(row.code, ENROLMENT_BAD_ROW);
		ck_assert_str_ne(row.detail, "");
	}
	enrolment_free(&row);
}
END_TEST

START_TEST(pem_is_read_with_either_label)
{
	static const char *const frames[] = {
	    "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\n@\\n-----END CERTIFICATE "
	    "REQUEST-----\\n\","
	    "\"mac\":\"001565AABBCC\",\"serial_number\":\"1\"}",
	    "{\"csr\":\"-----BEGIN NEW CERTIFICATE REQUEST-----\\r\\n@\\r\\n-----END NEW "
	    "CERTIFICATE "
	    "REQUEST-----\",\"mac\":\"001565AABBCC\",\"serial_number\":\"1\"}",
	};
	char *line = row_with_csr("001565AABBCC", frames[_i]);
	struct enrolment row;

	read_text(line, &row);
	ck_assert_str_eq(row.detail, "");
	enrolment_free(&row);
	free(line);
}
END_TEST

static const struct {
	const char *line;
	enum enrolment_code code;
	const char *says;
} BAD[] = {
    {"not json", ENROLMENT_BAD_ROW, "not JSON (at byte"},
    {"{\"mac\":\"001565AABBCC\"", ENROLMENT_BAD_ROW, "not JSON"},
    {"[]", ENROLMENT_BAD_ROW, "not a JSON object"},
    {"{\"mac\":\"001565AABBCC\"} x", ENROLMENT_BAD_ROW, "not JSON"},
    {"{}", ENROLMENT_BAD_ROW, "mac: missing"},
    {"{\"mac\":1,\"serial_number\":\"1\",\"csr\":\"\"}", ENROLMENT_BAD_ROW, "mac: not a string"},
    {"{\"mac\":null}", ENROLMENT_BAD_ROW, "mac: not a string"},
    {"{\"mac\":\"001565AABB\"}", ENROLMENT_BAD_ROW, "mac: not a MAC address"},
    {"{\"mac\":\"011565AABBCC\"}", ENROLMENT_BAD_ROW, "mac: a multicast"},
    {"{\"mac\":\"000000000000\"}", ENROLMENT_BAD_ROW, "mac: a multicast or all-zero"},
    {"{\"mac\":\"001565AABBCC\",\"mac\":\"001565AABBCD\"}", ENROLMENT_BAD_ROW, "given twice"},
    {"{\"mac\":\"001565AABBCC\"}", ENROLMENT_BAD_ROW, "serial_number: missing"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"\"}", ENROLMENT_BAD_ROW,
	"serial_number: not 1"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"CN=1\"}", ENROLMENT_BAD_ROW, "serial_number: "},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"a,b\"}", ENROLMENT_BAD_ROW, "serial_number: "},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"\\u00e9\"}", ENROLMENT_BAD_ROW,
	"serial_number: "},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"a\\u0000b\"}", ENROLMENT_BAD_ROW, "not JSON"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\"}", ENROLMENT_BAD_ROW, "csr: missing"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":{}}", ENROLMENT_BAD_ROW,
	"csr: not a string"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":\"\"}", ENROLMENT_BAD_CSR,
	"csr: neither PEM"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":\"!!\"}", ENROLMENT_BAD_CSR,
	"csr: neither PEM"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":\"-----BEGIN CERTIFICATE "
     "REQUEST-----\\nAAAA\"}",
	ENROLMENT_BAD_CSR, "csr: neither PEM"},
    {"{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":\"MAMCAQA=\"}", ENROLMENT_BAD_CSR,
	"csr: "},
};

START_TEST(a_bad_row_is_told)
{
	struct enrolment row;

	read_text(BAD[_i].line, &row);
	ck_assert_int_eq(row.status, ENROLMENT_ERROR);
	ck_assert_str_eq(enrolment_code_name(row.code), enrolment_code_name(BAD[_i].code));
	ck_assert_msg(strstr(row.detail, BAD[_i].says) != NULL, "%s", row.detail);
	enrolment_free(&row);
}
END_TEST

START_TEST(an_unknown_key_is_told_without_its_control_characters)
{
	char *line = row_with_csr("001565AABBCC",
	    "{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":\"@\",\"a\\nb\":1}");
	struct enrolment row;

	read_text(line, &row);
	ck_assert_int_eq(row.code, ENROLMENT_BAD_ROW);
	ck_assert_ptr_nonnull(strstr(row.detail, "unknown key \"a?b\""));
	enrolment_free(&row);
	free(line);
}
END_TEST

START_TEST(a_csr_of_another_phone_is_told)
{
	char *line = row_with_csr(
	    "001565AABBCD", "{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":\"@\"}");
	struct enrolment row;

	read_text(line, &row);
	ck_assert_int_eq(row.code, ENROLMENT_BAD_CSR);
	ck_assert_ptr_nonnull(strstr(row.detail, "001565AABBCD"));
	enrolment_free(&row);
	free(line);
}
END_TEST

START_TEST(a_csr_that_is_too_large_is_told)
{
	struct buf line = {0};
	struct enrolment row;
	int i;

	buf_put_str(&line, "{\"mac\":\"001565AABBCC\",\"serial_number\":\"1\",\"csr\":\"");
	for (i = 0; i < ENROLMENT_CSR_MAX; i++)
		buf_put_str(&line, "AAAA");
	buf_put_str(&line, "\"}");
	read_text((const char *)line.bytes, &row);
	ck_assert_int_eq(row.code, ENROLMENT_BAD_CSR);
	ck_assert_ptr_nonnull(strstr(row.detail, "larger than"));
	enrolment_free(&row);
	buf_free(&line);
}
END_TEST

static json_t *written(const struct enrolment *row)
{
	struct buf out = {0};
	json_t *document;

	batch_row_write(row, &out);
	ck_assert_int_eq(out.bytes[out.len - 1], '\n');
	ck_assert_ptr_eq(memchr(out.bytes, '\n', out.len), out.bytes + out.len - 1);
	document = json_loadb((const char *)out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(document);
	buf_free(&out);
	return document;
}

#define STRING(document, key) json_string_value(json_object_get(document, key))

START_TEST(a_success_is_written)
{
	struct enrolment row = {
	    .row = 7, .has_mac = 1, .status = ENROLMENT_ISSUED, .claim_code = "ABCDE-FGHJK-MNPQ"};
	json_t *document;

	ck_assert_int_eq(mac_parse("001565aabbcc", 12, &row.mac), ERR_OK);
	memset(row.serial, 0x4a, sizeof(row.serial));
	buf_put(&row.certificate, "certificate", 11);
	document = written(&row);
	ck_assert_str_eq(STRING(document, "mac"), "001565AABBCC");
	ck_assert_str_eq(STRING(document, "status"), "issued");
	ck_assert_str_eq(STRING(document, "serial"), "4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A4A");
	ck_assert_str_eq(STRING(document, "certificate"),
	    "-----BEGIN CERTIFICATE-----\nY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n");
	ck_assert_str_eq(STRING(document, "claim_code"), "ABCDE-FGHJK-MNPQ");
	ck_assert_int_eq(json_integer_value(json_object_get(document, "row")), 7);
	ck_assert_ptr_null(json_object_get(document, "code"));
	json_decref(document);
	enrolment_free(&row);
}
END_TEST

START_TEST(a_refusal_is_written)
{
	struct enrolment row = {.has_mac = 1};
	json_t *document;

	ck_assert_int_eq(mac_parse("001565aabbcc", 12, &row.mac), ERR_OK);
	enrolment_refuse(&row, ENROLMENT_KEY_REUSED, "a \"quoted\" \\ reason\n%c", 1);
	document = written(&row);
	ck_assert_str_eq(STRING(document, "status"), "error");
	ck_assert_str_eq(STRING(document, "code"), "key_reused");
	ck_assert_str_eq(STRING(document, "detail"), "a \"quoted\" \\ reason\n\001");
	ck_assert_ptr_null(json_object_get(document, "certificate"));
	ck_assert_ptr_null(json_object_get(document, "claim_code"));
	json_decref(document);
}
END_TEST

START_TEST(a_mac_that_is_none_is_echoed_or_null)
{
	struct enrolment row;
	json_t *document;

	read_text("{\"mac\":\"0015\\\"65\"}", &row);
	document = written(&row);
	ck_assert_str_eq(STRING(document, "mac"), "0015\"65");
	json_decref(document);
	read_text("{\"mac\":\"a string that is far too long to be a MAC\"}", &row);
	document = written(&row);
	ck_assert(json_is_null(json_object_get(document, "mac")));
	json_decref(document);
}
END_TEST

START_TEST(blank_lines_are_no_rows)
{
	ck_assert(batch_row_is_blank("", 0));
	ck_assert(batch_row_is_blank(" \t\r", 3));
	ck_assert(!batch_row_is_blank(" {", 2));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch_row");
	TCase *tcase = tcase_create("rows");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, a_good_row_is_read, 0, 4);
	tcase_add_loop_test(
	    tcase, a_row_may_ask_for_a_key, 0, sizeof(SERVER_KEYS) / sizeof(SERVER_KEYS[0]));
	tcase_add_loop_test(tcase, pem_is_read_with_either_label, 0, 2);
	tcase_add_loop_test(tcase, a_bad_row_is_told, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_test(tcase, an_unknown_key_is_told_without_its_control_characters);
	tcase_add_test(tcase, a_csr_of_another_phone_is_told);
	tcase_add_test(tcase, a_csr_that_is_too_large_is_told);
	tcase_add_test(tcase, a_success_is_written);
	tcase_add_test(tcase, a_refusal_is_written);
	tcase_add_test(tcase, a_mac_that_is_none_is_echoed_or_null);
	tcase_add_test(tcase, blank_lines_are_no_rows);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
