/* Rows of a claim job on their way; see batch.h. */
#include "portal-api/jobs/batch.h"

#include <stdlib.h>
#include <string.h>

#include "queries_portal-api.h"

static void step(struct batch *batch);

void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		claim_row_free(&batch->rows[i]);
	free(batch->rows);
	*batch = (struct batch){0};
}

static char *copy(const struct pg_rows *rows, size_t row, const char *column)
{
	char *text = strdup(row_text(rows, row, row_column(rows, column)));
	CHECK(text);
	return text;
}

void batch_take_rows(struct batch *batch, const struct pg_rows *rows)
{
	batch->count = row_count(rows);
	batch->rows = calloc(batch->count, sizeof *batch->rows);
	CHECK(batch->rows && batch->count > 0);
	for (size_t i = 0; i < batch->count; i++) {
		batch->rows[i].line = row_int(rows, i, row_column(rows, "line"));
		batch->rows[i].mac_text = copy(rows, i, "mac");
		batch->rows[i].code_text = copy(rows, i, "claim_code");
		batch->rows[i].profile = copy(rows, i, "profile");
		claim_row_judge(&batch->rows[i]);
	}
}

int64_t batch_last_line(const struct batch *batch)
{
	return batch->rows[batch->count - 1].line;
}

static int has_rows(const struct batch *batch, enum claim_row_state state)
{
	for (size_t i = batch->first; i < batch->end; i++)
		if (batch->rows[i].state == state)
			return 1;
	return 0;
}

/* The rows in hand have their results: on to the next, if they were not all. */
static void go_on(struct batch *batch)
{
	batch->first = batch->end;
	if (batch->first == batch->count) {
		batch->done(0, batch->ctx);
		return;
	}
	batch->end = batch->first + 1;
	step(batch);
}

/*
 * What the database could not do now is tried again by whoever takes the job up. A value that it
 * refuses is some row's fault: then they go on row by row, until it is known whose.
 */
static void fail(struct batch *batch, const char *what, const struct pg_error *error)
{
	struct claim_row *row = &batch->rows[batch->first];
	int is_rows = error->err == ERR_REFUSED || error->err == ERR_EXISTS;
	job_complain(batch->job, what, error);
	if (!is_rows || (batch->one_by_one && row->state == ROW_REFUSED)) {
		batch->done(1, batch->ctx);
		return;
	}
	if (batch->end - batch->first > 1)
		batch->end = batch->first + 1;
	else
		claim_row_refuse(row);
	batch->one_by_one = 1;
	step(batch);
}

/* --- Results are noted --- */

static int is_to_note(const struct claim_row *row)
{
	return row->state == ROW_GRANTED || row->state == ROW_REFUSED;
}

static struct pg_call note_call(const struct batch *batch)
{
	const struct claim_row *rows = batch->rows;
	struct pg_params *params = pg_params_new();
	pg_param_text(params, batch->job->id);
	pg_param_array_begin(params, PG_ARRAY_INT8);
	for (size_t i = batch->first; i < batch->end; i++)
		if (is_to_note(&rows[i]))
			pg_param_int(params, rows[i].line);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = batch->first; i < batch->end; i++)
		if (is_to_note(&rows[i]))
			pg_param_text(params, rows[i].state == ROW_GRANTED ? "ok" : "error");
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = batch->first; i < batch->end; i++)
		if (is_to_note(&rows[i]))
			pg_param_text(params, rows[i].code);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = batch->first; i < batch->end; i++)
		if (is_to_note(&rows[i]))
			pg_param_text(params, rows[i].detail[0] ? rows[i].detail : NULL);
	pg_param_array_end(params);
	return (struct pg_call){&query_claim_job_rows_done, params};
}

static void on_noted(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct batch *batch = ctx;
	(void)results;
	(void)count;
	if (error)
		fail(batch, "note results", error);
	else
		go_on(batch);
}

/* --- What was prepared is claimed, or kept until the whole job is --- */

static void add_prepared_lines(const struct batch *batch, struct pg_params *params)
{
	pg_param_array_begin(params, PG_ARRAY_INT8);
	for (size_t i = batch->first; i < batch->end; i++)
		if (batch->rows[i].state == ROW_PREPARED)
			pg_param_int(params, batch->rows[i].line);
	pg_param_array_end(params);
}

/* What the claims are made of, column by column; of a dry run nothing is kept sealed. */
static void add_prepared(const struct batch *batch, struct pg_params *params)
{
	static const enum pg_array types[] = {
	    PG_ARRAY_UUID, PG_ARRAY_MACADDR, PG_ARRAY_TEXT, PG_ARRAY_UUID, PG_ARRAY_BYTEA};
	add_prepared_lines(batch, params);
	for (unsigned column = 0; column < sizeof types / sizeof types[0]; column++) {
		pg_param_array_begin(params, types[column]);
		for (size_t i = batch->first; i < batch->end; i++) {
			if (batch->rows[i].state != ROW_PREPARED)
				continue;
			if (types[column] == PG_ARRAY_BYTEA && batch->job->dry_run)
				pg_param_null(params);
			else
				claim_row_param(&batch->rows[i], column, params);
		}
		pg_param_array_end(params);
	}
}

