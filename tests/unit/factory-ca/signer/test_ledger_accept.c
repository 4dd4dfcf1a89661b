/*
 * What operators may change after an order was opened: wider orders, other keys for phones,
 * revocations, colleagues who left; and that a restart remembers all of it.
 */
#include <signal.h>
#include <sys/resource.h>

#include "factory-ca/signer/generation.h"
#include "tests/unit/factory-ca/signer/ledger_fixture.h"

static const char *extend(const char *reference, uint32_t quantity, int64_t closes)
{
	struct statement statement = {.type = STATEMENT_ORDER_EXTEND};

	strcpy(statement.order.reference, reference);
	statement.order.quantity = quantity;
	statement.order.closes_unix_s = closes;
	return accept_at(&statement, TEST_NOW);
}

static struct statement of_phone(enum statement_type type, const char *mac)
{
	struct statement statement = {.type = type, .note = "test"};

	ck_assert_int_eq(mac_parse(mac, strlen(mac), &statement.mac), ERR_OK);
	return statement;
}

/* A grant is told by one number here. */
static const char *rekey(const char *mac, int grant)
{
	struct statement statement = of_phone(STATEMENT_REKEY, mac);

	statement.grant[0] = (uint8_t)grant;
	return accept_at(&statement, TEST_NOW);
}

static const char *revoke_it(const char *mac, const uint8_t serial[SIGNER_SERIAL_LEN])
{
	struct statement statement = of_phone(STATEMENT_REVOKE, mac);

	memcpy(statement.serial, serial, SIGNER_SERIAL_LEN);
	statement.reason = REVOCATION_KEY_COMPROMISE;
	return accept_at(&statement, TEST_NOW + 5);
}

static size_t revocation_count(void)
{
	size_t count;

	ledger_revocations(ledger, &count);
	return count;
}

START_TEST(an_order_grows_and_never_shrinks)
{
	ck_assert_str_eq(extend("A", 3, STATEMENT_NO_TIME), "unknown_order");
	open_order("A", "001565000000", 2);
	open_order("B", "001565000004", 2);
	ck_assert_str_eq(issue("A", "001565000002", 1), "out_of_range");
	ck_assert_str_eq(extend("A", 4, STATEMENT_NO_TIME), "accepted");
	ck_assert_str_eq(extend("A", 4, STATEMENT_NO_TIME), "existing");
	ck_assert_str_eq(extend("A", 3, STATEMENT_NO_TIME), "order_narrower");
	ck_assert_str_eq(extend("A", 4, TEST_NOW + 9), "order_narrower");
	ck_assert_str_eq(extend("A", 5, STATEMENT_NO_TIME), "order_overlaps");
	ck_assert_str_eq(issue("A", "001565000002", 1), "issued");
	reopen();
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->order.quantity, 4);
	ck_assert_str_eq(issue("A", "001565000003", 2), "issued");
	close_order("A");
	ck_assert_str_eq(extend("A", 5, STATEMENT_NO_TIME), "order_closed");
}
END_TEST

START_TEST(a_window_may_end_later)
{
	struct statement statement = test_order("A", "001565000000", 9);
	struct ledger_grant grant;

	statement.order.closes_unix_s = TEST_NOW + 20;
	accept_at(&statement, TEST_NOW);
	ck_assert_int_eq(
	    reserve_at("A", "001565000000", 1, TEST_NOW + 30, &grant), ISSUE_ORDER_CLOSED);
	ck_assert_str_eq(extend("A", 9, TEST_NOW + 19), "order_narrower");
	ck_assert_str_eq(extend("A", 9, TEST_NOW + 40), "accepted");
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW + 30, &grant), ISSUE_ISSUED);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	/* The first extension, replayed, changes nothing. */
	ck_assert_str_eq(extend("A", 9, STATEMENT_NO_TIME), "accepted");
	ck_assert_str_eq(extend("A", 9, TEST_NOW + 40), "order_narrower");
}
END_TEST

