/*
 * The worker of claim jobs: takes one job after another and runs its rows, a thousand at a time.
 *
 * It has no listener; what it reads was stored by the API's workers as ITSPs sent it. It holds the
 * sealing ring, the role firstring_portal, and firstring_admin for the housekeeping. A job is held
 * by a lease that each batch renews, so that the job of a worker that died is taken up by the next
 * one; rows that are done stay done, and a row claimed without its result being noted is the same
 * again. The rows of an atomic job are checked and prepared in such batches, and kept; then one
 * transaction claims them all, or none, on a connection of its own, since it may last.
 */
#include "portal-api/jobs/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "common/net/sandbox.h"
#include "portal-api/jobs/claim_row.h"
#include "portal-api/jobs/housekeeping.h"
#include "portal-api/jobs/reseal.h"
#include "portal-api/jobs/transfers.h"
#include "portal-api/json/memory.h"
#include "portal-api/readiness.h"
#include "portal-api/state.h"
#include "queries_portal-api.h"

enum { POLL_MS = 500, RETRY_MS = 1000, LEASE_S = 30, BATCH_ROWS = 1000 };
/* Above the roles' statement_timeout: what is done in bulk is slow. */
enum { DEADLINE_MS = 40000 };
/* Of the one transaction that an atomic job ends with; the deadline waits for a connection, too. */
enum { CLAIM_ALL_MS = 15 * 60 * 1000, CLAIM_ALL_DEADLINE_MS = CLAIM_ALL_MS + DEADLINE_MS };

struct job {
	struct job_actor actor;
	int dry_run, atomic;
};

struct runner {
	struct event_base *base;
	struct event *timer;
	struct portal portal;
	char name[64]; /* of the lease */
	int draining, busy;
	struct job job; /* the one in hand, while busy */
	struct pg *claiming; /* while an atomic job's rows are claimed */
	struct claim_row *rows; /* the batch */
	size_t count;
	int one_by_one; /* a batch held a value that the database refuses: which row's is found out
			 */
};

static struct pg_config database(
    const struct runner *runner, const char *conninfo, unsigned deadline_ms);
static void take_job(struct runner *runner);
static void next_batch(struct runner *runner);

static void wait_ms(struct runner *runner, unsigned ms)
{
	struct timeval delay = {ms / 1000, (ms % 1000) * 1000};
	event_add(runner->timer, &delay);
}

static void free_batch(struct runner *runner)
{
	for (size_t i = 0; i < runner->count; i++)
		claim_row_free(&runner->rows[i]);
	free(runner->rows);
	runner->rows = NULL;
	runner->count = 0;
}

/* Lets go of the job: it is finished, another worker's, or its lease is left to run out. */
static void leave_job(struct runner *runner, unsigned delay_ms)
{
	free_batch(runner);
	runner->busy = 0;
	if (runner->draining)
		event_base_loopbreak(runner->base);
	else
		wait_ms(runner, delay_ms);
}

static void complain(const struct runner *runner, const char *what, const struct pg_error *error)
{
	static struct log_gate gate;
	if (log_gate_open(&gate))
		LOG_WARN("claim_job_interrupted", log_str("doing", what),
		    log_str("job", runner->busy ? runner->job.actor.job_id : NULL),
		    log_err(error->err), log_str("message", error->message),
		    log_uint("suppressed", gate.suppressed));
}

/* --- The end of a job --- */

static void on_finished(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	(void)rows;
	(void)count;
	if (error)
		complain(runner, "finish", error);
	else
		LOG_INFO("claim_job_done", log_str("job", runner->job.actor.job_id),
		    log_str("itsp_id", runner->job.actor.itsp_id));
	leave_job(runner, error ? RETRY_MS : 0);
}

static void finish_job(struct runner *runner, const char *state, const char *detail)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->job.actor.job_id);
	pg_param_text(params, runner->name);
	pg_param_text(params, state);
	pg_param_text(params, detail);
	const struct pg_call calls[] = {
	    job_tenant_call(&runner->job.actor), {&query_claim_job_finish, params}};
	pg_submit(runner->portal.tenant, calls, 2, on_finished, runner);
}

/* --- The end of a batch: results are noted --- */

static int is_done(const struct claim_row *row)
{
	return row->state == ROW_GRANTED || row->state == ROW_REFUSED;
}

