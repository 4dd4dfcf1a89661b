/*
 * One pipelined connection to PostgreSQL on the event loop.
 *
 * A submission is in exactly one list: waiting (not sent), sent (in the pipeline, answered in
 * order), or finished (its callback is due, from an event of its own so that no callback runs
 * inside another). Connecting, preparing, working and backing off are the states of the link; when
 * it breaks, what was sent fails, what waits goes on waiting until its deadline. Runs in workers;
 * trusts the server, not the network to it.
 */
#include "common/db/pg.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/db/params.h"
#include "common/db/result.h"

enum { CALLS_MAX = 8, BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 5000, RUN_ONCE_MS = 30000 };

struct submission {
	TAILQ_ENTRY(submission) link;
	const struct pg_statement *statements[CALLS_MAX];
	struct pg_params *params[CALLS_MAX];
	size_t count;
	int64_t deadline_ms;
	pg_done_fn *done;
	void *ctx;
	struct pg_rows rows[CALLS_MAX]; /* results that came so far */
	size_t row_count;
	struct pg_error error; /* err is ERR_OK while all is well */
};
TAILQ_HEAD(submission_list, submission);

enum link_state { LINK_BACKING_OFF, LINK_CONNECTING, LINK_PREPARING, LINK_READY };

struct pg {
	struct pg_config config;
	char *conninfo;
	enum link_state state;
	PGconn *conn;
	struct event *readable, *writable; /* of the connection's socket */
	struct event *timer; /* connect deadline, back-off, the oldest submission's deadline */
	struct event *kick; /* flush what was queued in this loop turn */
	struct event *finish; /* run the callbacks of the finished list */
	int64_t link_deadline_ms; /* of connecting and preparing, or the end of backing off */
	unsigned backoff_ms;
	size_t prepared; /* statements whose preparation was answered */
	int unprepared; /* statements that could not be prepared */
	struct submission_list waiting, sent, finished;
	size_t pending;
};

static void link_begin(struct pg *pg);

/* --- submissions ----------------------------------------------------------------------------- */

static void submission_free(struct submission *submission)
{
	for (size_t i = 0; i < submission->count; i++)
		pg_params_free(submission->params[i]);
	for (size_t i = 0; i < submission->row_count; i++)
		PQclear(submission->rows[i].result);
	free(submission);
}

/* Tells the caller, once, and forgets. */
static void submission_finish(struct pg *pg, struct submission *submission)
{
	const struct pg_rows *rows[CALLS_MAX];

	pg->pending--;
	if (submission->error.err != ERR_OK) {
		submission->done(&submission->error, NULL, 0, submission->ctx);
	} else {
		for (size_t i = 0; i < submission->row_count; i++)
			rows[i] = &submission->rows[i];
		submission->done(NULL, rows, submission->row_count, submission->ctx);
	}
	submission_free(submission);
}

/* Out of whatever list it is in; its callback runs from the finish event. */
static void submission_fail(struct pg *pg, struct submission_list *list,
    struct submission *submission, enum err err, const char *message)
{
	pg_error_set(&submission->error, err, message);
	submission->error.outcome_unknown = list == &pg->sent;
	TAILQ_REMOVE(list, submission, link);
	TAILQ_INSERT_TAIL(&pg->finished, submission, link);
	event_active(pg->finish, EV_TIMEOUT, 0);
}

static void fail_all(struct pg *pg, struct submission_list *list, enum err err, const char *message)
{
	while (!TAILQ_EMPTY(list))
		submission_fail(pg, list, TAILQ_FIRST(list), err, message);
}

static void on_finish(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;
	struct submission *submission;

	(void)fd, (void)what;
	while ((submission = TAILQ_FIRST(&pg->finished)) != NULL) {
		TAILQ_REMOVE(&pg->finished, submission, link);
		submission_finish(pg, submission);
	}
}

/* --- the timer ------------------------------------------------------------------------------- */