START_TEST(an_extension_knows_the_phones_that_were_there_before)
{
	open_order("OLD", "001565000002", 2);
	ck_assert_str_eq(issue("OLD", "001565000002", 1), "issued");
	close_order("OLD");
	reopen(); /* from here on they are on disk alone */
	open_order("A", "001565000000", 2);
	ck_assert_str_eq(extend("A", 4, STATEMENT_NO_TIME), "accepted");
	ck_assert_str_eq(issue("A", "001565000002", 2), "mac_has_other_key");
	ck_assert_str_eq(issue("A", "001565000003", 1), "key_reused");
}
END_TEST

START_TEST(a_grant_is_for_one_key_once)
{
	struct ledger_grant first, second;

	open_order("A", "001565000000", 1);
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW, &first), ISSUE_ISSUED);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	ck_assert_str_eq(rekey("001564000000", 1), "unknown_device");
	ck_assert_str_eq(rekey("001565000000", 1), "accepted");
	ck_assert_str_eq(rekey("001565000000", 2), "existing"); /* one that waits is enough */
	ck_assert_int_eq(reserve_at("A", "001565000000", 2, TEST_NOW, &second), ISSUE_ISSUED);
	ck_assert_mem_eq(second.replaces, first.serial, SIGNER_SERIAL_LEN);
	/* Not even in the same group does it count twice. */
	ck_assert_int_eq(
	    reserve_at("A", "001565000000", 3, TEST_NOW, &second), ISSUE_MAC_HAS_OTHER_KEY);
	ck_assert_uint_eq(revocation_count(), 0); /* not durable yet */
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	ck_assert_uint_eq(revocation_count(), 1);
	ck_assert_str_eq(rekey("001565000000", 1), "existing"); /* replayed: no new grant */
	ck_assert_str_eq(issue("A", "001565000000", 3), "mac_has_other_key");
	ck_assert_str_eq(issue("A", "001565000000", 2), "existing");
	ck_assert_str_eq(issue("A", "001565000000", 1), "revoked");
	reopen();
	ck_assert_uint_eq(revocation_count(), 1);
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 1); /* a MAC counts once */
	ck_assert_str_eq(issue("A", "001565000000", 3), "mac_has_other_key");
	ck_assert_str_eq(issue("A", "001565000000", 2), "existing");
	ck_assert_str_eq(rekey("001565000000", 3), "accepted");
	ck_assert_str_eq(issue("A", "001565000000", 1), "revoked"); /* an old key stays dead */
	ck_assert_str_eq(issue("A", "001565000000", 3), "issued");
	ck_assert_uint_eq(revocation_count(), 2);
}
END_TEST

START_TEST(a_grant_stands_above_a_closed_order)
{
	open_order("A", "001565000000", 2);
	issue("A", "001565000000", 1);
	issue("A", "001565000001", 2);
	close_order("A");
	reopen();
	ck_assert_str_eq(rekey("001565000000", 1), "accepted");
	ck_assert_str_eq(issue("A", "001565000000", 3), "issued");
	ck_assert_str_eq(issue("A", "001565000001", 4), "order_closed"); /* not granted */
	reopen();
	ck_assert_str_eq(issue("A", "001565000000", 3), "existing");
}
END_TEST

START_TEST(what_could_not_be_written_leaves_the_grant)
{
	struct ledger_grant grant;
	struct rlimit small, before;
	enum issue_outcome outcome;
	enum err err;

	open_order("A", "001565000000", 1);
	issue("A", "001565000000", 1);
	rekey("001565000000", 1);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = (rlim_t)test_size(folder, "ledger") + 1;
	/* No assertion in between: check's own file is held to the limit, too. */
	setrlimit(RLIMIT_FSIZE, &small);
	outcome = reserve_at("A", "001565000000", 2, TEST_NOW, &grant);
	err = ledger_commit(ledger);
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
	ck_assert_int_eq(outcome, ISSUE_ISSUED);
	ck_assert_int_eq(err, ERR_IO);
	ck_assert_uint_eq(revocation_count(), 0);
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 1);
	ck_assert_str_eq(issue("A", "001565000000", 1), "existing");
	ck_assert_str_eq(issue("A", "001565000000", 2), "issued");
}
END_TEST

