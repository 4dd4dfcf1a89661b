/*
 * The ledger on a real disk: what orders allow, what a restart remembers, what a power cut may
 * leave, and what nobody may have changed.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/file.h"
#include "factory-ca/signer/ledger.h"
#include "tests/unit/factory-ca/signer/ledger_fixture.h"

START_TEST(orders_are_opened_once_and_never_overlap)
{
	ck_assert_str_eq(open_order("A", "001565000000", 16), "accepted");
	ck_assert_str_eq(open_order("A", "001565000000", 16), "existing");
	ck_assert_str_eq(open_order("A", "001565000000", 17), "order_differs");
	ck_assert_str_eq(open_order("B", "00156500000F", 1), "order_overlaps");
	ck_assert_str_eq(open_order("B", "001565000010", 1), "accepted");
	ck_assert_str_eq(close_order("C"), "unknown_order");
	ck_assert_str_eq(close_order("A"), "accepted");
	ck_assert_str_eq(close_order("A"), "existing");
	ck_assert_str_eq(open_order("C", "001565000000", 16), "accepted");
	reopen();
	ck_assert_str_eq(open_order("A", "001565000000", 16), "existing");
	ck_assert(ledger_find_order(ledger, "A")->closed);
	ck_assert_uint_eq(ledger_open_orders(ledger), 2);
}
END_TEST

START_TEST(a_phone_is_reserved_once)
{
	struct ledger_grant first, second;

	open_order("A", "001565000000", 2);
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW, &first), ISSUE_ISSUED);
	/* In the same group already the same, and after commit and restart too. */
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW, &second), ISSUE_EXISTING);
	ck_assert_mem_eq(first.serial, second.serial, SIGNER_SERIAL_LEN);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	reopen();
	ck_assert_int_eq(
	    reserve_at("A", "001565000000", 1, TEST_NOW + 50, &second), ISSUE_EXISTING);
	ck_assert_mem_eq(first.serial, second.serial, SIGNER_SERIAL_LEN);
	ck_assert_int_eq(first.not_before_unix_s, second.not_before_unix_s);
	ck_assert_str_eq(issue("A", "001565000000", 2), "mac_has_other_key");
	ck_assert_str_eq(issue("A", "001565000001", 1), "key_reused");
	ck_assert_str_eq(issue("A", "001565000002", 3), "out_of_range");
	ck_assert_str_eq(issue("A", "001564FFFFFF", 3), "out_of_range");
	ck_assert_str_eq(issue("A", "001565000001", 3), "issued");
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 2);
}
END_TEST

START_TEST(the_serial_number_is_part_of_the_phone)
{
	uint8_t spki[SHA256_LEN] = {1};
	struct ledger_claim claim = {.order = "A", .serial_number = "SN-2", .spki_sha256 = spki};
	struct ledger_grant grant;
	char detail[SIGNER_DETAIL_MAX + 1] = "";

	open_order("A", "001565000000", 2);
	ck_assert_str_eq(issue("A", "001565000000", 1), "issued");
	ck_assert_int_eq(mac_parse("001565000000", 12, &claim.mac), ERR_OK);
	ck_assert_int_eq(ledger_reserve(ledger, &claim, TEST_NOW, &grant, detail), ISSUE_BAD_ROW);
	ck_assert_ptr_nonnull(strstr(detail, "SN"));
}
END_TEST

START_TEST(an_order_has_its_time)
{
	struct statement statement = test_order("A", "001565000000", 9);
	struct ledger_grant grant;

	statement.order.opens_unix_s = TEST_NOW + 10;
	statement.order.closes_unix_s = TEST_NOW + 20;
	ck_assert_str_eq(accept_at(&statement, TEST_NOW), "accepted");
	ck_assert_int_eq(
	    reserve_at("A", "001565000000", 1, TEST_NOW + 9, &grant), ISSUE_ORDER_CLOSED);
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW + 10, &grant), ISSUE_ISSUED);
	ck_assert_int_eq(
	    reserve_at("A", "001565000001", 2, TEST_NOW + 20, &grant), ISSUE_ORDER_CLOSED);
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW + 20, &grant), ISSUE_EXISTING);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	ck_assert_str_eq(close_order("A"), "accepted");
	ck_assert_int_eq(
	    reserve_at("A", "001565000002", 3, TEST_NOW + 15, &grant), ISSUE_ORDER_CLOSED);
}
END_TEST