static void timer_arm(struct pg *pg)
{
	int64_t next_ms = pg->state != LINK_READY ? pg->link_deadline_ms : INT64_MAX;

	/* All submissions have one time allowance, so that the first of each list is its oldest. */
	const struct submission *sent = TAILQ_FIRST(&pg->sent),
				*waiting = TAILQ_FIRST(&pg->waiting);
	if (sent != NULL && sent->deadline_ms < next_ms)
		next_ms = sent->deadline_ms;
	if (waiting != NULL && waiting->deadline_ms < next_ms)
		next_ms = waiting->deadline_ms;
	if (next_ms == INT64_MAX) {
		event_del(pg->timer);
		return;
	}
	int64_t left_ms = next_ms - clock_monotonic_ms();
	if (left_ms < 0)
		left_ms = 0;
	event_add(pg->timer,
	    &(struct timeval){.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000});
}

/* --- the link -------------------------------------------------------------------------------- */

static void socket_events_free(struct pg *pg)
{
	if (pg->readable != NULL)
		event_free(pg->readable);
	if (pg->writable != NULL)
		event_free(pg->writable);
	pg->readable = pg->writable = NULL;
}

static void link_set_state(struct pg *pg, enum link_state state)
{
	int was_ready = pg->state == LINK_READY;

	pg->state = state;
	if (was_ready != (state == LINK_READY) && pg->config.on_state != NULL)
		pg->config.on_state(state == LINK_READY, pg->config.ctx);
}

/* Drops the connection, fails what was sent on it, and tries again after a while. */
static void link_break(struct pg *pg, const char *reason)
{
	static struct log_gate gate;

	if (log_gate_open(&gate))
		LOG_WARN("database_link_broken", log_str("reason", reason),
		    log_uint("unanswered", pg->pending), log_uint("suppressed", gate.suppressed));
	fail_all(pg, &pg->sent, ERR_UNAVAILABLE, reason);
	socket_events_free(pg);
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->link_deadline_ms =
	    clock_monotonic_ms() + pg->backoff_ms / 2 + random_below(pg->backoff_ms / 2 + 1);
	pg->backoff_ms = pg->backoff_ms * 2 < BACKOFF_MAX_MS ? pg->backoff_ms * 2 : BACKOFF_MAX_MS;
	link_set_state(pg, LINK_BACKING_OFF);
	timer_arm(pg);
}

/* libpq's own words about the connection, for the log. */
static void link_break_by_libpq(struct pg *pg)
{
	struct pg_error error;

	pg_error_set(&error, ERR_UNAVAILABLE, PQerrorMessage(pg->conn));
	link_break(pg, error.message[0] != '\0' ? error.message : "connection lost");
}

/* 0 when the link broke. */
static int link_flush(struct pg *pg)
{
	int left = PQflush(pg->conn);

	if (left < 0) {
		link_break_by_libpq(pg);
		return 0;
	}
	if (left > 0)
		event_add(pg->writable, NULL);
	else
		event_del(pg->writable);
	return 1;
}

static int submission_send(struct pg *pg, const struct submission *submission)
{
	struct pg_params_view view;

	for (size_t i = 0; i < submission->count; i++) {
		const struct pg_statement *statement = submission->statements[i];
		pg_params_view(submission->params[i], &view);
		int sent = pg->config.prepare
			       ? PQsendQueryPrepared(pg->conn, statement->name, view.count,
				     view.values, view.lengths, view.formats, 0)
			       : PQsendQueryParams(pg->conn, statement->sql, view.count, NULL,
				     view.values, view.lengths, view.formats, 0);
		if (sent != 1)
			return 0;
	}
	return PQpipelineSync(pg->conn) == 1;
}

/* Sends all that waits; it is flushed when the loop turn ends. */
static void send_waiting(struct pg *pg)
{
	struct submission *submission;

	while (pg->state == LINK_READY && (submission = TAILQ_FIRST(&pg->waiting)) != NULL) {
		TAILQ_REMOVE(&pg->waiting, submission, link);
		TAILQ_INSERT_TAIL(&pg->sent, submission, link);
		if (!submission_send(pg, submission)) {
			link_break_by_libpq(pg);
			return;
		}
		event_active(pg->kick, EV_WRITE, 0);
	}
}

