/*
 * POST /v1/orders/{order}/certificates: NDJSON in, NDJSON out, in order, streamed.
 *
 * Input is cut into rows, rows into groups, groups are enrolled (enrol.h) a few at a time, and what
 * is durable is written in the order of the rows. A station may send all rows before it reads one
 * answer: how fast we read depends only on how fast groups become durable, never on how fast
 * the station reads, so neither waits for the other. The bound of what is unsent is BATCH_ROWS_MAX
 * rows of answer.
 *
 * Where a group cannot become durable (database or signer away past the patience of enrol.h) the
 * answer ends there: 503 where nothing was written yet, else the connection is cut, so that
 * the station sees an incomplete answer. What it received is on record; the same batch again goes
 * on from there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/log.h"
#include "factory-ca/front/batch_row.h"
#include "factory-ca/front/enrol.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/front/security.h"
#include "factory-ca/front/tally.h"

enum {
	GROUPS_RUNNING_MAX = 4, /* of one batch; more only waits in database and signer */
	/* Of a worker: what waits there is answered well before the deadlines of both. */
	GROUPS_RUNNING_MAX_OF_ALL = 16,
	BATCHES_MAX = 64, /* of one worker */
	BATCH_DEADLINE_MS =
	    600000, /* for 10,000 rows, and once more for a station that reads late */
};

struct group {
	TAILQ_ENTRY(group) entry;
	struct batch *batch;
	struct enrolment rows[ENROL_GROUP_MAX];
	size_t count;
	enum { GROUP_FILLING, GROUP_RUNNING, GROUP_DONE } state;
	enum err err; /* when done */
};

struct batch {
	struct call *call;
	struct buf line; /* an unfinished line */
	int skipping; /* the rest of a line that is too long */
	uint32_t rows; /* lines that are not blank */
	int input_ended;
	int too_many; /* the row that says so is written; what still comes is not read as rows */
	TAILQ_HEAD(group_list, group) groups; /* in the order of the rows */
	size_t unfinished; /* groups filling or running */
	size_t running;
	TAILQ_ENTRY(batch) waiting_entry;
	int is_waiting; /* for others to end: on the worker's list */
	int paused;
	int begun; /* the head of the answer is out */
	enum err failed; /* the first group's failure; ERR_CLOSED: the station is gone */
};

static void drop_head(struct batch *batch)
{
	struct group *group = TAILQ_FIRST(&batch->groups);
	size_t i;

	TAILQ_REMOVE(&batch->groups, group, entry);
	for (i = 0; i < group->count; i++)
		enrolment_free(&group->rows[i]);
	free(group);
}

static void wait_for_others(struct batch *batch)
{
	if (batch->is_waiting)
		return;
	batch->is_waiting = 1;
	TAILQ_INSERT_TAIL(&batch->call->front->waiting_batches, batch, waiting_entry);
}

static void stop_waiting(struct batch *batch)
{
	if (!batch->is_waiting)
		return;
	batch->is_waiting = 0;
	TAILQ_REMOVE(&batch->call->front->waiting_batches, batch, waiting_entry);
}

static void batch_free(void *work)
{
	struct batch *batch = work;

	while (!TAILQ_EMPTY(&batch->groups))
		drop_head(batch);
	stop_waiting(batch);
	batch->call->front->batches--;
	buf_free(&batch->line);
	free(batch);
}

/* --- out ------------------------------------------------------------------------------------ */

static void begin_answer(struct batch *batch)
{
	struct server_answer head = {.status = 200, .content_type = "application/x-ndjson"};

	if (batch->begun)
		return;
	batch->begun = 1;
	metrics_add(FRONT_ANSWERS, front_metric_status_label(200), 1);
	exchange_begin(batch->call->exchange, &head);
}

static void write_group(struct batch *batch, const struct group *group)
{
	struct buf lines = {0};
	size_t i;

	for (i = 0; i < group->count; i++) {
		const struct enrolment *row = &group->rows[i];

		if (row->status == ENROLMENT_ERROR) {
			metrics_add(FRONT_ROWS_REFUSED, row->code, 1);
			LOG_WARN("row_refused",
			    log_str("request", exchange_request_id(batch->call->exchange)),
			    log_str("order", batch->call->order.terms.reference),
			    log_str("station", batch->call->caller.name), log_uint("row", row->row),
			    log_str("reason", enrolment_code_name(row->code)),
			    log_str("detail", row->detail));
		}
		batch_row_write(row, &lines);
	}
	security_note(batch->call, group->rows, group->count);
	tally_note(batch->call, group->rows, group->count);
	begin_answer(batch);
	if (exchange_write(batch->call->exchange, lines.bytes, lines.len) != ERR_OK)
		batch->failed = ERR_CLOSED;
	buf_wipe(&lines);
}

