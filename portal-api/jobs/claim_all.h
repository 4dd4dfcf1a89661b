/*
 * The end of an atomic job: one transaction claims all its rows, or none.
 *
 * It has a connection and a patience of its own, since it may last. When it fails, or this process
 * dies, the job is taken up again with its rows prepared, or done. Runs in the job worker.
 */
#ifndef FIRSTRING_PORTAL_JOBS_CLAIM_ALL_H
#define FIRSTRING_PORTAL_JOBS_CLAIM_ALL_H

#include "portal-api/jobs/job.h"
#include "portal-api/portal.h"

struct claim_all;

enum claim_all_end {
	CLAIM_ALL_CLAIMED,
	CLAIM_ALL_ROLLED_BACK, /* a row had failed: none is claimed */
	CLAIM_ALL_AGAIN, /* rows are to be checked once more */
	CLAIM_ALL_LOST, /* the job is another worker's */
	CLAIM_ALL_FAILED, /* the database did not do it now */
};
typedef void claim_all_done_fn(enum claim_all_end end, void *ctx);

/* Every row is done or prepared. `connection` is as for short statements. `done` is called once,
 * after which the handle is gone; portal and job outlive it. */
struct claim_all *claim_all_new(const struct portal *portal, const struct job *job,
    struct pg_config connection, claim_all_done_fn *done, void *ctx);
/* Ends it without a word; what it does in the database may come about. NULL is fine. */
void claim_all_free(struct claim_all *claim_all);

#endif
