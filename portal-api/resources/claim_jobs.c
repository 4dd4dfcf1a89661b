/*
 * Bulk claims (/v1/claim-jobs): a file is taken in one transaction, a job worker runs it, its
 * progress and results are asked for here. See jobs/runner.c for who runs it.
 */
#include <stdlib.h>
#include <string.h>

#include "portal-api/http/list.h"
#include "portal-api/http/media.h"
#include "portal-api/http/request.h"
#include "portal-api/jobs/bell.h"
#include "portal-api/jobs/rows.h"
#include "portal-api/json/rows.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

enum { ROWS_PER_CALL = 25000, RESULTS_PER_PAGE = 5000, TOO_MANY_RETRY_S = 5 };
_Static_assert(JOB_ROWS_MAX / ROWS_PER_CALL + 2 <= REQUEST_CALLS_MAX, "a job is one transaction");

static const struct row_field fields[] = {
    {"id", "id", ROW_TEXT},
    {"state", "state", ROW_TEXT},
    {"dry_run", "dry_run", ROW_BOOL},
    {"atomic", "atomic", ROW_BOOL},
    {"total", "total", ROW_INT},
    {"prepared", "prepared", ROW_INT},
    {"done", "done", ROW_INT},
    {"failed", "failed", ROW_INT},
    {"detail", "detail", ROW_TEXT},
    {"rows_kept", "rows_kept", ROW_TEXT},
    {"cancelled_at", "cancelled_at", ROW_TIME},
    {"created_at", "created_at", ROW_TIME},
    {"finished_at", "finished_at", ROW_TIME},
};

static const struct list jobs = {.name = "jobs",
    .statement = &query_claim_job_list,
    .place_column = "created_us",
    .fields = fields,
    .field_count = sizeof(fields) / sizeof(fields[0])};

void claim_job_list(struct request *request)
{
	struct pg_params *params = list_params(request, &jobs);
	if (params)
		list_run(request, &jobs, params);
}

/* --- Handing one in --- */

struct submitted {
	struct uuid id;
	int dry_run, atomic;
	struct job_rows rows;
};

static void submitted_free(void *state)
{
	struct submitted *job = state;
	job_rows_free(&job->rows);
	free(job);
}

static void reply_queued(struct request *request, const char *id, int64_t total)
{
	request_set_location(request, "/v1/claim-jobs/%s", id);
	request_reply_json(request, 202,
	    json_pack("{ss ss sI}", "id", id, "state", "queued", "total", (json_int_t)total));
}

static void on_queued(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct submitted *job = request->state;
	const char *created = row_text(results[0], 0, row_column(results[0], "outcome"));
	const char *queued =
	    row_text(results[count - 1], 0, row_column(results[count - 1], "outcome"));
	char id[UUID_TEXT_LEN + 1];
	if (strcmp(queued, "queued") != 0) {
		request->retry_after_s = TOO_MANY_RETRY_S;
		request_fail_outcome(request, strcmp(created, "created") == 0 ? queued : created);
		return;
	}
	bell_ring(request->portal->job_bell);
	uuid_format(&job->id, id);
	reply_queued(request, id, (int64_t)job->rows.count);
}

static struct pg_call create_call(const struct request *request, const struct submitted *job)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, job->id.bytes);
	pg_param_bool(params, job->dry_run);
	pg_param_bool(params, job->atomic);
	request_param_actor(request, params);
	pg_param_int(params, request->portal->config->open_jobs);
	return (struct pg_call){&query_claim_job_create, params};
}

static void add_texts(
    struct pg_params *params, const struct job_rows *rows, size_t first, size_t end, size_t member)
{
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = first; i < end; i++) {
		size_t at;
		memcpy(&at, (const char *)&rows->items[i] + member, sizeof at);
		pg_param_text(params, job_rows_text(rows, at));
	}
	pg_param_array_end(params);
}

static struct pg_call add_call(const struct submitted *job, size_t first)
{
	const struct job_rows *rows = &job->rows;
	size_t end = rows->count - first < ROWS_PER_CALL ? rows->count : first + ROWS_PER_CALL;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, job->id.bytes);
	pg_param_array_begin(params, PG_ARRAY_INT8);
	for (size_t i = first; i < end; i++)
		pg_param_int(params, (int64_t)rows->items[i].line);
	pg_param_array_end(params);
	add_texts(params, rows, first, end, offsetof(struct job_row, mac));
	add_texts(params, rows, first, end, offsetof(struct job_row, claim_code));
	add_texts(params, rows, first, end, offsetof(struct job_row, profile));
	return (struct pg_call){&query_claim_job_rows_add, params};
}

static struct pg_call queue_call(const struct request *request, const struct submitted *job)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, job->id.bytes);
	pg_param_int(params, request->portal->config->open_jobs);
	return (struct pg_call){&query_claim_job_queue, params};
}

static int read_file(struct request *request, struct submitted *job)
{
	char why[PROBLEM_DETAIL_MAX];
	struct span type = {"", 0};
	enum err err = http1_field(exchange_head(request->exchange), "content-type", &type);
	int is_csv = !err && media_type_is(type, "text/csv");
	err = job_rows_read(is_csv ? JOB_ROWS_CSV : JOB_ROWS_NDJSON, request->body,
	    request->body_len, &job->rows, why, sizeof why);
	if (!err)
		return 0;
	request_fail(request,
	    err == ERR_TOO_LONG ? PROBLEM_TOO_LARGE
	    : is_csv            ? PROBLEM_BAD_CSV
				: PROBLEM_BAD_JSON,
	    "%s", why);
	return -1;
}