START_TEST(a_phone_of_a_closed_order_is_known_to_the_next_one)
{
	open_order("A", "001565000000", 9);
	ck_assert_str_eq(issue("A", "001565000003", 1), "issued");
	close_order("A");
	reopen();
	ck_assert_str_eq(open_order("B", "001565000000", 9), "accepted");
	ck_assert_str_eq(issue("B", "001565000003", 2), "mac_has_other_key");
	ck_assert_str_eq(issue("B", "001565000003", 1), "mac_has_other_key");
	ck_assert_str_eq(issue("B", "001565000004", 1), "key_reused");
	reopen();
	ck_assert_str_eq(issue("B", "001565000003", 2), "mac_has_other_key");
	ck_assert_str_eq(issue("B", "001565000004", 2), "issued");
}
END_TEST

START_TEST(a_clock_that_went_back_is_seen)
{
	struct statement statement = test_order("B", "001565000100", 1);

	open_order("A", "001565000000", 9);
	ck_assert_str_eq(issue("A", "001565000000", 1), "issued");
	ck_assert_int_eq(ledger_clock_behind_s(ledger, TEST_NOW - 60), 0);
	ck_assert_int_eq(ledger_clock_behind_s(ledger, TEST_NOW - 61), 61);
	reopen();
	ck_assert_int_eq(
	    ledger_clock_behind_s(ledger, TEST_NOW - 365 * 86400), (int64_t)365 * 86400);
	ck_assert_str_eq(accept_at(&statement, TEST_NOW - 100), "signer_unavailable");
}
END_TEST

START_TEST(many_phones_are_found_again)
{
	struct ledger_grant grant;
	char mac[MAC_TEXT_LEN + 1];
	int i;

	open_order("A", "001565000000", 5000);
	for (i = 0; i < 4000; i++) {
		snprintf(mac, sizeof(mac), "001565%06X", i);
		ck_assert_int_eq(reserve_at("A", mac, i + 1, TEST_NOW, &grant), ISSUE_ISSUED);
	}
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	reopen();
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 4000);
	for (i = 0; i < 4000; i++) {
		snprintf(mac, sizeof(mac), "001565%06X", i);
		ck_assert_int_eq(reserve_at("A", mac, i + 1, TEST_NOW, &grant), ISSUE_EXISTING);
	}
}
END_TEST

START_TEST(phones_of_closed_orders_leave_the_memory_when_there_are_many)
{
	enum { MANY = 1 << 18 };
	struct ledger_grant grant;
	char mac[MAC_TEXT_LEN + 1];
	int i;

	open_order("SMALL", "001565000000", 10);
	open_order("LARGE", "001566000000", MANY);
	ck_assert_int_eq(
	    reserve_at("SMALL", "001565000001", 1 << 20, TEST_NOW, &grant), ISSUE_ISSUED);
	for (i = 0; i < MANY; i++) {
		snprintf(mac, sizeof(mac), "001566%06X", i);
		ck_assert_int_eq(reserve_at("LARGE", mac, i + 1, TEST_NOW, &grant), ISSUE_ISSUED);
		if (i % 1000 == 0 || i + 1 == MANY)
			ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	}
	ck_assert_str_eq(close_order("LARGE"), "accepted");
	ck_assert_int_eq(
	    reserve_at("LARGE", "001566000000", 1, TEST_NOW, &grant), ISSUE_ORDER_CLOSED);
	ck_assert_int_eq(
	    reserve_at("SMALL", "001565000001", 1 << 20, TEST_NOW, &grant), ISSUE_EXISTING);
	/* An order over the same range finds them on disk. */
	open_order("AGAIN", "001566000000", 16);
	ck_assert_int_eq(
	    reserve_at("AGAIN", "001566000003", 77, TEST_NOW, &grant), ISSUE_MAC_HAS_OTHER_KEY);
	reopen();
	ck_assert_int_eq(
	    reserve_at("SMALL", "001565000001", 1 << 20, TEST_NOW, &grant), ISSUE_EXISTING);
	ck_assert_int_eq(
	    reserve_at("AGAIN", "001566000003", 77, TEST_NOW, &grant), ISSUE_MAC_HAS_OTHER_KEY);
}
END_TEST

