/*
 * Some rows of a claim job on their way through the database: checked, prepared, claimed, their
 * results noted; of an atomic job prepared and kept so, of a dry run only checked.
 *
 * What is claimed and that it is done is one transaction: a batch that is cut short is left to be
 * read again, and goes on where it was. Rows are an ITSP's own; who may claim what is decided by
 * the database. Runs in the job worker.
 */
#ifndef FIRSTRING_PORTAL_JOBS_BATCH_H
#define FIRSTRING_PORTAL_JOBS_BATCH_H

#include "portal-api/jobs/claim_row.h"
#include "portal-api/jobs/job.h"

/* Called once; `interrupted`: the database failed what is left, which somebody is to try again. */
typedef void batch_done_fn(int interrupted, void *ctx);

/* Zero-initialise. */
struct batch {
	struct claim_row *rows;
	size_t count;
	/* Private to batch.c. */
	const struct portal *portal;
	const struct job *job;
	struct pg *pg;
	batch_done_fn *done;
	void *ctx;
	size_t first, end; /* the rows in hand */
	int one_by_one; /* the database refused a value: whose it is shows row by row */
};

/* Takes rows of claim_job_rows_next, and judges what is written in them. */
void batch_take_rows(struct batch *batch, const struct pg_rows *rows);
/* Line of the last row. */
int64_t batch_last_line(const struct batch *batch);
/* Runs on a connection that others may use as well; portal and job outlive it. `done` is never
 * called from within. */
void batch_run(struct batch *batch, const struct portal *portal, const struct job *job,
    struct pg *pg, batch_done_fn *done, void *ctx);
/* Back to zero. Not while it runs. */
void batch_free(struct batch *batch);

#endif
