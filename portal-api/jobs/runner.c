/*
 * The worker of claim jobs: takes one job after another and sees it through.
 *
 * It has no listener; what it reads was stored by the API's workers as ITSPs sent it. It holds the
 * sealing ring, the role firstring_portal, and firstring_admin for the housekeeping. A job is held
 * by a lease that each batch renews, so that the job of a worker that died is taken up by the next
 * one, which goes on with the rows that are left. Rows are run in lanes.c; those of an atomic job
 * are only prepared there, and claimed in claim_all.c.
 */
#include "portal-api/jobs/runner.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "common/net/sandbox.h"
#include "portal-api/jobs/bell.h"
#include "portal-api/jobs/claim_all.h"
#include "portal-api/jobs/housekeeping.h"
#include "portal-api/jobs/lanes.h"
#include "portal-api/jobs/reseal.h"
#include "portal-api/jobs/transfers.h"
#include "portal-api/json/memory.h"
#include "portal-api/readiness.h"
#include "portal-api/state.h"
#include "queries_portal-api.h"

/* A job handed in on this machine rings; those of others, and of workers that died, are looked for.
 */
enum { POLL_MS = 500, RETRY_MS = 1000 };

struct runner {
	struct event_base *base;
	struct event *timer;
	struct portal portal;
	char name[64]; /* of the lease */
	int draining, busy;
	int rung; /* while busy: there may be another job */
	struct job job; /* the one in hand, while busy */
	struct lanes *lanes;
	struct claim_all *claim_all; /* while an atomic job's rows are claimed */
};

static void run_rows(struct runner *runner);

static void wait_ms(struct runner *runner, unsigned ms)
{
	struct timeval delay = {ms / 1000, (ms % 1000) * 1000};
	event_add(runner->timer, &delay);
}

static void on_given_back(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	(void)rows;
	(void)count;
	if (error)
		job_complain(NULL, "give back a job", error);
	event_base_loopbreak(runner->base);
}

/* The last thing that it does: what it may still hold is for the next worker. */
static void give_back(struct runner *runner)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->name);
	pg_submit(runner->portal.tenant, &(struct pg_call){&query_claim_job_give_back, params}, 1,
	    on_given_back, runner);
}

/* Lets go of the job: it is finished, another worker's, or its lease is left to run out. */
static void leave_job(struct runner *runner, unsigned delay_ms)
{
	runner->busy = 0;
	if (runner->draining)
		give_back(runner);
	else
		wait_ms(runner, runner->rung ? 0 : delay_ms);
	runner->rung = 0;
}

/* --- The end of a job --- */

static void on_finished(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	(void)rows;
	(void)count;
	if (error)
		job_complain(&runner->job, "finish", error);
	else
		LOG_INFO("claim_job_done", log_str("job", runner->job.id),
		    log_str("itsp_id", runner->job.itsp_id));
	leave_job(runner, error ? RETRY_MS : 0);
}

static void finish_job(struct runner *runner, const char *state, const char *detail)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->job.id);
	pg_param_text(params, runner->name);
	pg_param_text(params, state);
	pg_param_text(params, detail);
	const struct pg_call calls[] = {
	    job_tenant_call(&runner->job), {&query_claim_job_finish, params}};
	pg_submit(runner->portal.tenant, calls, 2, on_finished, runner);
}

static void on_all_claimed(enum claim_all_end end, void *ctx)
{
	struct runner *runner = ctx;
	runner->claim_all = NULL;
	if (end == CLAIM_ALL_CLAIMED)
		finish_job(runner, "done", NULL);
	else if (end == CLAIM_ALL_ROLLED_BACK)
		finish_job(runner, "failed", "Not every row could be claimed, so none was.");
	else if (end == CLAIM_ALL_AGAIN && !runner->draining)
		run_rows(runner);
	else
		leave_job(runner, end == CLAIM_ALL_FAILED ? RETRY_MS : 0);
}

/* --- Its rows --- */

static struct pg_config database(const struct runner *runner, const char *conninfo)
{
	const struct portal_config *config = runner->portal.config;
	return (struct pg_config){.base = runner->base,
	    .conninfo = conninfo,
	    .statements = queries_portal_api,
	    .prepare = config->prepare,
	    .connect_ms = 3000,
	    .deadline_ms = JOB_DEADLINE_MS,
	    .queue_max = (size_t)config->database_queue};
}

