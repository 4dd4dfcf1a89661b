/* A ledger in a temporary folder, its operator Ann, and the words that tests of it are made of. */
#ifndef FIRSTRING_TESTS_UNIT_FACTORY_CA_SIGNER_LEDGER_FIXTURE_H
#define FIRSTRING_TESTS_UNIT_FACTORY_CA_SIGNER_LEDGER_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "factory-ca/signer/ledger.h"
#include "tests/lib/test_factory.h"

static char folder[TEST_PATH], keys_folder[TEST_PATH];
static struct keystore *store;
static X509 *ca, *operator_certificate;
static EVP_PKEY *operator_key;
static struct ledger *ledger;
static size_t operators_needed = 1;
static unsigned generation; /* 0: the first */

static inline enum err open_ledger(char why[LEDGER_WHY_LEN])
{
	const struct ledger_config config = {.folder = folder,
	    .line_access_ca = ca,
	    .operator_eku = TEST_OPERATOR_EKU,
	    .operators = operators_needed,
	    .generation = generation};

	return ledger_open(&config, &ledger, why);
}

static inline void set_up_keys(void)
{
	test_folder_make(keys_folder);
	store = test_keystore(keys_folder);
	ca = test_line_access(store);
	operator_key = test_key("P-256");
	operator_certificate =
	    test_person(store, ca, operator_key, "ann", TEST_OPERATOR_EKU, TEST_NOW + 1000);
}

static inline void tear_down_keys(void)
{
	X509_free(ca);
	X509_free(operator_certificate);
	EVP_PKEY_free(operator_key);
	keystore_free(store);
	test_folder_remove(keys_folder);
}

static inline void set_up(void)
{
	char why[LEDGER_WHY_LEN] = "";

	test_folder_make(folder);
	ck_assert_int_eq(ledger_files_create(folder, why), ERR_OK);
	ck_assert_msg(open_ledger(why) == ERR_OK, "%s", why);
}

static inline void tear_down(void)
{
	ledger_free(ledger);
	ledger = NULL;
	test_folder_remove(folder);
}

static inline void reopen(void)
{
	char why[LEDGER_WHY_LEN] = "";

	ledger_free(ledger);
	ledger = NULL;
	ck_assert_msg(open_ledger(why) == ERR_OK, "%s", why);
}

/* The ledger must not open, and say so with this word. */
static inline void assert_refused(const char *word)
{
	char why[LEDGER_WHY_LEN] = "";

	ledger_free(ledger);
	ledger = NULL;
	ck_assert_int_ne(open_ledger(why), ERR_OK);
	ck_assert_msg(strstr(why, word) != NULL, "%s", why);
}

static inline const char *accept_at(const struct statement *statement, int64_t now)
{
	static struct signer_statement_outcome outcome;
	struct signed_statement made = {0};
	char why[300];

	ck_assert_int_eq(
	    statement_sign(statement, operator_certificate, operator_key, &made, why, sizeof(why)),
	    ERR_OK);
	ledger_accept(ledger, &made, now, &outcome);
	signed_statement_free(&made);
	return outcome.outcome == STATEMENT_ACCEPTED   ? "accepted"
	       : outcome.outcome == STATEMENT_EXISTING ? "existing"
						       : outcome.code;
}

static inline const char *open_order(
    const char *reference, const char *first_mac, uint32_t quantity)
{
	struct statement statement = test_order(reference, first_mac, quantity);

	return accept_at(&statement, TEST_NOW);
}

static inline const char *close_order(const char *reference)
{
	struct statement statement = {.type = STATEMENT_ORDER_CLOSE};

	strcpy(statement.order.reference, reference);
	return accept_at(&statement, TEST_NOW);
}

/* A key is told by one number here. */
static inline enum issue_outcome reserve_at(
    const char *order, const char *mac, int key, int64_t now, struct ledger_grant *grant)
{
	uint8_t spki[SHA256_LEN] = {(uint8_t)key, (uint8_t)(key >> 8), (uint8_t)(key >> 16)};
	struct ledger_claim claim = {.order = order, .serial_number = "SN", .spki_sha256 = spki};
	char detail[SIGNER_DETAIL_MAX + 1] = "";
	enum issue_outcome outcome;

	ck_assert_int_eq(mac_parse(mac, strlen(mac), &claim.mac), ERR_OK);
	outcome = ledger_reserve(ledger, &claim, now, grant, detail);
	if (!issue_outcome_is_success(outcome))
		ck_assert_str_ne(detail, "");
	return outcome;
}

static inline const char *issue(const char *order, const char *mac, int key)
{
	struct ledger_grant grant;
	enum issue_outcome outcome = reserve_at(order, mac, key, TEST_NOW, &grant);

	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	return issue_outcome_code(outcome);
}

#endif
