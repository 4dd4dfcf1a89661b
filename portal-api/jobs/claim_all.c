/* The end of an atomic job; see claim_all.h. */
#include "portal-api/jobs/claim_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/jobs/claim_row.h"
#include "queries_portal-api.h"

/* The deadline waits for a connection, too. */
enum { CLAIM_ALL_MS = 15 * 60 * 1000, CLAIM_ALL_DEADLINE_MS = CLAIM_ALL_MS + JOB_DEADLINE_MS };

struct claim_all {
	const struct job *job;
	struct pg *pg;
	claim_all_done_fn *done; /* NULL: nobody is to be told any more */
	void *ctx;
};

static enum claim_all_end end_of(const char *outcome)
{
	if (strcmp(outcome, "claimed") == 0)
		return CLAIM_ALL_CLAIMED;
	if (strcmp(outcome, "rolled_back") == 0)
		return CLAIM_ALL_ROLLED_BACK;
	return strcmp(outcome, "again") == 0 ? CLAIM_ALL_AGAIN : CLAIM_ALL_LOST;
}

void claim_all_free(struct claim_all *claim_all)
{
	if (!claim_all)
		return;
	claim_all->done = NULL;
	pg_free(claim_all->pg);
	free(claim_all);
}

static void on_claimed(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct claim_all *claim_all = ctx;
	claim_all_done_fn *done = claim_all->done;
	void *done_ctx = claim_all->ctx;
	enum claim_all_end end = CLAIM_ALL_FAILED;
	if (!done)
		return;
	if (error)
		job_complain(claim_all->job, "claim all", error);
	else
		end = end_of(
		    row_text(results[count - 1], 0, row_column(results[count - 1], "outcome")));
	claim_all_free(claim_all);
	done(end, done_ctx);
}

struct claim_all *claim_all_new(const struct portal *portal, const struct job *job,
    struct pg_config connection, claim_all_done_fn *done, void *ctx)
{
	struct claim_all *claim_all = calloc(1, sizeof *claim_all);
	struct pg_params *patience = pg_params_new(), *params = pg_params_new();
	char timeout[16];
	CHECK(claim_all);
	claim_all->job = job;
	claim_all->done = done;
	claim_all->ctx = ctx;
	connection.deadline_ms = CLAIM_ALL_DEADLINE_MS;
	claim_all->pg = pg_new(&connection);
	snprintf(timeout, sizeof timeout, "%d", CLAIM_ALL_MS);
	pg_param_text(patience, timeout);
	job_param_lease(job, params);
	pg_param_int(params, portal->config->wrong_codes_per_hour);
	pg_param_int(params, seal_ring_current(portal->ring));
	pg_param_text(params, CLAIM_ROW_ROLLED_BACK);
	const struct pg_call calls[] = {job_tenant_call(job), {&query_statement_patience, patience},
	    {&query_claim_job_claim, params}};
	pg_submit(claim_all->pg, calls, 3, on_claimed, claim_all);
	return claim_all;
}