START_TEST(what_is_revoked_is_not_issued_again)
{
	const struct crl_entry *revoked;
	struct ledger_grant grant;
	size_t count;

	open_order("A", "001565000000", 2);
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW, &grant), ISSUE_ISSUED);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	ck_assert_str_eq(revoke_it("001565000000", grant.serial), "accepted");
	ck_assert_str_eq(revoke_it("001565000000", grant.serial), "existing");
	ck_assert_str_eq(issue("A", "001565000000", 1), "revoked");
	ck_assert_str_eq(issue("A", "001565000000", 2), "mac_has_other_key");
	reopen();
	ck_assert_str_eq(issue("A", "001565000000", 1), "revoked");
	revoked = ledger_revocations(ledger, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_mem_eq(revoked[0].serial, grant.serial, SIGNER_SERIAL_LEN);
	ck_assert_uint_eq(revoked[0].reason, REVOCATION_KEY_COMPROMISE);
	ck_assert_int_eq(revoked[0].revoked_unix_s, TEST_NOW + 5);
	/* Rework gives the phone a key again; the old certificate stays revoked for its reason. */
	rekey("001565000000", 1);
	ck_assert_str_eq(issue("A", "001565000000", 2), "issued");
	revoked = ledger_revocations(ledger, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(revoked[0].reason, REVOCATION_KEY_COMPROMISE);
}
END_TEST

START_TEST(records_and_revocations_tell_their_generation)
{
	struct ledger_grant first, again, second;

	open_order("A", "001565000000", 3);
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW, &first), ISSUE_ISSUED);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	generation = 2;
	reopen();
	/* Reserved before, never handed out: the same grant, of the generation that it had. */
	ck_assert_int_eq(reserve_at("A", "001565000000", 1, TEST_NOW + 1, &again), ISSUE_EXISTING);
	ck_assert_mem_eq(again.serial, first.serial, SIGNER_SERIAL_LEN);
	ck_assert_uint_eq(generation_of_serial(again.serial), 1);
	ck_assert_int_eq(reserve_at("A", "001565000001", 2, TEST_NOW + 1, &second), ISSUE_ISSUED);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	ck_assert_uint_eq(generation_of_serial(second.serial), 2);
	ck_assert_str_eq(revoke_it("001565000001", second.serial), "accepted");
	ck_assert_uint_eq(ledger_revoked_count(ledger, 1), 0);
	ck_assert_uint_eq(ledger_revoked_count(ledger, 2), 1);
	/* Rework moves a phone to the newest; what it had is revoked where it was issued. */
	rekey("001565000000", 1);
	ck_assert_str_eq(issue("A", "001565000000", 3), "issued");
	ck_assert_uint_eq(ledger_revoked_count(ledger, 1), 1);
	generation = 0;
	reopen();
	ck_assert_uint_eq(ledger_revoked_count(ledger, 1), 1);
	ck_assert_uint_eq(ledger_revoked_count(ledger, 2), 1);
}
END_TEST

START_TEST(an_operator_who_was_removed_signs_nothing_any_more)
{
	struct statement removal = {.type = STATEMENT_OPERATOR_REMOVE};
	struct signed_statement made = {0};
	struct statement order = test_order("A", "001565000000", 1);
	char why[200];

	ck_assert_int_eq(
	    statement_sign(&order, operator_certificate, operator_key, &made, why, sizeof(why)),
	    ERR_OK);
	removal.operator_certificate = statement_signer(&made.by[0]);
	signed_statement_free(&made);
	ck_assert_str_eq(open_order("A", "001565000000", 1), "accepted");
	ck_assert_str_eq(accept_at(&removal, TEST_NOW), "accepted");
	ck_assert_str_eq(open_order("B", "001565000001", 1), "bad_signature");
	reopen(); /* what was signed before counts */
	ck_assert_ptr_nonnull(ledger_find_order(ledger, "A"));
	ck_assert_str_eq(open_order("B", "001565000001", 1), "bad_signature");
}
END_TEST