static void write_what_is_done(struct batch *batch)
{
	struct group *group;

	/* clang-tidy does not see that TAILQ_REMOVE took the freed one out. */
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	while ((group = TAILQ_FIRST(&batch->groups)) != NULL && group->state == GROUP_DONE) {
		if (batch->failed == ERR_OK)
			batch->failed = group->err;
		if (batch->failed == ERR_OK)
			write_group(batch, group);
		drop_head(batch);
	}
}

/* The one end of a batch; the batch is gone after it. */
static void finish(struct batch *batch)
{
	struct call *call = batch->call;

	if (batch->failed == ERR_OK) {
		begin_answer(batch);
		exchange_extend_deadline(call->exchange, BATCH_DEADLINE_MS);
		exchange_end(call->exchange, 1);
		return;
	}
	metrics_add(FRONT_BATCHES_CUT, 0, 1);
	LOG_WARN("batch_cut", log_str("request", exchange_request_id(call->exchange)),
	    log_str("order", call->order.terms.reference), log_str("station", call->caller.name),
	    log_uint("rows_read", batch->rows), log_err(batch->failed));
	if (batch->begun)
		exchange_end(call->exchange, 0);
	else if (batch->failed == ERR_NOT_FOUND)
		call_refuse(call, 404, "unknown_order", "the signer does not know this order");
	else if (batch->failed == ERR_DENIED)
		call_refuse(call, 403, "station_not_on_order",
		    request_refusal_detail(REQUEST_STATION_NOT_ON_ORDER));
	else
		call_unavailable(call, "database or signer");
}

/* --- groups --------------------------------------------------------------------------------- */

static void pump(struct batch *batch);

static void on_group_done(enum err err, void *ctx)
{
	struct group *group = ctx;
	struct batch *batch = group->batch, *next;
	struct front *front = batch->call->front;

	group->state = GROUP_DONE;
	group->err = err;
	front->batch_groups--;
	batch->running--;
	batch->unfinished--;
	pump(batch);
	/* The batch may be gone; the place that became free is for whoever waits longest. */
	while (front->batch_groups < GROUPS_RUNNING_MAX_OF_ALL &&
	       (next = TAILQ_FIRST(&front->waiting_batches)) != NULL) {
		stop_waiting(next);
		pump(next);
	}
}

static int has_pending(const struct group *group)
{
	size_t i;

	for (i = 0; i < group->count; i++)
		if (group->rows[i].status == ENROLMENT_PENDING)
			return 1;
	return 0;
}

static void start(struct batch *batch, struct group *group)
{
	struct enrolment *rows[ENROL_GROUP_MAX];
	size_t i;

	if (!has_pending(group)) {
		group->state = GROUP_DONE;
		batch->unfinished--;
		return;
	}
	group->state = GROUP_RUNNING;
	batch->running++;
	batch->call->front->batch_groups++;
	for (i = 0; i < group->count; i++)
		rows[i] = &group->rows[i];
	enrol_start(batch->call, rows, group->count, ENROL_WITH_CODES, on_group_done, group);
}

/* The last group may still be growing: it starts when nothing else runs (a station that sends row
 * by row and waits must get its answer), or when no more comes; full ones start as others end. */
static void start_groups(struct batch *batch)
{
	struct group *group;

	TAILQ_FOREACH(group, &batch->groups, entry)
	{
		int growing = TAILQ_NEXT(group, entry) == NULL && !batch->input_ended &&
			      group->count < ENROL_GROUP_MAX;

		if (batch->running >= GROUPS_RUNNING_MAX)
			return;
		if (group->state != GROUP_FILLING || (growing && batch->running > 0))
			continue;
		if (batch->call->front->batch_groups >= GROUPS_RUNNING_MAX_OF_ALL) {
			wait_for_others(batch);
			return;
		}
		start(batch, group);
	}
}

static void set_pace(struct batch *batch)
{
	int pause = batch->unfinished > GROUPS_RUNNING_MAX && !batch->input_ended;

	if (pause == batch->paused)
		return;
	batch->paused = pause;
	if (pause)
		exchange_pause(batch->call->exchange);
	else
		exchange_resume(batch->call->exchange);
}

/* After anything has changed: start, write, go on reading, or end. The batch may be gone after it.
 */
