/*
 * The rows of a claim job, as CSV (`mac,claim_code,profile`) or NDJSON of the same names. Pure.
 *
 * Only the file is judged here; what a row says is kept as given and judged when the job runs, so
 * that each row gets its own result.
 */
#ifndef FIRSTRING_PORTAL_JOBS_ROWS_H
#define FIRSTRING_PORTAL_JOBS_ROWS_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { JOB_ROWS_MAX = 100000, JOB_FIELD_MAX = 256 };

struct job_row {
	size_t line;
	size_t mac, claim_code, profile; /* where each text begins in job_rows.texts */
};

/* Zero-initialise; job_rows_free releases. */
struct job_rows {
	struct job_row *items;
	size_t count, capacity;
	struct buf texts; /* NUL-terminated, one after another; holds claim codes */
};

const char *job_rows_text(const struct job_rows *rows, size_t at);
void job_rows_free(struct job_rows *rows);

enum job_rows_form { JOB_ROWS_CSV, JOB_ROWS_NDJSON };

/* ERR_SYNTAX with a sentence that names the line; ERR_TOO_LONG past JOB_ROWS_MAX. */
MUST_CHECK enum err job_rows_read(enum job_rows_form form, const char *text, size_t len,
    struct job_rows *rows, char *why, size_t why_len);

#endif