START_TEST(records_find_their_order_among_many)
{
	struct ledger_grant grant;
	char reference[16], mac[MAC_TEXT_LEN + 1];
	int i;

	for (i = 0; i < 40; i++) {
		/* Neither ids nor MACs come in order. */
		snprintf(reference, sizeof(reference), "PO-%d", i);
		snprintf(mac, sizeof(mac), "001565%02X0000", (i * 37) % 41);
		ck_assert_str_eq(open_order(reference, mac, 16), "accepted");
		ck_assert_int_eq(reserve_at(reference, mac, i + 1, TEST_NOW, &grant), ISSUE_ISSUED);
		ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
		if (i % 3 == 0)
			ck_assert_str_eq(close_order(reference), "accepted");
	}
	reopen();
	for (i = 0; i < 40; i++) {
		snprintf(reference, sizeof(reference), "PO-%d", i);
		snprintf(mac, sizeof(mac), "001565%02X0000", (i * 37) % 41);
		ck_assert_uint_eq(ledger_find_order(ledger, reference)->issued, 1);
		ck_assert_int_eq(reserve_at(reference, mac, i + 1, TEST_NOW, &grant),
		    i % 3 == 0 ? ISSUE_ORDER_CLOSED : ISSUE_EXISTING);
	}
}
END_TEST

START_TEST(what_could_not_be_written_was_never_reserved)
{
	uint8_t spki[SHA256_LEN] = {2};
	struct ledger_claim claim = {.order = "A", .serial_number = "SN", .spki_sha256 = spki};
	struct rlimit limit, before;
	struct ledger_grant grant;
	char detail[SIGNER_DETAIL_MAX + 1];
	enum issue_outcome outcome;
	enum err err;

	open_order("A", "001565000000", 9);
	ck_assert_str_eq(issue("A", "001565000000", 1), "issued");
	ck_assert_int_eq(mac_parse("001565000001", 12, &claim.mac), ERR_OK);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)test_size(folder, "ledger") + 100;
	/* No assertion in between: check's own file is held to the limit, too. */
	setrlimit(RLIMIT_FSIZE, &limit);
	outcome = ledger_reserve(ledger, &claim, TEST_NOW, &grant, detail);
	err = ledger_commit(ledger);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(outcome, ISSUE_ISSUED);
	ck_assert_int_eq(err, ERR_IO);
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 1);
	ck_assert_str_eq(issue("A", "001565000001", 3), "issued"); /* nothing of it stayed */
	reopen();
	ck_assert_str_eq(issue("A", "001565000001", 3), "existing");
}
END_TEST

START_TEST(one_process_at_a_time)
{
	struct ledger *mine = ledger;
	char why[LEDGER_WHY_LEN] = "";

	ck_assert_int_eq(open_ledger(why), ERR_FULL);
	ck_assert_ptr_nonnull(strstr(why, "another signer"));
	ledger = mine;
}
END_TEST

/* Three phones under one order; what the files then hold. */
static void fill(void)
{
	open_order("A", "001565000000", 9);
	issue("A", "001565000000", 1);
	issue("A", "001565000001", 2);
	issue("A", "001565000002", 3);
	ledger_free(ledger);
	ledger = NULL;
}

START_TEST(no_byte_of_the_files_can_be_changed)
{
	static const char *const names[] = {"ledger", "journal", "ledger.head"};
	size_t i;

	fill();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		long size = test_size(folder, names[i]), offset;

		for (offset = 0; offset < size; offset += offset % 97 == 0 ? 1 : 12) {
			test_flip(folder, names[i], offset);
			assert_refused("altered");
			test_flip(folder, names[i], offset);
		}
		test_flip(folder, names[i], -1);
		assert_refused("altered");
		test_flip(folder, names[i], -1);
	}
	reopen();
	ck_assert_str_eq(issue("A", "001565000002", 3), "existing");
}
END_TEST

