/*
 * The handle: submissions with their deadlines, and one link after another to carry them.
 *
 * A submission waits while there is no link, goes out the moment there is one, and is called back
 * once: with its rows, or with the one reason it failed. A link that is lost or stuck fails what it
 * carried (nobody knows what of it was done); what was not sent yet waits for the next link, until
 * its deadline. Runs in the worker's event loop; every failure is told from an event of its own.
 */
#include "common/db/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/db/internal.h"

enum {
	CONNECT_MS_DEFAULT = 3000,
	DEADLINE_MS_DEFAULT = 5000,
	QUEUE_MAX_DEFAULT = 1024,
	BACKOFF_MIN_MS = 50,
	BACKOFF_MAX_MS = 1000,
	/* A link that served this long was a good one: the next attempt is quick again. */
	GOOD_LINK_MS = 2000,
	RUN_ONCE_MS = 30000
};

static void on_retry(evutil_socket_t fd, short what, void *ctx);
static void on_deadline(evutil_socket_t fd, short what, void *ctx);
static void on_deferred(evutil_socket_t fd, short what, void *ctx);

static void arm_ms(struct event *timer, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	struct timeval timeout = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	event_add(timer, &timeout);
}

static unsigned or_default(unsigned value, unsigned fallback)
{
	return value != 0 ? value : fallback;
}

struct pg *pg_new(const struct pg_config *config)
{
	char why[PG_REASON_LEN];

	enum err err = pg_check_conninfo(config->conninfo, why, sizeof(why));
	if (err != ERR_OK)
		LOG_ERROR("database_conninfo_refused", log_str("reason", why));
	CHECK(err == ERR_OK);
	struct pg *pg = calloc(1, sizeof(*pg));
	CHECK(pg != NULL);
	pg->base = config->base;
	pg->conninfo = strdup(config->conninfo);
	pg->statements = config->statements;
	pg->prepare = config->prepare;
	pg->connect_ms = or_default(config->connect_ms, CONNECT_MS_DEFAULT);
	pg->deadline_ms = or_default(config->deadline_ms, DEADLINE_MS_DEFAULT);
	pg->queue_max = config->queue_max != 0 ? config->queue_max : QUEUE_MAX_DEFAULT;
	pg->on_state = config->on_state;
	pg->ctx = config->ctx;
	TAILQ_INIT(&pg->waiting);
	TAILQ_INIT(&pg->sent);
	TAILQ_INIT(&pg->failed);
	pg->retry = event_new(pg->base, -1, 0, on_retry, pg);
	pg->deadline = event_new(pg->base, -1, 0, on_deadline, pg);
	pg->deferred = event_new(pg->base, -1, 0, on_deferred, pg);
	CHECK(pg->conninfo != NULL && pg->retry != NULL && pg->deadline != NULL &&
	      pg->deferred != NULL);
	snprintf(pg->reason, sizeof(pg->reason), "not connected yet");
	arm_ms(pg->retry, 0);
	return pg;
}

void pg_enter(struct pg *pg)
{
	pg->depth++;
}

void pg_leave(struct pg *pg)
{
	if (--pg->depth > 0 || !pg->is_closing)
		return;
	bytes_wipe(pg->conninfo, strlen(pg->conninfo));
	free(pg->conninfo);
	free(pg);
}

int pg_is_ready(const struct pg *pg)
{
	return pg->link != NULL && pg_link_is_ready(pg->link);
}

size_t pg_pending(const struct pg *pg)
{
	return pg->in_flight + pg->undelivered;
}

static void tell_state(struct pg *pg, int is_ready)
{
	if (pg->was_ready == is_ready)
		return;
	pg->was_ready = is_ready;
	if (pg->on_state != NULL)
		pg->on_state(is_ready, pg->ctx);
}

/* Calls back, once, and forgets the submission, which is on no list any more. */
static void deliver(struct submission *submission)
{
	const struct pg_rows *rows[PG_CALLS_MAX];

	if (submission->error.err != ERR_OK) {
		submission->done(&submission->error, NULL, 0, submission->ctx);
	} else {
		for (size_t i = 0; i < submission->count; i++)
			rows[i] = &submission->rows[i];
		submission->done(NULL, rows, submission->count, submission->ctx);
	}
	for (size_t i = 0; i < submission->count; i++) {
		pg_params_free(submission->calls[i].params);
		PQclear(submission->rows[i].result);
	}
	free(submission);
}

void pg_finish_head(struct pg *pg)
{
	struct submission *submission = TAILQ_FIRST(&pg->sent);

	TAILQ_REMOVE(&pg->sent, submission, link);
	pg->in_flight--;
	CHECK(submission->error.err != ERR_OK || submission->result_count == submission->count);
	deliver(submission);
}

