/* The rows of a job on several connections; see lanes.h. */
#include "portal-api/jobs/lanes.h"

#include <stdlib.h>

#include "common/db/row.h"
#include "portal-api/jobs/batch.h"
#include "queries_portal-api.h"

enum { LANES = 2, BATCH_ROWS = 1000 };

enum lane_state {
	LANE_IDLE,
	LANE_READING,
	LANE_WAITING, /* for another one that has a phone of its batch in hand */
	LANE_RUNNING,
};

struct lane {
	struct lanes *lanes;
	struct pg *pg;
	enum lane_state state;
	struct batch batch;
};

struct lanes {
	const struct portal *portal;
	const struct job *job; /* NULL: none is run */
	lanes_done_fn *done;
	void *ctx;
	int64_t read_to; /* the last line that was read */
	int all_read, is_interrupted, is_stopped, is_closing;
	struct lane lane[LANES];
};

static void go_on(struct lanes *lanes);

static int count_in(const struct lanes *lanes, enum lane_state state)
{
	int count = 0;
	for (size_t i = 0; i < LANES; i++)
		count += lanes->lane[i].state == state;
	return count;
}

static void on_batch_done(int interrupted, void *ctx)
{
	struct lane *lane = ctx;
	batch_free(&lane->batch);
	lane->state = LANE_IDLE;
	lane->lanes->is_interrupted |= interrupted;
	go_on(lane->lanes);
}

static int may_run(const struct lane *lane)
{
	for (size_t i = 0; i < LANES; i++) {
		const struct lane *other = &lane->lanes->lane[i];
		if (other->state == LANE_RUNNING &&
		    claim_rows_share_phone(
			lane->batch.rows, lane->batch.count, other->batch.rows, other->batch.count))
			return 0;
	}
	return 1;
}

static void run_if_it_may(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;
	if (!may_run(lane))
		return;
	lane->state = LANE_RUNNING;
	batch_run(&lane->batch, lanes->portal, lanes->job, lane->pg, on_batch_done, lane);
}

static void on_read(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct lane *lane = ctx;
	struct lanes *lanes = lane->lanes;
	lane->state = LANE_IDLE;
	if (error) {
		job_complain(lanes->job, "read rows", error);
		lanes->is_interrupted = 1;
	} else if (row_count(results[count - 1]) == 0) {
		lanes->all_read = 1;
	} else {
		batch_take_rows(&lane->batch, results[count - 1]);
		lanes->read_to = batch_last_line(&lane->batch);
		lane->state = LANE_WAITING;
	}
	go_on(lanes);
}

static void read_on(struct lane *lane)
{
	const struct lanes *lanes = lane->lanes;
	struct pg_params *params = pg_params_new();
	job_param_lease(lanes->job, params);
	pg_param_int(params, BATCH_ROWS);
	pg_param_int(params, lanes->read_to);
	const struct pg_call calls[] = {
	    job_tenant_call(lanes->job), {&query_claim_job_rows_next, params}};
	lane->state = LANE_READING;
	pg_submit(lane->pg, calls, 2, on_read, lane);
}

/* One reads at a time, and none while one waits: rows are run in the order of their lines. */
static void go_on(struct lanes *lanes)
{
	if (lanes->is_closing)
		return;
	int is_ending = lanes->is_interrupted || lanes->is_stopped;
	for (size_t i = 0; i < LANES; i++)
		if (lanes->lane[i].state == LANE_WAITING)
			run_if_it_may(&lanes->lane[i]);
	for (size_t i = 0; i < LANES && !is_ending && !lanes->all_read; i++)
		if (lanes->lane[i].state == LANE_IDLE && !count_in(lanes, LANE_READING) &&
		    !count_in(lanes, LANE_WAITING))
			read_on(&lanes->lane[i]);
	if (count_in(lanes, LANE_IDLE) == LANES) {
		lanes->job = NULL;
		lanes->done(is_ending, lanes->ctx);
	}
}

void lanes_run(struct lanes *lanes, const struct job *job, lanes_done_fn *done, void *ctx)
{
	CHECK(!lanes->job && !lanes->is_stopped);
	lanes->job = job;
	lanes->done = done;
	lanes->ctx = ctx;
	lanes->read_to = 0;
	lanes->all_read = lanes->is_interrupted = 0;
	go_on(lanes);
}

void lanes_stop(struct lanes *lanes)
{
	lanes->is_stopped = 1;
}

struct lanes *lanes_new(const struct portal *portal, const struct pg_config *config)
{
	struct lanes *lanes = calloc(1, sizeof *lanes);
	CHECK(lanes);
	lanes->portal = portal;
	for (size_t i = 0; i < LANES; i++) {
		lanes->lane[i].lanes = lanes;
		lanes->lane[i].pg = pg_new(config);
	}
	return lanes;
}

void lanes_free(struct lanes *lanes)
{
	if (!lanes)
		return;
	lanes->is_closing = 1;
	for (size_t i = 0; i < LANES; i++) {
		pg_free(lanes->lane[i].pg);
		batch_free(&lanes->lane[i].batch);
	}
	free(lanes);
}
