/* Frames between front and signer: what goes in comes out, and nothing else does. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/ipc.h"
#include "factory-ca/signer/protocol.h"

static const struct fingerprint station = {{1, 2, 3}};

static struct signer_issue_row issue_row(size_t csr_len)
{
	static const uint8_t csr[SIGNER_CSR_MAX + 1] = {0x30};
	const struct signer_issue_row row = {.mac = {{0, 0x15, 0x65, 0, 0, 1}},
	    .serial_number = {"SN-1", 4},
	    .csr = csr,
	    .csr_len = csr_len};

	return row;
}

static struct cursor cursor_over(const struct buf *buf)
{
	return cursor_of(buf->bytes, buf->len);
}

/* Every shorter and every longer payload must be refused. */
#define ASSERT_ONLY_WHOLE(frame, decode)                                                           \
	do {                                                                                       \
		size_t len_;                                                                       \
		for (len_ = 0; len_ < (frame)->len; len_++) {                                      \
			struct cursor in_ = cursor_of((frame)->bytes, len_);                       \
			ck_assert_int_eq(decode, ERR_SYNTAX);                                      \
		}                                                                                  \
		buf_put_u8(frame, 0);                                                              \
		struct cursor in_ = cursor_over(frame);                                            \
		ck_assert_int_eq(decode, ERR_SYNTAX);                                              \
	} while (0)

START_TEST(an_issue_request_goes_through)
{
	struct signer_issue issue;
	struct buf frame = {0};
	struct signer_issue_row row = issue_row(300);

	signer_issue_begin(&frame, "PO-1", "line-1", &station);
	ck_assert_int_eq(signer_issue_add(&frame, &row), ERR_OK);
	row.mac.octets[5] = 2;
	ck_assert_int_eq(signer_issue_add(&frame, &row), ERR_OK);
	ck_assert_int_eq(signer_issue_decode(cursor_over(&frame), &issue), ERR_OK);
	ck_assert_str_eq(issue.order, "PO-1");
	ck_assert_str_eq(issue.station, "line-1");
	ck_assert_mem_eq(issue.station_certificate.bytes, station.bytes, SHA256_LEN);
	ck_assert_uint_eq(issue.row_count, 2);
	ck_assert_uint_eq(issue.rows[1].mac.octets[5], 2);
	ck_assert_uint_eq(issue.rows[1].csr_len, 300);
	ck_assert_mem_eq(issue.rows[0].serial_number.text, "SN-1", 4);
	ASSERT_ONLY_WHOLE(&frame, signer_issue_decode(in_, &issue));
	buf_free(&frame);
}
END_TEST

START_TEST(a_request_is_full_by_rows_or_by_bytes)
{
	struct signer_issue issue;
	struct buf frame = {0};
	struct signer_issue_row row = issue_row(100);
	int rows = 0;

	signer_issue_begin(&frame, "PO-1", "line-1", &station);
	while (signer_issue_add(&frame, &row) == ERR_OK)
		rows++;
	ck_assert_int_eq(rows, SIGNER_ROWS_MAX);
	row = issue_row(SIGNER_CSR_MAX);
	signer_issue_begin(&frame, "PO-1", "line-1", &station);
	for (rows = 0; signer_issue_add(&frame, &row) == ERR_OK;)
		rows++;
	ck_assert_int_eq(rows, 7);
	ck_assert_uint_le(frame.len, IPC_PAYLOAD_MAX);
	ck_assert_int_eq(signer_issue_decode(cursor_over(&frame), &issue), ERR_OK);
	ck_assert_uint_eq(issue.row_count, 7);
	buf_free(&frame);
}
END_TEST

START_TEST(a_row_out_of_bounds_is_not_added)
{
	struct buf frame = {0};
	struct signer_issue_row row = issue_row(SIGNER_CSR_MAX + 1);

	signer_issue_begin(&frame, "PO-1", "line-1", &station);
	ck_assert_int_eq(signer_issue_add(&frame, &row), ERR_RANGE);
	row = issue_row(0);
	ck_assert_int_eq(signer_issue_add(&frame, &row), ERR_RANGE);
	row = issue_row(10);
	row.serial_number.len = 0;
	ck_assert_int_eq(signer_issue_add(&frame, &row), ERR_RANGE);
	row.serial_number.text = "a\nb";
	row.serial_number.len = 3;
	ck_assert_int_eq(signer_issue_add(&frame, &row), ERR_RANGE);
	buf_free(&frame);
}
END_TEST

