/*
 * Fuzz target: whatever a station writes on a line of the batch call, the answer is one line of
 * JSON that says so.
 *
 * The input is the line. A row that is read must have all that the signer is asked with; one that
 * is not must have a code and a detail.
 */
#include <jansson.h>
#include <string.h>

#include "common/base/err.h"
#include "factory-ca/front/batch_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct enrolment row = {.row = 1};
	struct buf out = {0};
	json_t *answer;

	if (size > BATCH_LINE_MAX)
		return 0;
	batch_row_read((const char *)data, size, &row);
	if (row.status == ENROLMENT_PENDING) {
		CHECK(row.has_mac && row.serial_number[0] != '\0' &&
		      (row.csr.len > 0) != row.server_key);
		enrolment_refuse(&row, ENROLMENT_OUT_OF_RANGE, "as the signer may say");
	}
	CHECK(row.status == ENROLMENT_ERROR && row.code != ENROLMENT_CODE_NONE &&
	      row.detail[0] != '\0');
	batch_row_write(&row, &out);
	CHECK(memchr(out.bytes, '\n', out.len) == out.bytes + out.len - 1);
	answer = json_loadb((const char *)out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json_is_object(answer));
	json_decref(answer);
	buf_free(&out);
	enrolment_free(&row);
	return 0;
}
