/*
 * Fuzz target: EST bodies. One that is read names a phone by MAC and serial number and holds a CSR;
 * one that is not has a code and a detail fit for a line of text.
 */
#include <string.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "factory-ca/front/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct enrolment enrolment = {0};

	if (size > EST_BODY_MAX)
		return 0;
	est_read_enroll((const char *)data, size, &enrolment);
	if (enrolment.status == ENROLMENT_PENDING)
		CHECK(enrolment.has_mac && enrolment.serial_number[0] != '\0' &&
		      enrolment.csr.len > 0);
	else
		CHECK(text_is_printable_utf8(enrolment.detail, strlen(enrolment.detail)) &&
		      enrolment.detail[0] != '\0');
	enrolment_free(&enrolment);
	return 0;
}