START_TEST(a_record_that_was_forged_with_its_hash_is_found_by_the_head)
{
	struct buf bytes = {0};
	struct ledger_entry entry;
	uint8_t chain[SHA256_LEN], before[SHA256_LEN], *last;
	char path[TEST_PATH];
	uint64_t i;

	fill();
	test_path(path, folder, "ledger");
	ck_assert_int_eq(file_read(path, 1 << 20, &bytes), ERR_OK);
	sha256(bytes.bytes, LEDGER_HEADER_LEN, chain);
	for (i = 1; i <= 3; i++) {
		memcpy(before, chain, sizeof(chain));
		last = bytes.bytes + LEDGER_HEADER_LEN + (i - 1) * LEDGER_RECORD_LEN;
		ck_assert_int_eq(ledger_entry_decode(last, i, chain, &entry), ERR_OK);
	}
	entry.spki_sha256[0] ^= 1; /* the third phone gets another key */
	ledger_entry_encode(&entry, 3, before, last);
	ck_assert_int_eq(file_write(path, 0600, bytes.bytes, bytes.len), ERR_OK);
	assert_refused("altered");
	buf_free(&bytes);
}
END_TEST

static void cut(const char *name, long size)
{
	char path[TEST_PATH];

	test_path(path, folder, name);
	ck_assert_int_eq(truncate(path, size), 0);
}

START_TEST(a_cut_end_is_found)
{
	char path[TEST_PATH], aside[TEST_PATH];

	fill();
	cut("ledger", test_size(folder, "ledger") - LEDGER_RECORD_LEN);
	assert_refused("its end was cut");
	cut("ledger", 10);
	assert_refused("");
	test_path(path, folder, "journal");
	test_path(aside, folder, "aside");
	ck_assert_int_eq(rename(path, aside), 0);
	assert_refused("not there");
	ck_assert_int_eq(rename(aside, path), 0);
	cut("journal", test_size(folder, "journal") - 1);
	assert_refused("its end was cut");
	test_path(path, folder, "ledger.head");
	ck_assert_int_eq(unlink(path), 0);
	assert_refused("not there");
}
END_TEST

static void append(const char *name, const void *bytes, size_t len)
{
	char path[TEST_PATH];
	FILE *file;

	test_path(path, folder, name);
	file = fopen(path, "a");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(what_a_power_cut_left_is_cut_off)
{
	static const uint8_t zeros[3 * LEDGER_RECORD_LEN], noise[LEDGER_RECORD_LEN] = {1, 2, 3};
	static const size_t lengths[] = {1, 100, 255, 256, 300, 768};
	long size, journal_size;
	size_t i;

	fill();
	size = test_size(folder, "ledger");
	journal_size = test_size(folder, "journal");
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		append("ledger", zeros, lengths[i]);
		append("journal", zeros, lengths[i]);
		reopen();
		ck_assert_int_eq(test_size(folder, "ledger"), size);
		ck_assert_int_eq(test_size(folder, "journal"), journal_size);
		ck_assert_str_eq(issue("A", "001565000002", 3), "existing");
		ledger_free(ledger);
		ledger = NULL;
	}
	append("ledger", noise, 200); /* part of a record */
	reopen();
	ck_assert_int_eq(test_size(folder, "ledger"), size);
	/* A whole record that does not fit is no power cut's. */
	append("ledger", noise, sizeof(noise));
	assert_refused("altered");
}
END_TEST

START_TEST(a_group_behind_the_head_counts_when_it_is_whole)
{
	char head[TEST_PATH], aside[TEST_PATH], command[3 * TEST_PATH];

	open_order("A", "001565000000", 9);
	issue("A", "001565000000", 1);
	test_path(head, folder, "ledger.head");
	test_path(aside, folder, "aside");
	snprintf(command, sizeof(command), "cp -p %s %s", head, aside);
	ck_assert_int_eq(system(command), 0);
	issue("A", "001565000001", 2);
	ledger_free(ledger);
	ledger = NULL;
	ck_assert_int_eq(rename(aside, head), 0); /* the head of before, as after a power cut */
	reopen();
	ck_assert_str_eq(issue("A", "001565000001", 2), "existing");
	ck_assert_str_eq(issue("A", "001565000002", 3), "issued");
	reopen();
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 3);
}
END_TEST

