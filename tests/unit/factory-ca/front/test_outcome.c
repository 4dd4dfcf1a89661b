/* From what the record and the signer say to the row codes of the wire contract. */
#include <check.h>
#include <string.h>

#include "factory-ca/front/outcome.h"

static const struct {
	const char *outcome, *code;
} RECORD[] = {
    {"mac_has_other_key", "mac_has_other_key"},
    {"mac_in_other_order", "mac_has_other_key"},
    {"key_reused", "key_reused"},
    {"revoked", "revoked"},
    {"out_of_range", "out_of_range"},
    {"order_closed", "order_closed"},
    {"unknown_order", "order_closed"},
    {"station_not_allowed", "order_closed"},
    {"serial_reused", "bad_row"},
    {"bad_serial_number", "bad_row"},
};

START_TEST(what_the_record_says)
{
	struct enrolment row = {0};

	outcome_refuse(&row, RECORD[_i].outcome);
	ck_assert_int_eq(row.status, ENROLMENT_ERROR);
	ck_assert_str_eq(enrolment_code_name(row.code), RECORD[_i].code);
	ck_assert_str_ne(row.detail, "");
}
END_TEST

/* The signer's names and the contract's are the same words. */
START_TEST(what_the_signer_says)
{
	struct signer_issued_row issued = {
	    .outcome = (enum issue_outcome)_i, .detail = {"why.", 3}};
	struct enrolment row = {0};

	if (issue_outcome_is_success(issued.outcome))
		return;
	outcome_refuse_issue(&row, &issued);
	ck_assert_str_eq(enrolment_code_name(row.code), issue_outcome_code(issued.outcome));
	ck_assert_str_eq(row.detail, "why");
}
END_TEST

START_TEST(an_outcome_that_nobody_knows_aborts)
{
	struct enrolment row = {0};

	outcome_refuse(&row, "surprise");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outcome");
	TCase *tcase = tcase_create("codes");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, what_the_record_says, 0, sizeof(RECORD) / sizeof(RECORD[0]));
	tcase_add_loop_test(tcase, what_the_signer_says, 0, ISSUE_OUTCOME_COUNT);
	tcase_add_test_raise_signal(tcase, an_outcome_that_nobody_knows_aborts, 6);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