static struct pg_call keep_call(const struct batch *batch)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, batch->job->id);
	add_prepared(batch, params);
	return (struct pg_call){&query_claim_job_rows_prepare, params};
}

static struct pg_call take_call(const struct batch *batch)
{
	struct pg_params *params = pg_params_new();
	job_param_lease(batch->job, params);
	add_prepared(batch, params);
	pg_param_int(params, batch->portal->config->wrong_codes_per_hour);
	return (struct pg_call){&query_claim_job_rows_take, params};
}

/* `refused`: those of the prepared rows that are not claimed, in their order. All others have their
 * results on record now. */
static void settle_taken(struct batch *batch, const struct pg_rows *refused)
{
	size_t at = 0;
	for (size_t i = batch->first; i < batch->end; i++) {
		struct claim_row *row = &batch->rows[i];
		if (row->state == ROW_PREPARED && at < row_count(refused) &&
		    row_int(refused, at, row_column(refused, "line")) == row->line)
			claim_row_settle(
			    row, row_text(refused, at++, row_column(refused, "outcome")));
		else
			row->state = ROW_NOTED;
	}
	CHECK(at == row_count(refused));
}

static void on_taken(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct batch *batch = ctx;
	if (error) {
		fail(batch, "claim", error);
		return;
	}
	CHECK(count >= 2);
	settle_taken(batch, results[1]);
	if (row_count(results[1]) == 0) {
		go_on(batch);
		return;
	}
	const struct pg_call calls[] = {job_tenant_call(batch->job), note_call(batch)};
	pg_submit(batch->pg, calls, 2, on_noted, batch);
}

/* Every row in hand was checked: what is to be claimed, and the results that are known already. The
 * job's own row is locked by both, and last. */
static void settle(struct batch *batch)
{
	struct pg_call calls[3] = {job_tenant_call(batch->job)};
	size_t count = 1;
	int is_dry = batch->job->dry_run && !batch->job->atomic;
	for (size_t i = batch->first; i < batch->end; i++)
		if (batch->rows[i].state == ROW_PREPARED && is_dry)
			batch->rows[i].state = ROW_GRANTED; /* it would be */
	int takes = has_rows(batch, ROW_PREPARED) && !batch->job->atomic;
	if (takes)
		calls[count++] = take_call(batch);
	else if (has_rows(batch, ROW_PREPARED))
		calls[count++] = keep_call(batch);
	if (has_rows(batch, ROW_GRANTED) || has_rows(batch, ROW_REFUSED))
		calls[count++] = note_call(batch);
	if (count == 1)
		go_on(batch);
	else
		pg_submit(batch->pg, calls, count, takes ? on_taken : on_noted, batch);
}

/* --- Checking --- */

static void on_checked(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct batch *batch = ctx;
	if (error) {
		fail(batch, "check rows", error);
		return;
	}
	const struct pg_rows *rows = results[count - 1];
	size_t at = 0;
	for (size_t i = batch->first; i < batch->end; i++)
		if (batch->rows[i].state == ROW_WAITING)
			claim_row_prepare(&batch->rows[i], batch->portal, rows, at++);
	CHECK(at == row_count(rows));
	settle(batch);
}

/* Asks for those rows that are not refused for what is written in them. */
static void check(struct batch *batch)
{
	const struct claim_row *rows = batch->rows;
	struct pg_params *params = pg_params_new();
	pg_param_array_begin(params, PG_ARRAY_MACADDR);
	for (size_t i = batch->first; i < batch->end; i++)
		if (rows[i].state == ROW_WAITING)
			pg_param_mac(params, &rows[i].mac);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = batch->first; i < batch->end; i++)
		if (rows[i].state == ROW_WAITING)
			pg_param_text(params, rows[i].has_code ? rows[i].claim_code.symbols : NULL);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = batch->first; i < batch->end; i++)
		if (rows[i].state == ROW_WAITING)
			pg_param_text(params, rows[i].profile);
	pg_param_array_end(params);
	pg_param_int(params, batch->portal->config->wrong_codes_per_hour);
	job_param_actor(batch->job, params);
	const struct pg_call calls[] = {job_tenant_call(batch->job), {&query_claims_check, params}};
	pg_submit(batch->pg, calls, 2, on_checked, batch);
}

/* Rows that were prepared before the database refused some value need no second check. */
static void step(struct batch *batch)
{
	if (has_rows(batch, ROW_WAITING))
		check(batch);
	else
		settle(batch);
}

void batch_run(struct batch *batch, const struct portal *portal, const struct job *job,
    struct pg *pg, batch_done_fn *done, void *ctx)
{
	batch->portal = portal;
	batch->job = job;
	batch->pg = pg;
	batch->done = done;
	batch->ctx = ctx;
	batch->end = batch->count;
	step(batch);
}