static void on_kick(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;

	(void)fd, (void)what;
	if (pg->state == LINK_READY)
		(void)link_flush(pg);
}

/* --- reading results ------------------------------------------------------------------------- */

/* One result of the preparation: an answer, or the sync that ends it. */
static void take_preparation(struct pg *pg, const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	struct pg_error error;

	if (status == PGRES_PIPELINE_SYNC) {
		if (pg->config.statements[pg->prepared] != NULL)
			pg->prepared++;
		if (pg->config.prepare && pg->config.statements[pg->prepared] != NULL)
			return;
		if (pg->unprepared > 0) {
			link_break(
			    pg, "the database's schema does not fit this program: run sql/migrate");
			return;
		}
		pg->backoff_ms = BACKOFF_FIRST_MS;
		link_set_state(pg, LINK_READY);
		send_waiting(pg);
	} else if (status == PGRES_FATAL_ERROR) {
		pg_error_from_result(result, &error);
		LOG_ERROR("statement_unusable",
		    log_str("statement", pg->config.statements[pg->prepared]->name),
		    log_str("sqlstate", error.sqlstate), log_str("message", error.message));
		pg->unprepared++;
	}
}

/* One result of the oldest submission; takes it. 1 when that submission is complete. */
static int take_result(struct pg *pg, struct submission *submission, PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		CHECK(submission->row_count < submission->count);
		submission->rows[submission->row_count++].result = result;
		return 0;
	case PGRES_PIPELINE_SYNC:
		PQclear(result);
		TAILQ_REMOVE(&pg->sent, submission, link);
		return 1;
	case PGRES_PIPELINE_ABORTED:
		PQclear(result);
		return 0;
	default:
		pg_error_from_result(result, &submission->error);
		PQclear(result);
		return 0;
	}
}