void claim_job_create(struct request *request)
{
	struct pg_call calls[REQUEST_CALLS_MAX];
	size_t count = 0;
	struct submitted *job = calloc(1, sizeof *job);
	CHECK(job);
	request->state = job;
	request->state_free = submitted_free;
	if (request_query_bool(request, "dry_run", &job->dry_run) ||
	    request_query_bool(request, "atomic", &job->atomic) || read_file(request, job))
		return;
	uuid_random(&job->id);
	calls[count++] = create_call(request, job);
	for (size_t first = 0; first < job->rows.count; first += ROWS_PER_CALL)
		calls[count++] = add_call(job, first);
	calls[count++] = queue_call(request, job);
	request_effect(request, calls, count, on_queued);
}

/* --- Looking at one --- */

static struct pg_call read_call(const struct uuid *id)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id->bytes);
	return (struct pg_call){&query_claim_job_get, params};
}

static void on_job(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	if (row_count(results[0]) == 0)
		request_fail_outcome(request, "not_found");
	else
		request_reply_json(request, 200,
		    row_object(results[0], 0, fields, sizeof(fields) / sizeof(fields[0])));
}

void claim_job_get(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	const struct pg_call call = read_call(&id);
	request_query(request, &call, 1, on_job);
}

static void on_rebuilt(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	CHECK(count == 1);
	if (row_count(rows) == 0)
		request_fail_outcome(request, "not_found");
	else
		reply_queued(
		    request, request->effect_object, row_int(rows, 0, row_column(rows, "total")));
}

void claim_job_rebuild(struct request *request)
{
	struct uuid id;
	CHECK(uuid_parse(request->effect_object, strlen(request->effect_object), &id) == ERR_OK);
	const struct pg_call call = read_call(&id);
	request_query(request, &call, 1, on_rebuilt);
}

/* --- Ending one early --- */

static void on_cancelled(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "cancelled") == 0 || strcmp(outcome, "same") == 0) {
		request_reply_empty(request);
		return;
	}
	if (strcmp(outcome, "being_claimed") == 0)
		request->retry_after_s = 1;
	request_fail_outcome(request, outcome);
}

void claim_job_cancel(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_text(params, "It was cancelled: rows that were done stay done.");
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_claim_job_cancel, params}, 1, on_cancelled);
}

/* --- Its results, collected page by page and answered as NDJSON --- */

struct results {
	struct uuid id;
	int64_t after_line;
	struct buf text;
};

static void results_free(void *state)
{
	struct results *collected = state;
	buf_free(&collected->text);
	free(collected);
}

static struct pg_call page_call(const struct results *collected)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, collected->id.bytes);
	pg_param_int(params, collected->after_line);
	pg_param_int(params, RESULTS_PER_PAGE);
	return (struct pg_call){&query_claim_job_results, params};
}

static int append(const char *text, size_t len, void *buf)
{
	buf_put(buf, text, len);
	return 0;
}

static void add_results(struct results *collected, const struct pg_rows *rows)
{
	static const struct row_field result_fields[] = {
	    {"line", "line", ROW_INT},
	    {"mac", "mac", ROW_TEXT},
	    {"status", "status", ROW_TEXT},
	    {"code", "code", ROW_TEXT},
	    {"detail", "detail", ROW_TEXT},
	    {"profile", "profile", ROW_TEXT},
	};
	for (size_t i = 0; i < row_count(rows); i++) {
		json_t *item = row_object(
		    rows, i, result_fields, sizeof(result_fields) / sizeof(result_fields[0]));
		CHECK(json_dump_callback(item, append, &collected->text, JSON_COMPACT) == 0);
		buf_put_u8(&collected->text, '\n');
		json_decref(item);
		collected->after_line = row_int(rows, i, row_column(rows, "line"));
	}
}

static void on_page(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct results *collected = request->state;
	const struct pg_rows *rows = results[count - 1];
	if (count == 2 && row_count(results[0]) == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	if (count == 2 &&
	    strcmp(row_text(results[0], 0, row_column(results[0], "rows_kept")), "none") == 0) {
		request_fail(request, PROBLEM_RESULTS_GONE,
		    "The results of a job are kept for 30 days; its totals are kept longer.");
		return;
	}
	add_results(collected, rows);
	if (row_count(rows) == RESULTS_PER_PAGE) {
		const struct pg_call call = page_call(collected);
		request_query(request, &call, 1, on_page);
		return;
	}
	request_reply_text(
	    request, 200, "application/x-ndjson", collected->text.bytes, collected->text.len);
}

void claim_job_results(struct request *request)
{
	struct results *collected = calloc(1, sizeof *collected);
	CHECK(collected);
	request->state = collected;
	request->state_free = results_free;
	if (request_uuid(request, 0, &collected->id))
		return;
	const struct pg_call calls[] = {read_call(&collected->id), page_call(collected)};
	request_query(request, calls, 2, on_page);
}