static int all_are(const struct runner *runner, enum claim_row_state one, enum claim_row_state two)
{
	for (size_t i = 0; i < runner->count; i++)
		if (runner->rows[i].state != one && runner->rows[i].state != two)
			return 0;
	return 1;
}

static void on_noted(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	(void)rows;
	(void)count;
	if (error) {
		complain(runner, "note results", error);
		leave_job(runner, RETRY_MS);
		return;
	}
	free_batch(runner);
	if (runner->draining)
		leave_job(runner, 0);
	else
		next_batch(runner);
}

static void add_results(const struct runner *runner, struct pg_params *params)
{
	const struct claim_row *rows = runner->rows;
	pg_param_array_begin(params, PG_ARRAY_INT8);
	for (size_t i = 0; i < runner->count; i++)
		if (is_done(&rows[i]))
			pg_param_int(params, rows[i].line);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < runner->count; i++)
		if (is_done(&rows[i]))
			pg_param_text(params, rows[i].state == ROW_GRANTED ? "ok" : "error");
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < runner->count; i++)
		if (is_done(&rows[i]))
			pg_param_text(params, rows[i].code);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < runner->count; i++)
		if (is_done(&rows[i]))
			pg_param_text(params, rows[i].detail[0] ? rows[i].detail : NULL);
	pg_param_array_end(params);
}

/* What the claims of prepared rows are made of, column by column; of a dry run nothing is kept
 * sealed. */
static void add_prepared(const struct runner *runner, struct pg_params *params)
{
	static const enum pg_array types[] = {
	    PG_ARRAY_UUID, PG_ARRAY_MACADDR, PG_ARRAY_TEXT, PG_ARRAY_UUID, PG_ARRAY_BYTEA};
	for (unsigned column = 0; column < sizeof types / sizeof types[0]; column++) {
		pg_param_array_begin(params, types[column]);
		for (size_t i = 0; i < runner->count; i++) {
			if (runner->rows[i].state != ROW_PREPARED)
				continue;
			if (types[column] == PG_ARRAY_BYTEA && runner->job.dry_run)
				pg_param_null(params);
			else
				claim_row_param(&runner->rows[i], column, params);
		}
		pg_param_array_end(params);
	}
}

static struct pg_call prepare_call(const struct runner *runner)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->job.actor.job_id);
	pg_param_array_begin(params, PG_ARRAY_INT8);
	for (size_t i = 0; i < runner->count; i++)
		if (runner->rows[i].state == ROW_PREPARED)
			pg_param_int(params, runner->rows[i].line);
	pg_param_array_end(params);
	add_prepared(runner, params);
	return (struct pg_call){&query_claim_job_rows_prepare, params};
}

static void note_results(struct runner *runner)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->job.actor.job_id);
	add_results(runner, params);
	struct pg_call calls[3] = {
	    job_tenant_call(&runner->job.actor), {&query_claim_job_rows_done, params}};
	if (runner->job.atomic)
		calls[2] = prepare_call(runner);
	pg_submit(runner->portal.tenant, calls, runner->job.atomic ? 3 : 2, on_noted, runner);
}

/* --- When the database fails a batch --- */

/*
 * What it could not do now is tried again by whoever takes the job up. A value that it refuses is
 * some row's fault: the batch is read again row by row, until it is known whose.
 */
static void fail_batch(struct runner *runner, const char *what, const struct pg_error *error)
{
	int is_rows = error->err == ERR_REFUSED || error->err == ERR_EXISTS;
	complain(runner, what, error);
	if (!is_rows) {
		leave_job(runner, RETRY_MS);
	} else if (runner->count > 1) {
		free_batch(runner);
		runner->one_by_one = 1;
		next_batch(runner);
	} else {
		claim_row_refuse(&runner->rows[0]);
		note_results(runner);
	}
}

/* --- The claims of a batch --- */

static void on_taken(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	if (error) {
		fail_batch(runner, "claim", error);
		return;
	}
	const struct pg_rows *rows = results[count - 1];
	size_t at = 0;
	for (size_t i = 0; i < runner->count; i++) {
		if (runner->rows[i].state == ROW_PREPARED)
			claim_row_settle(
			    &runner->rows[i], row_text(rows, at++, row_column(rows, "outcome")));
	}
	CHECK(at == row_count(rows));
	note_results(runner);
}

