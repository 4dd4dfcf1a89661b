/*
 * The rows of one job, read in order and run a thousand at a time, on several connections at once:
 * PostgreSQL works on one batch while another is prepared here or waits for the disk.
 *
 * Batches that share a phone follow one another, so that of two rows with one phone the first in
 * the file comes first, and no two batches wait for each other. Runs in the job worker.
 */
#ifndef FIRSTRING_PORTAL_JOBS_LANES_H
#define FIRSTRING_PORTAL_JOBS_LANES_H

#include "portal-api/jobs/job.h"
#include "portal-api/portal.h"

struct lanes;

/* `interrupted`: rows are left, since the database failed one batch or lanes_stop was called. */
typedef void lanes_done_fn(int interrupted, void *ctx);

/* Connects; the portal outlives them. */
struct lanes *lanes_new(const struct portal *portal, const struct pg_config *config);
/* Ends what runs, without a word. NULL is fine. */
void lanes_free(struct lanes *lanes);

/* Runs the rows that are neither done nor prepared. One job at a time; it stays until `done`, which
 * is never called from within. */
void lanes_run(struct lanes *lanes, const struct job *job, lanes_done_fn *done, void *ctx);
/* Batches in hand are brought to their end, and no other is begun. */
void lanes_stop(struct lanes *lanes);

#endif