void pg_repeat_head(struct pg *pg)
{
	struct submission *submission = TAILQ_FIRST(&pg->sent), *younger;

	TAILQ_REMOVE(&pg->sent, submission, link);
	for (size_t i = 0; i < submission->result_count; i++)
		PQclear(submission->rows[i].result);
	memset(submission->rows, 0, sizeof(submission->rows));
	submission->result_count = 0;
	submission->error = (struct pg_error){.err = ERR_OK};
	submission->is_repeated = 1;
	/* Those that wait are in the order of their deadlines. */
	TAILQ_FOREACH(younger, &pg->waiting, link)
	if (younger->deadline_ms > submission->deadline_ms)
		break;
	if (younger != NULL)
		TAILQ_INSERT_BEFORE(younger, submission, link);
	else
		TAILQ_INSERT_TAIL(&pg->waiting, submission, link);
}

/* The submission is on no list; its callback comes from the deferred event. */
static void fail_later(
    struct pg *pg, struct submission *submission, enum err err, const char *message)
{
	pg_error_set(&submission->error, err, message);
	TAILQ_INSERT_TAIL(&pg->failed, submission, link);
	pg->undelivered++;
	event_active(pg->deferred, EV_TIMEOUT, 0);
}

/* Fails the head of a list. */
static void fail_head(
    struct pg *pg, struct submission_list *list, enum err err, const char *message)
{
	struct submission *submission = TAILQ_FIRST(list);

	TAILQ_REMOVE(list, submission, link);
	pg->in_flight--;
	fail_later(pg, submission, err, message);
	submission->error.outcome_unknown = list == &pg->sent;
}

static void fail_all(struct pg *pg, struct submission_list *list, enum err err, const char *message)
{
	while (!TAILQ_EMPTY(list))
		fail_head(pg, list, err, message);
}

/* Calls back those that failed up to now; callbacks may add more, which have their own turn. */
static void deliver_failed(struct pg *pg)
{
	size_t count = pg->undelivered;

	for (; count > 0 && !TAILQ_EMPTY(&pg->failed); count--) {
		struct submission *submission = TAILQ_FIRST(&pg->failed);

		TAILQ_REMOVE(&pg->failed, submission, link);
		pg->undelivered--;
		deliver(submission);
	}
}

static void send_waiting(struct pg *pg)
{
	while (!TAILQ_EMPTY(&pg->waiting) && pg_is_ready(pg) && pg_link_can_send(pg->link)) {
		struct submission *submission = TAILQ_FIRST(&pg->waiting);

		TAILQ_REMOVE(&pg->waiting, submission, link);
		TAILQ_INSERT_TAIL(&pg->sent, submission, link);
		pg_link_send(pg->link, submission);
	}
}

/* All wait equally long, so the oldest is the first of those sent, else of those waiting. */
static const struct submission *oldest(const struct pg *pg)
{
	const struct submission *submission = TAILQ_FIRST(&pg->sent);

	return submission != NULL ? submission : TAILQ_FIRST(&pg->waiting);
}

static void arm_deadline(struct pg *pg)
{
	const struct submission *submission = oldest(pg);

	if (submission != NULL && !event_pending(pg->deadline, EV_TIMEOUT, NULL))
		arm_ms(pg->deadline, submission->deadline_ms - clock_monotonic_ms());
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;
	int64_t now_ms = clock_monotonic_ms();
	(void)fd;
	(void)what;

	while (!TAILQ_EMPTY(&pg->sent) && TAILQ_FIRST(&pg->sent)->deadline_ms <= now_ms) {
		fail_head(pg, &pg->sent, ERR_TIMEOUT, "no answer before the deadline");
		/* Answers come in order: whatever is behind it is stuck as well. */
		pg_link_break(pg->link, "no answer before the deadline");
	}
	while (!TAILQ_EMPTY(&pg->waiting) && TAILQ_FIRST(&pg->waiting)->deadline_ms <= now_ms)
		fail_head(pg, &pg->waiting, ERR_UNAVAILABLE, pg->reason);
	arm_deadline(pg);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;
	(void)fd;
	(void)what;

	pg->link = pg_link_new(pg);
}

void pg_link_became_ready(struct pg *pg)
{
	pg->ready_since_ms = clock_monotonic_ms();
	if (!pg->one_shot)
		LOG_INFO("database_ready");
	tell_state(pg, 1);
	if (!pg->is_closing)
		send_waiting(pg);
}

/* Delays double from BACKOFF_MIN_MS to BACKOFF_MAX_MS; half of each is chance, so that a server
 * that comes back is not met by all workers at once. */
static unsigned next_retry_ms(struct pg *pg)
{
	int was_good = pg->was_ready && clock_monotonic_ms() - pg->ready_since_ms >= GOOD_LINK_MS;

	pg->backoff_ms = was_good || pg->backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * pg->backoff_ms;
	if (pg->backoff_ms > BACKOFF_MAX_MS)
		pg->backoff_ms = BACKOFF_MAX_MS;
	return pg->backoff_ms / 2 + random_below(pg->backoff_ms / 2);
}