/* Those that are one's own from before ("same") need no claim. */
static void take(struct runner *runner)
{
	struct pg_params *params = pg_params_new();
	add_prepared(runner, params);
	pg_param_int(params, runner->portal.config->wrong_codes_per_hour);
	job_param_actor(&runner->job.actor, params);
	const struct pg_call calls[] = {
	    job_tenant_call(&runner->job.actor), {&query_claims_take, params}};
	pg_submit(runner->portal.tenant, calls, 2, on_taken, runner);
}

/* --- The claims of an atomic job: all or none --- */

static void on_all_claimed(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	const char *outcome =
	    error ? "" : row_text(results[count - 1], 0, row_column(results[count - 1], "outcome"));
	int is_claimed = strcmp(outcome, "claimed") == 0;
	int is_rolled_back = strcmp(outcome, "rolled_back") == 0;
	int is_again = strcmp(outcome, "again") == 0;
	if (error)
		complain(runner, "claim all", error);
	pg_free(runner->claiming);
	runner->claiming = NULL;
	if (is_claimed)
		finish_job(runner, "done", NULL);
	else if (is_rolled_back)
		finish_job(runner, "failed", "Not every row could be claimed, so none was.");
	else if (is_again && !runner->draining)
		next_batch(runner);
	else
		leave_job(runner, error ? RETRY_MS : 0);
}

/*
 * Every row is done or prepared. What is claimed and the rows' results are one transaction: when it
 * fails, or this process dies, the job is taken up again with its rows prepared, or done.
 */
static void claim_all(struct runner *runner)
{
	struct pg_params *patience = pg_params_new();
	char timeout[16];
	snprintf(timeout, sizeof timeout, "%d", CLAIM_ALL_MS);
	pg_param_text(patience, timeout);
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->job.actor.job_id);
	pg_param_text(params, runner->name);
	pg_param_int(params, LEASE_S);
	pg_param_int(params, runner->portal.config->wrong_codes_per_hour);
	pg_param_int(params, seal_ring_current(runner->portal.ring));
	pg_param_text(params, CLAIM_ROW_ROLLED_BACK);
	const struct pg_call calls[] = {job_tenant_call(&runner->job.actor),
	    {&query_statement_patience, patience}, {&query_claim_job_claim, params}};
	struct pg_config own =
	    database(runner, runner->portal.config->tenant_database, CLAIM_ALL_DEADLINE_MS);
	runner->claiming = pg_new(&own);
	pg_submit(runner->claiming, calls, 3, on_all_claimed, runner);
}

/* --- A batch --- */

/* Every row was checked. */
static void end_batch(struct runner *runner)
{
	const struct job *job = &runner->job;
	int some_to_take = 0;
	for (size_t i = 0; i < runner->count; i++) {
		struct claim_row *row = &runner->rows[i];
		if (row->state == ROW_PREPARED && job->dry_run && !job->atomic)
			row->state = ROW_GRANTED; /* it would be */
		some_to_take |= row->state == ROW_PREPARED && !job->atomic;
	}
	if (some_to_take)
		take(runner);
	else
		note_results(runner);
}

static void on_checked(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	if (error) {
		fail_batch(runner, "check rows", error);
		return;
	}
	const struct pg_rows *rows = results[count - 1];
	size_t at = 0;
	for (size_t i = 0; i < runner->count; i++)
		if (runner->rows[i].state == ROW_WAITING)
			claim_row_prepare(&runner->rows[i], &runner->portal, rows, at++);
	CHECK(at == row_count(rows));
	end_batch(runner);
}

/* Asks for those rows that are not refused for what is written in them. */
static void check(struct runner *runner)
{
	const struct claim_row *rows = runner->rows;
	struct pg_params *params = pg_params_new();
	pg_param_array_begin(params, PG_ARRAY_MACADDR);
	for (size_t i = 0; i < runner->count; i++)
		if (rows[i].state == ROW_WAITING)
			pg_param_mac(params, &rows[i].mac);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < runner->count; i++)
		if (rows[i].state == ROW_WAITING)
			pg_param_text(params, rows[i].has_code ? rows[i].claim_code.symbols : NULL);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < runner->count; i++)
		if (rows[i].state == ROW_WAITING)
			pg_param_text(params, rows[i].profile);
	pg_param_array_end(params);
	pg_param_int(params, runner->portal.config->wrong_codes_per_hour);
	job_param_actor(&runner->job.actor, params);
	const struct pg_call calls[] = {
	    job_tenant_call(&runner->job.actor), {&query_claims_check, params}};
	pg_submit(runner->portal.tenant, calls, 2, on_checked, runner);
}