START_TEST(two_operators_where_the_factory_asks_for_two)
{
	EVP_PKEY *bobs_key = test_key("P-256");
	X509 *bob = test_person(store, ca, bobs_key, "bob", TEST_OPERATOR_EKU, TEST_NOW + 1000);
	struct statement order = test_order("B", "001565000001", 1);
	struct signer_statement_outcome outcome;
	struct signed_statement made = {0};
	char why[200];

	open_order("A", "001565000000", 1);
	operators_needed = 2;
	reopen(); /* one signature was enough then */
	ck_assert_str_eq(open_order("B", "001565000001", 1), "second_signature_needed");
	ck_assert_int_eq(
	    statement_sign(&order, operator_certificate, operator_key, &made, why, sizeof(why)),
	    ERR_OK);
	ck_assert_int_eq(statement_sign_too(&made, bob, bobs_key, why, sizeof(why)), ERR_OK);
	ledger_accept(ledger, &made, TEST_NOW, &outcome);
	ck_assert_int_eq(outcome.outcome, STATEMENT_ACCEPTED);
	reopen();
	ck_assert_ptr_nonnull(ledger_find_order(ledger, "B"));
	operators_needed = 1;
	signed_statement_free(&made);
	X509_free(bob);
	EVP_PKEY_free(bobs_key);
}
END_TEST

/* A phone whose key is made here. */
static enum issue_outcome server_key_for(
    const char *mac, int key, const char *station, struct ledger_grant *grant)
{
	uint8_t spki[SHA256_LEN] = {(uint8_t)key};
	struct ledger_claim claim = {
	    .order = "A", .serial_number = "SN", .spki_sha256 = spki, .server_key_for = station};
	char detail[SIGNER_DETAIL_MAX + 1] = "";
	enum issue_outcome outcome;

	ck_assert_int_eq(mac_parse(mac, strlen(mac), &claim.mac), ERR_OK);
	outcome = ledger_reserve(ledger, &claim, TEST_NOW, grant, detail);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	return outcome;
}

static enum issue_outcome server_key(const char *mac, int key, const char *station)
{
	struct ledger_grant grant;

	return server_key_for(mac, key, station, &grant);
}

/* Reserved, and then the key store failed. */
static void server_key_unsent(const char *text, int key)
{
	struct ledger_grant grant;
	struct mac mac;

	ck_assert_int_eq(mac_parse(text, strlen(text), &mac), ERR_OK);
	ck_assert_int_eq(server_key_for(text, key, "line-1", &grant), ISSUE_ISSUED);
	ledger_mark_unsent(ledger, &mac, grant.serial);
}

START_TEST(a_key_made_here_is_made_again_three_times_for_the_same_station)
{
	int i;

	open_order("A", "001565000000", 4);
	ck_assert_int_eq(server_key("001565000000", 1, "line-1"), ISSUE_ISSUED);
	ck_assert_int_eq(server_key("001565000000", 2, "line-2"), ISSUE_MAC_HAS_OTHER_KEY);
	for (i = 2; i <= LEDGER_SERVER_KEYS_MAX; i++) {
		ck_assert_int_eq(server_key("001565000000", i, "line-1"), ISSUE_ISSUED);
		reopen();
	}
	ck_assert_int_eq(server_key("001565000000", 9, "line-1"), ISSUE_MAC_HAS_OTHER_KEY);
	ck_assert_uint_eq(revocation_count(), LEDGER_SERVER_KEYS_MAX - 1);
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 1);
	/* A grant begins anew. */
	ck_assert_str_eq(rekey("001565000000", 1), "accepted");
	ck_assert_int_eq(server_key("001565000000", 10, "line-2"), ISSUE_ISSUED);
	ck_assert_int_eq(server_key("001565000000", 11, "line-2"), ISSUE_ISSUED);
	/* A phone that made its key itself is not given another. */
	ck_assert_str_eq(issue("A", "001565000001", 20), "issued");
	ck_assert_int_eq(server_key("001565000001", 21, "line-1"), ISSUE_MAC_HAS_OTHER_KEY);
	close_order("A");
	ck_assert_int_eq(server_key("001565000000", 12, "line-2"), ISSUE_ORDER_CLOSED);
}
END_TEST

