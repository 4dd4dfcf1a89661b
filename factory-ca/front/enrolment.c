/* Names and care of struct enrolment. Pure; runs in the front's workers. */
#include "factory-ca/front/enrolment.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/secret.h"

static const char *const STATUS_NAMES[] = {
    [ENROLMENT_PENDING] = "pending",
    [ENROLMENT_ISSUED] = "issued",
    [ENROLMENT_EXISTING] = "existing",
    [ENROLMENT_ERROR] = "error",
};

static const char *const CODE_NAMES[ENROLMENT_CODE_COUNT] = {
    [ENROLMENT_CODE_NONE] = "",
    [ENROLMENT_BAD_ROW] = "bad_row",
    [ENROLMENT_BAD_CSR] = "bad_csr",
    [ENROLMENT_WEAK_KEY] = "weak_key",
    [ENROLMENT_OUT_OF_RANGE] = "out_of_range",
    [ENROLMENT_ORDER_FULL] = "order_full",
    [ENROLMENT_ORDER_CLOSED] = "order_closed",
    [ENROLMENT_MAC_HAS_OTHER_KEY] = "mac_has_other_key",
    [ENROLMENT_KEY_REUSED] = "key_reused",
    [ENROLMENT_REVOKED] = "revoked",
};

const char *enrolment_status_name(enum enrolment_status status)
{
	return STATUS_NAMES[status];
}

const char *enrolment_code_name(enum enrolment_code code)
{
	return CODE_NAMES[code];
}

void enrolment_refuse(
    struct enrolment *enrolment, enum enrolment_code code, const char *format, ...)
{
	va_list arguments;

	enrolment->status = ENROLMENT_ERROR;
	enrolment->code = code;
	va_start(arguments, format);
	vsnprintf(enrolment->detail, sizeof(enrolment->detail), format, arguments);
	va_end(arguments);
}

void enrolment_refuse_csr(struct enrolment *enrolment, enum err err, const char *why)
{
	enrolment->has_odd_key = err == ERR_RANGE;
	enrolment_refuse(enrolment,
	    err == ERR_WEAK_KEY || err == ERR_RANGE ? ENROLMENT_WEAK_KEY : ENROLMENT_BAD_CSR,
	    "csr: %s", why);
}

int enrolment_is_suspicious(const struct enrolment *enrolment, uint32_t order_key_types)
{
	int is_other_type =
	    enrolment->key_type < KEY_TYPE_COUNT && !(order_key_types & 1u << enrolment->key_type);

	if (enrolment->status != ENROLMENT_ERROR)
		return 0;
	return enrolment->code == ENROLMENT_KEY_REUSED ||
	       (enrolment->code == ENROLMENT_WEAK_KEY && !enrolment->has_odd_key && !is_other_type);
}

void enrolment_free(struct enrolment *enrolment)
{
	buf_free(&enrolment->csr);
	buf_free(&enrolment->certificate);
	buf_free(&enrolment->encrypted_key);
	bytes_wipe(enrolment->claim_code, sizeof(enrolment->claim_code));
}