static char *copy(const struct pg_rows *rows, size_t row, const char *column)
{
	char *text = strdup(row_text(rows, row, row_column(rows, column)));
	CHECK(text);
	return text;
}

static void on_batch(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct runner *runner = ctx;
	if (error) {
		complain(runner, "read rows", error);
		leave_job(runner, RETRY_MS);
		return;
	}
	const struct pg_rows *rows = results[count - 1];
	if (row_count(rows) == 0) {
		if (runner->job.atomic)
			claim_all(runner);
		else
			finish_job(runner, "done", NULL);
		return;
	}
	runner->count = row_count(rows);
	runner->rows = calloc(runner->count, sizeof *runner->rows);
	CHECK(runner->rows);
	for (size_t i = 0; i < runner->count; i++) {
		runner->rows[i].line = row_int(rows, i, row_column(rows, "line"));
		runner->rows[i].mac_text = copy(rows, i, "mac");
		runner->rows[i].code_text = copy(rows, i, "claim_code");
		runner->rows[i].profile = copy(rows, i, "profile");
		claim_row_judge(&runner->rows[i]);
	}
	if (all_are(runner, ROW_REFUSED, ROW_REFUSED))
		end_batch(runner);
	else
		check(runner);
}

static void next_batch(struct runner *runner)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->job.actor.job_id);
	pg_param_text(params, runner->name);
	pg_param_int(params, LEASE_S);
	pg_param_int(params, runner->one_by_one ? 1 : BATCH_ROWS);
	const struct pg_call calls[] = {
	    job_tenant_call(&runner->job.actor), {&query_claim_job_rows_next, params}};
	pg_submit(runner->portal.tenant, calls, 2, on_batch, runner);
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
	if (error || row_count(results[0]) == 0) {
		if (error)
			complain(runner, "take a job", error);
		leave_job(runner, POLL_MS);
		return;
	}
	CHECK(count == 1);
	const struct pg_rows *rows = results[0];
	take_text(job->actor.job_id, sizeof job->actor.job_id, rows, "job_id");
	take_text(job->actor.itsp_id, sizeof job->actor.itsp_id, rows, "itsp_id");
	take_text(job->actor.kind, sizeof job->actor.kind, rows, "actor_kind");
	take_text(job->actor.id, sizeof job->actor.id, rows, "actor_id");
	job->dry_run = row_bool(rows, 0, row_column(rows, "dry_run"));
	job->atomic = row_bool(rows, 0, row_column(rows, "atomic"));
	runner->one_by_one = 0;
	runner->busy = 1;
	next_batch(runner);
}

static void take_job(struct runner *runner)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, runner->name);
	pg_param_int(params, LEASE_S);
	pg_submit(runner->portal.tenant, &(struct pg_call){&query_claim_job_take, params}, 1,
	    on_job, runner);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;
	(void)events;
	take_job(ctx);
}

/* --- The worker's life --- */

static struct pg_config database(
    const struct runner *runner, const char *conninfo, unsigned deadline_ms)
{
	const struct portal_config *config = runner->portal.config;
	return (struct pg_config){.base = runner->base,
	    .conninfo = conninfo,
	    .statements = queries_portal_api,
	    .prepare = config->prepare,
	    .connect_ms = 3000,
	    .deadline_ms = deadline_ms,
	    .queue_max = (size_t)config->database_queue};
}

/* The batch in hand is brought to its end; what is left is another worker's, past the lease. */
static void on_drain(void *ctx)
{
	struct runner *runner = ctx;
	runner->draining = 1;
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
	struct readiness *readiness = readiness_connect(worker, "jobs_database",
	    database(&runner, config->tenant_database, DEADLINE_MS), &runner.portal.tenant);
	struct pg_config admin = database(&runner, config->admin_database, DEADLINE_MS);
	runner.portal.admin = pg_new(&admin);
	runner.timer = event_new(runner.base, -1, 0, on_timer, &runner);
	CHECK(runner.timer);
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
	event_free(runner.timer);
	pg_free(runner.claiming);
	pg_free(runner.portal.tenant);
	readiness_free(readiness);
	pg_free(runner.portal.admin);
	reseal_free(reseal);
	free_batch(&runner);
	worker_signals_free(signals);
	event_base_free(runner.base);
	return EX_OK;
}