START_TEST(hostile_requests_are_malformed)
{
	struct signer_issue issue;
	struct signer_issue_row row = issue_row(10);
	struct buf frame = {0};
	static const struct {
		const char *order, *station;
	} names[] = {{"", "s"}, {"a b", "s"}, {"../x", ""}, {"ok", "s\n"}, {"a/b", "s"}};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		signer_issue_begin(&frame, names[i].order, names[i].station, &station);
		ck_assert_int_eq(signer_issue_add(&frame, &row), ERR_OK);
		ck_assert_int_eq(signer_issue_decode(cursor_over(&frame), &issue), ERR_SYNTAX);
	}
	signer_issue_begin(&frame, "ok", "s", &station);
	ck_assert_int_eq(signer_issue_decode(cursor_over(&frame), &issue), ERR_SYNTAX);
	frame.bytes[0] = 255; /* more rows than there are */
	ck_assert_int_eq(signer_issue_decode(cursor_over(&frame), &issue), ERR_SYNTAX);
	buf_free(&frame);
}
END_TEST

START_TEST(answers_go_through_and_fill_frames)
{
	static const uint8_t certificate[1300] = {0x30};
	struct signer_issued_row row = {.mac = {{0, 0x15, 0x65, 0, 0, 1}},
	    .outcome = ISSUE_ISSUED,
	    .certificate = certificate,
	    .certificate_len = sizeof(certificate),
	    .serial = {0x41},
	    .not_before_unix_s = 1800000000,
	    .claim_code_epoch = 3,
	    .claim_code = "ABCDE-FGHJK-LMNP"};
	struct signer_issued issued;
	struct buf frame = {0};
	int rows = 0;

	signer_issued_begin(&frame);
	while (signer_issued_add(&frame, &row) == ERR_OK)
		rows++;
	ck_assert_int_eq(rows, 46);
	ck_assert_int_eq(signer_issued_decode(cursor_over(&frame), &issued), ERR_OK);
	ck_assert_uint_eq(issued.row_count, 46);
	ck_assert(!issued.last);
	signer_issued_begin(&frame);
	ck_assert_int_eq(signer_issued_add(&frame, &row), ERR_OK);
	row.outcome = ISSUE_WEAK_KEY;
	row.detail.text = "why";
	row.detail.len = 3;
	ck_assert_int_eq(signer_issued_add(&frame, &row), ERR_OK);
	signer_issued_mark_last(&frame);
	ck_assert_int_eq(signer_issued_decode(cursor_over(&frame), &issued), ERR_OK);
	ck_assert(issued.last);
	ck_assert_uint_eq(issued.row_count, 2);
	ck_assert_int_eq(issued.rows[0].not_before_unix_s, 1800000000);
	ck_assert_uint_eq(issued.rows[0].claim_code_epoch, 3);
	ck_assert_str_eq(issued.rows[0].claim_code, "ABCDE-FGHJK-LMNP");
	ck_assert_uint_eq(issued.rows[0].certificate_len, sizeof(certificate));
	ck_assert_int_eq(issued.rows[1].outcome, ISSUE_WEAK_KEY);
	ck_assert_mem_eq(issued.rows[1].detail.text, "why", 3);
	ASSERT_ONLY_WHOLE(&frame, signer_issued_decode(in_, &issued));
	buf_free(&frame);
}
END_TEST

START_TEST(claim_codes_go_through)
{
	struct signer_claim_codes codes = {.row_count = 2}, codes_read;
	struct signer_claim_texts texts = {.row_count = 2}, texts_read;
	struct buf frame = {0};

	codes.rows[1].mac.octets[5] = 9;
	codes.rows[1].epoch = 7;
	signer_claim_codes_encode(&frame, &codes);
	ck_assert_int_eq(signer_claim_codes_decode(cursor_over(&frame), &codes_read), ERR_OK);
	ck_assert_uint_eq(codes_read.rows[1].epoch, 7);
	ck_assert_uint_eq(codes_read.rows[1].mac.octets[5], 9);
	ASSERT_ONLY_WHOLE(&frame, signer_claim_codes_decode(in_, &codes_read));
	buf_clear(&frame);
	texts.rows[0].known = 1;
	strcpy(texts.rows[0].text, "01234-56789-ABCD");
	signer_claim_texts_encode(&frame, &texts);
	ck_assert_int_eq(signer_claim_texts_decode(cursor_over(&frame), &texts_read), ERR_OK);
	ck_assert_str_eq(texts_read.rows[0].text, "01234-56789-ABCD");
	ck_assert(texts_read.rows[0].known && !texts_read.rows[1].known);
	ASSERT_ONLY_WHOLE(&frame, signer_claim_texts_decode(in_, &texts_read));
	buf_free(&frame);
}
END_TEST