/* Takes every result that has come. A callback may submit more; it may not free the handle. */
static void take_results(struct pg *pg)
{
	while (pg->conn != NULL && PQisBusy(pg->conn) == 0) {
		PGresult *result = PQgetResult(pg->conn);
		if (result == NULL) {
			/* The end of one statement's results; twice in a row means nothing is due.
			 */
			if (PQisBusy(pg->conn) != 0 || (result = PQgetResult(pg->conn)) == NULL)
				return;
		}
		if (pg->state == LINK_PREPARING) {
			take_preparation(pg, result);
			PQclear(result);
			continue;
		}
		struct submission *submission = TAILQ_FIRST(&pg->sent);
		if (submission == NULL) {
			PQclear(result);
			link_break(pg, "an answer to nothing that was asked");
			return;
		}
		if (take_result(pg, submission, result))
			submission_finish(pg, submission);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;

	(void)fd;
	if ((what & EV_READ) != 0 && PQconsumeInput(pg->conn) != 1) {
		/* What came before the break still counts. */
		take_results(pg);
		if (pg->conn != NULL)
			link_break_by_libpq(pg);
		return;
	}
	if (!link_flush(pg))
		return;
	take_results(pg);
	if (pg->conn != NULL && PQstatus(pg->conn) == CONNECTION_BAD)
		link_break_by_libpq(pg);
	timer_arm(pg);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void socket_events_new(struct pg *pg, event_callback_fn on_event, short read_flags)
{
	evutil_socket_t fd = PQsocket(pg->conn);

	socket_events_free(pg);
	pg->readable = event_new(pg->config.base, fd, (short)(EV_READ | read_flags), on_event, pg);
	pg->writable = event_new(pg->config.base, fd, (short)(EV_WRITE | read_flags), on_event, pg);
	CHECK(pg->readable != NULL && pg->writable != NULL);
}

/* The connection stands: pipeline mode, then every statement with a sync of its own. */
static void link_prepare(struct pg *pg)
{
	const struct pg_statement *const *statement = pg->config.statements;

	socket_events_new(pg, on_socket, EV_PERSIST);
	event_add(pg->readable, NULL);
	pg->prepared = 0;
	pg->unprepared = 0;
	link_set_state(pg, LINK_PREPARING);
	int sent = PQsetnonblocking(pg->conn, 1) == 0 && PQenterPipelineMode(pg->conn) == 1;
	for (; sent && pg->config.prepare && *statement != NULL; statement++)
		sent =
		    PQsendPrepare(pg->conn, (*statement)->name, (*statement)->sql, 0, NULL) == 1 &&
		    PQpipelineSync(pg->conn) == 1;
	if (sent && statement == pg->config.statements)
		sent = PQpipelineSync(pg->conn) ==
		       1; /* nothing to prepare: the sync alone is waited for */
	if (!sent)
		link_break_by_libpq(pg);
	else
		(void)link_flush(pg);
}

static void on_connecting(evutil_socket_t fd, short what, void *ctx);

/* Waits for what libpq asks for; the socket may be another one after each poll. */
static void link_poll(struct pg *pg, PostgresPollingStatusType status)
{
	switch (status) {
	case PGRES_POLLING_OK:
		link_prepare(pg);
		break;
	case PGRES_POLLING_READING:
	case PGRES_POLLING_WRITING:
		socket_events_new(pg, on_connecting, 0);
		event_add(status == PGRES_POLLING_READING ? pg->readable : pg->writable, NULL);
		break;
	default:
		link_break_by_libpq(pg);
	}
}

static void on_connecting(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;

	(void)fd, (void)what;
	link_poll(pg, PQconnectPoll(pg->conn));
	timer_arm(pg);
}

static void link_begin(struct pg *pg)
{
	const char *const keywords[] = {
	    "dbname", "fallback_application_name", "client_encoding", "options", NULL};
	const char *const values[] = {pg->conninfo, "firstring", "UTF8",
	    "-c bytea_output=hex -c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601", NULL};

	link_set_state(pg, LINK_CONNECTING);
	pg->link_deadline_ms = clock_monotonic_ms() + pg->config.connect_ms;
	pg->conn = PQconnectStartParams(keywords, values, 1);
	CHECK(pg->conn != NULL);
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		link_break_by_libpq(pg);
	else
		link_poll(pg, PGRES_POLLING_WRITING);
	timer_arm(pg);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;
	int64_t now_ms = clock_monotonic_ms();
	struct submission *submission;

	(void)fd, (void)what;
	while (
	    (submission = TAILQ_FIRST(&pg->waiting)) != NULL && submission->deadline_ms <= now_ms)
		submission_fail(
		    pg, &pg->waiting, submission, ERR_UNAVAILABLE, "no connection in time");
	if ((submission = TAILQ_FIRST(&pg->sent)) != NULL && submission->deadline_ms <= now_ms) {
		/* Answers come in order: what is behind the stuck one is stuck as well. */
		submission_fail(pg, &pg->sent, submission, ERR_TIMEOUT, "no answer in time");
		link_break(pg, "a statement was not answered in time");
	} else if (pg->state == LINK_BACKING_OFF && pg->link_deadline_ms <= now_ms) {
		link_begin(pg);
	} else if (pg->state != LINK_READY && pg->state != LINK_BACKING_OFF &&
		   pg->link_deadline_ms <= now_ms) {
		link_break(pg, "no connection in time");
	}
	timer_arm(pg);
}

/* --- the handle ------------------------------------------------------------------------------ */

enum err pg_check_conninfo(const char *conninfo, char *why, size_t why_len)
{
	char *message = NULL;
	const char *host = NULL;
	int has_address = 0;
	enum err err = ERR_OK;

	PQconninfoOption *options = PQconninfoParse(conninfo, &message);
	if (options == NULL) {
		snprintf(why, why_len, "%s", message != NULL ? message : "out of memory");
		PQfreemem(message);
		return ERR_SYNTAX;
	}
	for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
		if (strcmp(option->keyword, "host") == 0)
			host = option->val;
		if (strcmp(option->keyword, "hostaddr") == 0)
			has_address = option->val != NULL;
	}
	if (host != NULL && host[0] != '/' && !has_address) {
		snprintf(why, why_len,
		    "host \"%.80s\" would have to be resolved, which blocks: give the folder of a "
		    "Unix "
		    "socket, or hostaddr",
		    host);
		err = ERR_SYNTAX;
	}
	PQconninfoFree(options);
	return err;
}

struct pg *pg_new(const struct pg_config *config)
{
	struct pg *pg = calloc(1, sizeof *pg);

	CHECK(pg != NULL && config->base != NULL && config->statements != NULL);
	pg->config = *config;
	pg->conninfo = strdup(config->conninfo);
	pg->backoff_ms = BACKOFF_FIRST_MS;
	TAILQ_INIT(&pg->waiting);
	TAILQ_INIT(&pg->sent);
	TAILQ_INIT(&pg->finished);
	pg->timer = event_new(config->base, -1, 0, on_timer, pg);
	pg->kick = event_new(config->base, -1, 0, on_kick, pg);
	pg->finish = event_new(config->base, -1, 0, on_finish, pg);
	CHECK(pg->conninfo != NULL && pg->timer != NULL && pg->kick != NULL && pg->finish != NULL);
	link_begin(pg);
	return pg;
}

void pg_free(struct pg *pg)
{
	if (pg == NULL)
		return;
	fail_all(pg, &pg->sent, ERR_CLOSED, "closing");
	fail_all(pg, &pg->waiting, ERR_CLOSED, "closing");
	on_finish(-1, 0, pg);
	socket_events_free(pg);
	event_free(pg->timer);
	event_free(pg->kick);
	event_free(pg->finish);
	PQfinish(pg->conn);
	free(pg->conninfo);
	free(pg);
}

int pg_is_ready(const struct pg *pg)
{
	return pg->state == LINK_READY;
}

size_t pg_pending(const struct pg *pg)
{
	return pg->pending;
}

void pg_submit(
    struct pg *pg, const struct pg_call *calls, size_t count, pg_done_fn *done, void *ctx)
{
	struct submission *submission = calloc(1, sizeof *submission);

	CHECK(submission != NULL && count >= 1 && count <= CALLS_MAX);
	submission->count = count;
	submission->done = done;
	submission->ctx = ctx;
	submission->deadline_ms = clock_monotonic_ms() + pg->config.deadline_ms;
	for (size_t i = 0; i < count; i++) {
		submission->statements[i] = calls[i].statement;
		submission->params[i] = calls[i].params;
	}
	TAILQ_INSERT_TAIL(&pg->waiting, submission, link);
	if (pg->pending++ >= pg->config.queue_max)
		submission_fail(pg, &pg->waiting, submission, ERR_FULL, "the queue is full");
	else
		send_waiting(pg);
	timer_arm(pg);
}

/* --- for commands ---------------------------------------------------------------------------- */

struct run_once {
	struct event_base *base;
	void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx);
	void *ctx;
	struct pg_error *error;
};

static void on_run_once(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct run_once *run = ctx;

	if (error != NULL)
		*run->error = *error;
	else if (run->use != NULL)
		run->use(rows, count, run->ctx);
	event_base_loopbreak(run->base);
}

enum err pg_run_once(const char *conninfo, const struct pg_call *calls, size_t count,
    void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx), void *ctx,
    struct pg_error *error)
{
	const struct pg_statement *statements[CALLS_MAX + 1] = {NULL};
	struct run_once run = {.base = event_base_new(), .use = use, .ctx = ctx, .error = error};

	CHECK(run.base != NULL && count <= CALLS_MAX);
	*error = (struct pg_error){.err = ERR_OK};
	for (size_t i = 0; i < count; i++)
		statements[i] = calls[i].statement;
	struct pg *pg = pg_new(&(struct pg_config){.base = run.base,
	    .conninfo = conninfo,
	    .statements = statements,
	    .connect_ms = RUN_ONCE_MS,
	    .deadline_ms = RUN_ONCE_MS,
	    .queue_max = 1});
	pg_submit(pg, calls, count, on_run_once, &run);
	event_base_dispatch(run.base);
	pg_free(pg);
	event_base_free(run.base);
	return error->err;
}