START_TEST(a_statement_that_no_operator_signed_is_not_believed_from_disk_either)
{
	X509 *mine = ca;

	fill();
	ca = test_person(store, mine, operator_key, "x", TEST_OPERATOR_EKU, TEST_NOW + 9);
	assert_refused("journal: statement 1 is not valid");
	X509_free(ca);
	ca = mine;
}
END_TEST

START_TEST(a_record_is_read_as_it_was_written)
{
	struct ledger_entry entry = {.order_id = {1},
				.mac = {{0, 0x15, 0x65, 1, 2, 3}},
				.serial_number = "SN 0001",
				.serial = {0x41},
				.not_before_unix_s = TEST_NOW,
				.spki_sha256 = {7},
				.replaces = {0x42},
				.server_keys = 3,
				.station_id = {8},
				.after_unsent = 1},
			    again;
	uint8_t record[LEDGER_RECORD_LEN], chain[SHA256_LEN] = {9}, before[SHA256_LEN] = {9};
	size_t i;

	ledger_entry_encode(&entry, 5, chain, record);
	ck_assert_int_eq(ledger_entry_decode(record, 5, before, &again), ERR_OK);
	ck_assert_mem_eq(before, chain, SHA256_LEN);
	ck_assert_str_eq(again.serial_number, entry.serial_number);
	ck_assert_mem_eq(again.serial, entry.serial, SIGNER_SERIAL_LEN);
	ck_assert_int_eq(again.not_before_unix_s, TEST_NOW);
	ck_assert_mem_eq(again.replaces, entry.replaces, SIGNER_SERIAL_LEN);
	ck_assert_mem_eq(again.station_id, entry.station_id, LEDGER_STATION_ID_LEN);
	ck_assert_int_eq(again.server_keys, 3);
	ck_assert_int_eq(again.after_unsent, 1);
	memset(before, 0, sizeof(before));
	before[0] = 9;
	ck_assert_int_eq(ledger_entry_decode(record, 6, before, &again), ERR_SYNTAX);
	for (i = 0; i < sizeof(record); i++) {
		record[i] ^= 0x80;
		ck_assert_int_eq(ledger_entry_decode(record, 5, before, &again), ERR_SIGNATURE);
		record[i] ^= 0x80;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *tcase = tcase_create("ledger");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, set_up_keys, tear_down_keys);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, orders_are_opened_once_and_never_overlap);
	tcase_add_test(tcase, a_phone_is_reserved_once);
	tcase_add_test(tcase, the_serial_number_is_part_of_the_phone);
	tcase_add_test(tcase, an_order_has_its_time);
	tcase_add_test(tcase, a_phone_of_a_closed_order_is_known_to_the_next_one);
	tcase_add_test(tcase, a_clock_that_went_back_is_seen);
	tcase_add_test(tcase, many_phones_are_found_again);
	tcase_add_test(tcase, phones_of_closed_orders_leave_the_memory_when_there_are_many);
	tcase_add_test(tcase, records_find_their_order_among_many);
	tcase_add_test(tcase, what_could_not_be_written_was_never_reserved);
	tcase_add_test(tcase, one_process_at_a_time);
	tcase_add_test(tcase, no_byte_of_the_files_can_be_changed);
	tcase_add_test(tcase, a_record_that_was_forged_with_its_hash_is_found_by_the_head);
	tcase_add_test(tcase, a_cut_end_is_found);
	tcase_add_test(tcase, what_a_power_cut_left_is_cut_off);
	tcase_add_test(tcase, a_group_behind_the_head_counts_when_it_is_whole);
	tcase_add_test(tcase, a_statement_that_no_operator_signed_is_not_believed_from_disk_either);
	tcase_add_test(tcase, a_record_is_read_as_it_was_written);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