START_TEST(a_key_that_never_left_is_none_of_the_three)
{
	static const char mac[] = "001565000000";
	int i;

	open_order("A", mac, 4);
	for (i = 1; i <= 20; i++)
		server_key_unsent(mac, i);
	for (i = 21; i < 21 + LEDGER_SERVER_KEYS_MAX; i++)
		ck_assert_int_eq(server_key(mac, i, "line-1"), ISSUE_ISSUED);
	ck_assert_int_eq(server_key(mac, 30, "line-1"), ISSUE_MAC_HAS_OTHER_KEY);
	ck_assert_uint_eq(ledger_find_order(ledger, "A")->issued, 1);
	/* Another station has it as little as after a key that left. */
	server_key_unsent("001565000001", 31);
	ck_assert_int_eq(server_key("001565000001", 32, "line-2"), ISSUE_MAC_HAS_OTHER_KEY);
}
END_TEST

START_TEST(after_a_restart_a_key_counts_for_it_may_have_left)
{
	static const char mac[] = "001565000000";
	int i;

	open_order("A", mac, 4);
	server_key_unsent(mac, 1);
	server_key_unsent(mac, 2);
	reopen();
	/* The last one may have been sent just before the power went; the one before was not. */
	for (i = 3; i < 3 + LEDGER_SERVER_KEYS_MAX - 1; i++)
		ck_assert_int_eq(server_key(mac, i, "line-1"), ISSUE_ISSUED);
	ck_assert_int_eq(server_key(mac, 9, "line-1"), ISSUE_MAC_HAS_OTHER_KEY);
}
END_TEST

START_TEST(a_key_that_never_left_uses_up_no_grant)
{
	static const char mac[] = "001565000000";

	open_order("A", mac, 4);
	server_key_unsent(mac, 1);
	ck_assert_int_eq(server_key(mac, 2, "line-1"), ISSUE_ISSUED);
	ck_assert_str_eq(rekey(mac, 1), "accepted");
	reopen(); /* which reads the records after the grant */
	ck_assert_int_eq(server_key(mac, 3, "line-2"), ISSUE_ISSUED);
	ck_assert_int_eq(server_key(mac, 4, "line-1"), ISSUE_MAC_HAS_OTHER_KEY);
}
END_TEST

START_TEST(what_was_granted_and_never_left_is_had_after_the_order_closed)
{
	static const char mac[] = "001565000000";

	open_order("A", mac, 4);
	server_key_unsent(mac, 1);
	close_order("A");
	ck_assert_int_eq(server_key(mac, 2, "line-1"), ISSUE_ISSUED);
	ck_assert_int_eq(server_key(mac, 3, "line-1"), ISSUE_ORDER_CLOSED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_accept");
	TCase *tcase = tcase_create("statements");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, set_up_keys, tear_down_keys);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, an_order_grows_and_never_shrinks);
	tcase_add_test(tcase, a_window_may_end_later);
	tcase_add_test(tcase, an_extension_knows_the_phones_that_were_there_before);
	tcase_add_test(tcase, a_grant_is_for_one_key_once);
	tcase_add_test(tcase, a_grant_stands_above_a_closed_order);
	tcase_add_test(tcase, what_could_not_be_written_leaves_the_grant);
	tcase_add_test(tcase, what_is_revoked_is_not_issued_again);
	tcase_add_test(tcase, records_and_revocations_tell_their_generation);
	tcase_add_test(tcase, an_operator_who_was_removed_signs_nothing_any_more);
	tcase_add_test(tcase, two_operators_where_the_factory_asks_for_two);
	tcase_add_test(tcase, a_key_made_here_is_made_again_three_times_for_the_same_station);
	tcase_add_test(tcase, a_key_that_never_left_is_none_of_the_three);
	tcase_add_test(tcase, after_a_restart_a_key_counts_for_it_may_have_left);
	tcase_add_test(tcase, a_key_that_never_left_uses_up_no_grant);
	tcase_add_test(tcase, what_was_granted_and_never_left_is_had_after_the_order_closed);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
