/* Outcomes to row codes, with a sentence for the engineer at the line. Pure. */
#include "factory-ca/front/outcome.h"

#include <string.h>

static const struct {
	const char *outcome;
	enum enrolment_code code;
	const char *detail;
} OUTCOMES[] = {
    {"mac_has_other_key", ENROLMENT_MAC_HAS_OTHER_KEY,
	"this MAC has a live certificate for another key; a re-key needs an operator's grant"},
    {"mac_in_other_order", ENROLMENT_MAC_HAS_OTHER_KEY,
	"this MAC and key were enrolled under another order; ask there"},
    {"key_reused", ENROLMENT_KEY_REUSED,
	"this key belongs to another phone; every phone makes its own"},
    {"revoked", ENROLMENT_REVOKED, "the certificate of this MAC and key was revoked"},
    {"out_of_range", ENROLMENT_OUT_OF_RANGE, "the MAC lies outside the order's range"},
    {"order_closed", ENROLMENT_ORDER_CLOSED, "the order is closed, or not within its window"},
    {"unknown_order", ENROLMENT_ORDER_CLOSED, "the order is not on record any more"},
    {"station_not_allowed", ENROLMENT_ORDER_CLOSED, "the order is not open to this station"},
    {"serial_reused", ENROLMENT_BAD_ROW, "another phone has this certificate serial on record"},
    {"bad_serial_number", ENROLMENT_BAD_ROW, "serial_number: not one that can be put on record"},
};

static const enum enrolment_code ISSUE_CODES[ISSUE_OUTCOME_COUNT] = {
    [ISSUE_BAD_ROW] = ENROLMENT_BAD_ROW,
    [ISSUE_BAD_CSR] = ENROLMENT_BAD_CSR,
    [ISSUE_WEAK_KEY] = ENROLMENT_WEAK_KEY,
    [ISSUE_OUT_OF_RANGE] = ENROLMENT_OUT_OF_RANGE,
    [ISSUE_ORDER_FULL] = ENROLMENT_ORDER_FULL,
    [ISSUE_ORDER_CLOSED] = ENROLMENT_ORDER_CLOSED,
    [ISSUE_MAC_HAS_OTHER_KEY] = ENROLMENT_MAC_HAS_OTHER_KEY,
    [ISSUE_KEY_REUSED] = ENROLMENT_KEY_REUSED,
    [ISSUE_REVOKED] = ENROLMENT_REVOKED,
};

void outcome_refuse(struct enrolment *enrolment, const char *outcome)
{
	size_t i;

	for (i = 0; i < sizeof(OUTCOMES) / sizeof(OUTCOMES[0]); i++) {
		if (strcmp(outcome, OUTCOMES[i].outcome) != 0)
			continue;
		enrolment_refuse(enrolment, OUTCOMES[i].code, "%s", OUTCOMES[i].detail);
		return;
	}
	CHECK(!"an outcome that the statement's head does not know");
}

void outcome_refuse_issue(struct enrolment *enrolment, const struct signer_issued_row *issued)
{
	CHECK(issued->outcome < ISSUE_OUTCOME_COUNT && !issue_outcome_is_success(issued->outcome));
	enrolment_refuse(enrolment, ISSUE_CODES[issued->outcome], "%.*s", (int)issued->detail.len,
	    issued->detail.text);
}