static void on_rows_run(int interrupted, void *ctx)
{
	struct runner *runner = ctx;
	if (interrupted)
		leave_job(runner, RETRY_MS);
	else if (runner->job.atomic)
		runner->claim_all = claim_all_new(&runner->portal, &runner->job,
		    database(runner, runner->portal.config->tenant_database), on_all_claimed,
		    runner);
	else
		finish_job(runner, "done", NULL);
}

static void run_rows(struct runner *runner)
{
	lanes_run(runner->lanes, &runner->job, on_rows_run, runner);
}

/* --- Taking a job --- */

static void take_text(char *to, size_t size, const struct pg_rows *rows, const char *column)
{
	const char *text = row_text(rows, 0, row_column(rows, column));
	CHECK(strlen(text) < size);
	memcpy(to, text, strlen(text) + 1);
}

static void on_job(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	struct job *job = &runner->job;
	if (error || row_count(results[0]) == 0 || runner->draining) {
		if (error)
			job_complain(NULL, "take a job", error);
		leave_job(runner, POLL_MS);
		return;
	}
	CHECK(count == 1);
	const struct pg_rows *rows = results[0];
	take_text(job->id, sizeof job->id, rows, "job_id");
	take_text(job->itsp_id, sizeof job->itsp_id, rows, "itsp_id");
	take_text(job->actor_kind, sizeof job->actor_kind, rows, "actor_kind");
	take_text(job->actor_id, sizeof job->actor_id, rows, "actor_id");
	job->worker = runner->name;
	job->dry_run = row_bool(rows, 0, row_column(rows, "dry_run"));
	job->atomic = row_bool(rows, 0, row_column(rows, "atomic"));
	run_rows(runner);
}

static void take_job(struct runner *runner)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->name);
	pg_param_int(params, JOB_LEASE_S);
	runner->busy = 1;
	pg_submit(runner->portal.tenant, &(struct pg_call){&query_claim_job_take, params}, 1,
	    on_job, runner);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;
	(void)events;
	take_job(ctx);
}

static void on_bell(void *ctx)
{
	struct runner *runner = ctx;
	if (runner->busy)
		runner->rung = 1;
	else
		wait_ms(runner, 0);
}

/* --- The worker's life --- */

/* The batches in hand are brought to their end; what is left is another worker's. */
static void on_drain(void *ctx)
{
	struct runner *runner = ctx;
	runner->draining = 1;
	lanes_stop(runner->lanes);
	if (!runner->busy)
		event_base_loopbreak(runner->base);
}

int job_worker_run(const struct worker *worker, void *shared)
{
	const struct portal_state *state = shared;
	const struct portal_config *config = &state->config;
	struct runner runner = {.base = event_base_new(),
	    .portal = {.config = config,
		.ring = state->ring,
		.webhook_ring = state->webhook_ring,
		.formats = state->formats}};

	CHECK(runner.base);
	snprintf(runner.name, sizeof runner.name, "jobs-%u-%u-%d", worker->generation,
	    worker->index, (int)getpid());
	if (sandbox_drop_privileges(config->user) != ERR_OK)
		return EX_CONFIG;
	sandbox_harden();
	json_memory_wipe_on_free();
	struct pg_config tenant = database(&runner, config->tenant_database);
	struct pg_config admin = database(&runner, config->admin_database);
	struct readiness *readiness =
	    readiness_connect(worker, "jobs_database", tenant, &runner.portal.tenant);
	runner.portal.admin = pg_new(&admin);
	runner.lanes = lanes_new(&runner.portal, &tenant);
	runner.timer = event_new(runner.base, -1, 0, on_timer, &runner);
	CHECK(runner.timer);
	struct bell_ear *ear = bell_listen(state->sockets->job_bell, runner.base, on_bell, &runner);
	struct housekeeping *housekeeping = housekeeping_new(
	    runner.base, runner.portal.admin, runner.portal.config->housekeeping_ms);
	struct transfer_watch *transfers =
	    transfer_watch_new(runner.base, runner.portal.admin, config);
	struct reseal *reseal = reseal_new(runner.base, &runner.portal);
	struct worker_signals *signals = worker_signals_new(runner.base, on_drain, &runner);
	wait_ms(&runner, 0);
	event_base_dispatch(runner.base);
	housekeeping_free(housekeeping);
	transfer_watch_free(transfers);
	bell_ear_free(ear);
	event_free(runner.timer);
	claim_all_free(runner.claim_all);
	lanes_free(runner.lanes);
	pg_free(runner.portal.tenant);
	readiness_free(readiness);
	pg_free(runner.portal.admin);
	reseal_free(reseal);
	worker_signals_free(signals);
	event_base_free(runner.base);
	return EX_OK;
}