static void pump(struct batch *batch)
{
	if (batch->failed == ERR_OK)
		start_groups(batch);
	write_what_is_done(batch);
	if (batch->running > 0) {
		if (batch->failed == ERR_OK)
			set_pace(batch);
		return;
	}
	if (batch->failed != ERR_OK || (batch->input_ended && TAILQ_EMPTY(&batch->groups)))
		finish(batch);
	else
		set_pace(batch);
}

/* --- in ------------------------------------------------------------------------------------- */

static int has_mac(const struct group *group, const struct mac *mac)
{
	size_t i;

	for (i = 0; i < group->count; i++)
		if (group->rows[i].has_mac && mac_equal(&group->rows[i].mac, mac))
			return 1;
	return 0;
}

/* Within a group a MAC stands once, so that a row repeated in one batch finds the first on record.
 */
static struct group *group_for(struct batch *batch, const struct enrolment *row)
{
	struct group *group = TAILQ_LAST(&batch->groups, group_list);

	if (group != NULL && group->state == GROUP_FILLING && group->count < ENROL_GROUP_MAX &&
	    !(row->has_mac && has_mac(group, &row->mac)))
		return group;
	group = calloc(1, sizeof(*group));
	CHECK(group != NULL);
	group->batch = batch;
	TAILQ_INSERT_TAIL(&batch->groups, group, entry);
	batch->unfinished++;
	return group;
}

static void add(struct batch *batch, const struct enrolment *row)
{
	struct group *group = group_for(batch, row);

	group->rows[group->count++] = *row;
}

static void add_line(struct batch *batch, const char *line, size_t len)
{
	struct enrolment row = {0};

	if (batch->too_many || batch_row_is_blank(line, len))
		return;
	row.row = ++batch->rows;
	if (batch->rows > BATCH_ROWS_MAX) {
		batch->too_many = 1;
		enrolment_refuse(&row, ENROLMENT_BAD_ROW,
		    "more than %d rows in one request; send the rest in another", BATCH_ROWS_MAX);
	} else {
		batch_row_read(line, len, &row);
	}
	add(batch, &row);
}

static void add_long_line(struct batch *batch)
{
	struct enrolment row = {.row = ++batch->rows};

	enrolment_refuse(&row, ENROLMENT_BAD_ROW, "a line of more than %d bytes", BATCH_LINE_MAX);
	add(batch, &row);
}

/* One line, or the beginning of one. `complete`: its LF was seen. */
static void take_text(struct batch *batch, const char *text, size_t len, int complete)
{
	if (!batch->skipping && batch->line.len + len > BATCH_LINE_MAX) {
		batch->skipping = 1;
		buf_clear(&batch->line);
		if (!batch->too_many)
			add_long_line(batch);
	}
	if (batch->skipping) {
		batch->skipping = !complete;
		return;
	}
	if (complete && batch->line.len == 0) {
		add_line(batch, text, len);
		return;
	}
	buf_put(&batch->line, text, len);
	if (complete) {
		add_line(batch, (const char *)batch->line.bytes, batch->line.len);
		buf_clear(&batch->line);
	}
}

static void on_piece(struct exchange *exchange, const char *bytes, size_t len, void *ctx)
{
	struct batch *batch = ctx;
	const char *end;

	(void)exchange;
	if (batch->failed != ERR_OK)
		return; /* what runs is waited for, nothing new begins */
	if (len == 0) {
		if (batch->line.len > 0)
			take_text(batch, "", 0, 1);
		batch->input_ended = 1;
	}
	while (len > 0) {
		end = memchr(bytes, '\n', len);
		take_text(batch, bytes, end ? (size_t)(end - bytes) : len, end != NULL);
		len -= end ? (size_t)(end - bytes) + 1 : len;
		bytes = end ? end + 1 : bytes;
	}
	pump(batch);
}

static void on_close(struct exchange *exchange, void *ctx)
{
	struct batch *batch = ctx;

	(void)exchange;
	if (batch->failed == ERR_OK)
		batch->failed = ERR_CLOSED;
	pump(batch);
}

static void on_order(struct call *call)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	CHECK(batch != NULL);
	batch->call = call;
	TAILQ_INIT(&batch->groups);
	call->front->batches++;
	call->work = batch;
	call->release_work = batch_free;
	exchange_extend_deadline(call->exchange, BATCH_DEADLINE_MS);
	exchange_on_close(call->exchange, on_close, batch);
	exchange_stream_body(
	    call->exchange, (uint64_t)BATCH_ROWS_MAX * BATCH_LINE_MAX, on_piece, batch);
}

void handle_batch(struct call *call)
{
	if (call->front->batches >= BATCHES_MAX) {
		call_unavailable(call, "a free place for one more batch");
		return;
	}
	call_load_order(call, on_order);
}
