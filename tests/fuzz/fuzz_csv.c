/*
 * Fuzz target: whatever a spreadsheet or an attacker makes of a CSV file, it is read as rows or
 * refused in a sentence, and no field holds what breaks a line.
 *
 * The input is the file; it is read plainly, as an import of phones and as a claim job of either
 * form.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "portal-api/csv/csv.h"
#include "portal-api/csv/devices.h"
#include "portal-api/jobs/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_plainly(const char *text, size_t len)
{
	struct csv csv;
	enum err err;
	csv_init(&csv, text, len);
	while ((err = csv_next(&csv)) == ERR_OK) {
		CHECK(csv.field_count >= 1 && csv.field_count <= CSV_FIELDS_MAX);
		for (size_t i = 0; i < csv.field_count; i++)
			CHECK(text_is_printable_utf8(csv.fields[i], strlen(csv.fields[i])) &&
			      strlen(csv.fields[i]) <= CSV_FIELD_LEN_MAX);
	}
	CHECK(err == ERR_NOT_FOUND || csv.why);
	csv_free(&csv);
}

static void read_devices(const char *text, size_t len)
{
	struct device_row *rows = NULL;
	struct field_errors errors = {0};
	size_t count = 0;
	char why[256] = "";
	enum err err = devices_csv_read(text, len, &rows, &count, &errors, why, sizeof why);
	CHECK(err ? !rows && (why[0] || errors.count > 0) : rows && count > 0);
	free(rows);
}

static void read_job(enum job_rows_form form, const char *text, size_t len)
{
	struct job_rows rows = {0};
	char why[256] = "";
	enum err err = job_rows_read(form, text, len, &rows, why, sizeof why);
	CHECK(err ? why[0] != '\0' : rows.count > 0);
	CHECK(text_is_printable_utf8(why, strlen(why)));
	for (size_t i = 0; i < rows.count; i++)
		CHECK(strlen(job_rows_text(&rows, rows.items[i].mac)) <= JOB_FIELD_MAX);
	job_rows_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	read_plainly(text, size);
	read_devices(text, size);
	read_job(JOB_ROWS_CSV, text, size);
	read_job(JOB_ROWS_NDJSON, text, size);
	return 0;
}