/* Clears away a broken link. What it carried may or may not have been done. */
static void bury_link(struct pg *pg)
{
	unsigned retry_ms = next_retry_ms(pg);

	pg_link_free(pg->link);
	pg->link = NULL;
	fail_all(pg, &pg->sent, ERR_UNAVAILABLE, pg->reason);
	if (pg->one_shot)
		fail_all(pg, &pg->waiting, ERR_UNAVAILABLE, pg->reason);
	else
		arm_ms(pg->retry, retry_ms);
	if (!pg->one_shot && log_gate_open(&pg->unavailable_gate))
		LOG_WARN("database_unavailable", log_str("reason", pg->reason),
		    log_uint("retry_ms", retry_ms),
		    log_uint("suppressed", pg->unavailable_gate.suppressed));
}

static void on_deferred(evutil_socket_t fd, short what, void *ctx)
{
	struct pg *pg = ctx;
	(void)fd;
	(void)what;

	pg_enter(pg);
	if (pg->link != NULL && pg_link_is_broken(pg->link)) {
		bury_link(pg);
		tell_state(pg, 0);
	}
	if (!pg->is_closing)
		deliver_failed(pg);
	pg_leave(pg);
}

void pg_free(struct pg *pg)
{
	if (pg == NULL)
		return;
	CHECK(!pg->is_closing);
	pg_enter(pg);
	pg->is_closing = 1;
	pg_link_free(pg->link);
	pg->link = NULL;
	fail_all(pg, &pg->sent, ERR_CLOSED, "the connection is closing");
	fail_all(pg, &pg->waiting, ERR_CLOSED, "the connection is closing");
	while (!TAILQ_EMPTY(&pg->failed))
		deliver_failed(pg);
	event_free(pg->retry);
	event_free(pg->deadline);
	event_free(pg->deferred);
	pg_leave(pg);
}

/* A statement that was not prepared would fail at the server, in production. */
static int is_known(const struct pg *pg, const struct pg_statement *statement)
{
	if (!pg->prepare)
		return 1;
	for (size_t i = 0; pg->statements != NULL && pg->statements[i] != NULL; i++)
		if (pg->statements[i] == statement)
			return 1;
	return 0;
}

static const char *parameter_fault(const struct pg_call *calls, size_t count)
{
	const char *fault = NULL;

	for (size_t i = 0; i < count && fault == NULL; i++)
		fault = pg_params_fault(calls[i].params);
	return fault;
}

void pg_submit(
    struct pg *pg, const struct pg_call *calls, size_t count, pg_done_fn *done, void *ctx)
{
	CHECK(count >= 1 && count <= PG_CALLS_MAX);
	struct submission *submission = calloc(1, sizeof(*submission));
	CHECK(submission != NULL);
	for (size_t i = 0; i < count; i++) {
		CHECK(is_known(pg, calls[i].statement));
		submission->calls[i] = calls[i];
	}
	submission->count = count;
	submission->done = done;
	submission->ctx = ctx;
	submission->deadline_ms = clock_monotonic_ms() + pg->deadline_ms;

	const char *fault = parameter_fault(calls, count);
	if (pg->is_closing) {
		fail_later(pg, submission, ERR_CLOSED, "the connection is closing");
	} else if (fault != NULL) {
		fail_later(pg, submission, ERR_REFUSED, fault);
	} else if (pg->in_flight >= pg->queue_max) {
		fail_later(pg, submission, ERR_FULL, "the queue is full");
	} else {
		TAILQ_INSERT_TAIL(&pg->waiting, submission, link);
		pg->in_flight++;
		arm_deadline(pg);
		send_waiting(pg);
	}
}

struct once {
	void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx);
	void *ctx;
	struct pg_error *error;
	struct event_base *base;
};

static void once_done(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct once *once = ctx;

	if (error != NULL)
		*once->error = *error;
	else if (once->use != NULL)
		once->use(rows, count, once->ctx);
	event_base_loopbreak(once->base);
}

enum err pg_run_once(const char *conninfo, const struct pg_call *calls, size_t count,
    void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx), void *ctx,
    struct pg_error *error)
{
	struct pg_error result = {.err = ERR_OK};
	struct once once = {.use = use, .ctx = ctx, .error = &result, .base = event_base_new()};
	char why[sizeof(result.message)];

	CHECK(once.base != NULL);
	if (pg_check_conninfo(conninfo, why, sizeof(why)) != ERR_OK) {
		for (size_t i = 0; i < count; i++)
			pg_params_free(calls[i].params);
		pg_error_set(&result, ERR_REFUSED, why);
	} else {
		struct pg *pg = pg_new(&(struct pg_config){.base = once.base,
		    .conninfo = conninfo,
		    .connect_ms = RUN_ONCE_MS,
		    .deadline_ms = RUN_ONCE_MS});
		pg->one_shot = 1;
		pg_submit(pg, calls, count, once_done, &once);
		event_base_dispatch(once.base);
		pg_free(pg);
	}
	event_base_free(once.base);
	if (error != NULL)
		*error = result;
	return result.err;
}