START_TEST(the_small_ones_go_through)
{
	struct signer_welcome welcome = {.version = 1, .open_orders = 4, .generations = 5},
			      welcome_read;
	struct signer_failed failed = {SIGNER_FAILURE_UNKNOWN_ORDER, "no"}, failed_read;
	struct signer_statement_outcome outcome = {STATEMENT_REFUSED, "order_overlaps", "with A"},
					outcome_read;
	struct signer_order_state state = {.closed = 1, .issued = 9}, state_read;
	struct buf frame = {0};
	char reference[STATEMENT_REFERENCE_MAX + 1];
	uint16_t version = 0;

	signer_hello_encode(&frame);
	ck_assert_int_eq(signer_hello_decode(cursor_over(&frame), &version), ERR_OK);
	ck_assert_uint_eq(version, SIGNER_PROTOCOL_VERSION);
	ASSERT_ONLY_WHOLE(&frame, signer_hello_decode(in_, &version));
	buf_clear(&frame);
	signer_welcome_encode(&frame, &welcome);
	ck_assert_int_eq(signer_welcome_decode(cursor_over(&frame), &welcome_read), ERR_OK);
	ck_assert_uint_eq(welcome_read.open_orders, 4);
	ck_assert_uint_eq(welcome_read.generations, 5);
	ASSERT_ONLY_WHOLE(&frame, signer_welcome_decode(in_, &welcome_read));
	buf_clear(&frame);
	signer_failed_encode(&frame, &failed);
	ck_assert_int_eq(signer_failed_decode(cursor_over(&frame), &failed_read), ERR_OK);
	ck_assert_str_eq(failed_read.detail, "no");
	ASSERT_ONLY_WHOLE(&frame, signer_failed_decode(in_, &failed_read));
	buf_clear(&frame);
	signer_statement_outcome_encode(&frame, &outcome);
	ck_assert_int_eq(
	    signer_statement_outcome_decode(cursor_over(&frame), &outcome_read), ERR_OK);
	ck_assert_str_eq(outcome_read.code, "order_overlaps");
	ASSERT_ONLY_WHOLE(&frame, signer_statement_outcome_decode(in_, &outcome_read));
	buf_clear(&frame);
	signer_order_state_encode(&frame, "PO-1");
	ck_assert_int_eq(signer_order_state_decode(cursor_over(&frame), reference), ERR_OK);
	ck_assert_str_eq(reference, "PO-1");
	ASSERT_ONLY_WHOLE(&frame, signer_order_state_decode(in_, reference));
	buf_clear(&frame);
	signer_order_state_is_encode(&frame, &state);
	ck_assert_int_eq(signer_order_state_is_decode(cursor_over(&frame), &state_read), ERR_OK);
	ck_assert_uint_eq(state_read.issued, 9);
	ASSERT_ONLY_WHOLE(&frame, signer_order_state_is_decode(in_, &state_read));
	buf_free(&frame);
}
END_TEST

START_TEST(every_code_has_its_name)
{
	int i, j;

	for (i = 0; i < ISSUE_OUTCOME_COUNT; i++)
		for (j = 0; j < i; j++)
			ck_assert_str_ne(issue_outcome_code((enum issue_outcome)i),
			    issue_outcome_code((enum issue_outcome)j));
	ck_assert_str_eq(
	    signer_failure_code(SIGNER_FAILURE_STATION_NOT_ALLOWED), "station_not_allowed");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("protocol");
	TCase *tcase = tcase_create("protocol");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, an_issue_request_goes_through);
	tcase_add_test(tcase, a_request_is_full_by_rows_or_by_bytes);
	tcase_add_test(tcase, a_row_out_of_bounds_is_not_added);
	tcase_add_test(tcase, hostile_requests_are_malformed);
	tcase_add_test(tcase, answers_go_through_and_fill_frames);
	tcase_add_test(tcase, claim_codes_go_through);
	tcase_add_test(tcase, the_small_ones_go_through);
	tcase_add_test(tcase, every_code_has_its_name);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
