/*
 * One connection to PostgreSQL, from its first packet to its end: connect, prepare, pipeline.
 *
 * Never blocks and never calls PQgetResult when it would wait. Every way a connection can end goes
 * through pg_link_break, which only marks it: the handle picks up what is left from its deferred
 * event, so that no callback runs inside another's and each submission is told once.
 * It does not decide when to try again; that is pg.c.
 */
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/db/internal.h"

enum link_state { LINK_CONNECTING, LINK_PREPARING, LINK_READY };

struct pg_link {
	struct pg *pg;
	PGconn *conn;
	enum link_state state;
	struct event *readable, *writable; /* on the socket; NULL before there is one */
	struct event *timer; /* until ready */
	size_t prepared; /* statements whose preparation was answered */
	int nulls; /* PQgetResult's NULLs in a row: one ends a statement's results */
	int is_retiring; /* sends nothing more, ends when nothing is in flight */
	int is_hung_up; /* sends nothing more, ends when what has arrived is read */
	int is_broken;
};

static void drop_socket_events(struct pg_link *link)
{
	if (link->readable != NULL)
		event_free(link->readable);
	if (link->writable != NULL)
		event_free(link->writable);
	link->readable = link->writable = NULL;
}

void pg_link_break(struct pg_link *link, const char *reason)
{
	struct pg *pg = link->pg;

	if (link->is_broken)
		return;
	link->is_broken = 1;
	drop_socket_events(link);
	event_del(link->timer);
	snprintf(pg->reason, sizeof(pg->reason), "%s",
	    reason != NULL && reason[0] != '\0' ? reason : "the connection was lost");
	pg->reason[strcspn(pg->reason, "\n")] = '\0';
	event_active(pg->deferred, EV_TIMEOUT, 0);
}

int pg_link_is_broken(const struct pg_link *link)
{
	return link->is_broken;
}

int pg_link_is_ready(const struct pg_link *link)
{
	return link->state == LINK_READY && !link->is_broken && !link->is_retiring &&
	       !link->is_hung_up;
}

/* libpq reads when a write fails, and when it then finds the end it forgets what it waits for, even
 * answers that it holds. So nothing is written to a server that has hung up: what it answered is
 * taken, and what was not sent waits for the next connection. */
int pg_link_can_send(struct pg_link *link)
{
	struct pollfd socket = {.fd = PQsocket(link->conn), .events = POLLRDHUP};

	if (poll(&socket, 1, 0) > 0)
		link->is_hung_up = 1;
	return pg_link_is_ready(link);
}

static void flush(struct pg_link *link)
{
	int left = PQflush(link->conn);

	if (left < 0)
		pg_link_break(link, PQerrorMessage(link->conn));
	else if (left > 0)
		event_add(link->writable, NULL);
}

static void become_ready(struct pg_link *link)
{
	link->state = LINK_READY;
	event_del(link->timer);
	pg_link_became_ready(link->pg);
}

/* One answer to a Prepare. */
static void take_prepared(struct pg_link *link, const PGresult *result)
{
	const struct pg_statement *statement = link->pg->statements[link->prepared];
	struct pg_error error;

	CHECK(statement != NULL);
	if (PQresultStatus(result) == PGRES_COMMAND_OK) {
		link->prepared++;
		return;
	}
	pg_error_from_result(result, &error);
	if (pg_error_is_outage(&error)) {
		pg_link_break(link, error.message);
		return;
	}
	if (log_gate_open(&link->pg->unusable_gate))
		LOG_ERROR("statement_unusable", log_str("statement", statement->name),
		    log_str("sqlstate", error.sqlstate), log_str("message", error.message));
	pg_link_break(
	    link, "a statement does not fit the schema: was sql/migrate run for this release?");
}

/* One result of the oldest submission. */
static void take_result(struct pg_link *link, PGresult *result)
{
	struct submission *submission = TAILQ_FIRST(&link->pg->sent);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
		CHECK(submission->result_count < submission->count);
		submission->rows[submission->result_count++].result = result;
		return;
	}
	/* COPY and simple queries have no place in a pipeline. */
	CHECK(status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED);
	if (status == PGRES_FATAL_ERROR)
		pg_error_from_result(result, &submission->error);
	PQclear(result);
}

/* The sync behind the oldest submission: it is committed, or undone. */
static void take_sync(struct pg_link *link)
{
	struct pg *pg = link->pg;

	if (link->state == LINK_PREPARING) {
		become_ready(link);
		return;
	}
	const struct submission *submission = TAILQ_FIRST(&pg->sent);
	if (pg_error_wants_new_connection(&submission->error))
		link->is_retiring = 1;
	/* A migration has changed what its plan was made for: nobody needs to know. */
	if (pg->prepare && !submission->is_repeated && pg_error_is_of_session(&submission->error))
		pg_repeat_head(pg);
	else
		pg_finish_head(pg);
}

/* All results that have arrived. A callback may close the handle, and the link with it. */
static void take_results(struct pg_link *link)
{
	struct pg *pg = link->pg;

	while (!link->is_broken && (link->state == LINK_PREPARING || !TAILQ_EMPTY(&pg->sent)) &&
	       !PQisBusy(link->conn)) {
		PGresult *result = PQgetResult(link->conn);

		link->nulls = result == NULL ? link->nulls + 1 : 0;
		if (result == NULL && link->nulls > 1) {
			/* libpq has nothing more for those that wait: the connection has ended. */
			pg_link_break(link, PQerrorMessage(link->conn));
		} else if (result == NULL) {
			continue;
		} else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			take_sync(link);
			if (pg->is_closing)
				return;
		} else if (link->state == LINK_PREPARING) {
			take_prepared(link, result);
			PQclear(result);
		} else {
			take_result(link, result);
		}
	}
	if (link->is_retiring && TAILQ_EMPTY(&pg->sent))
		pg_link_break(link, "the session is of no more use");
}

/* Reads what there is. Over TLS one read may leave the rest of a record inside OpenSSL, where no
 * event tells of it: servers from PostgreSQL 17 on write records that are larger than libpq's
 * step. 0 when the connection has ended. */
static int consume_input(PGconn *conn)
{
	const SSL *ssl = PQsslStruct(conn, "OpenSSL");
	int is_alive = PQconsumeInput(conn);

	while (is_alive && ssl != NULL && SSL_pending(ssl) > 0)
		is_alive = PQconsumeInput(conn);
	return is_alive;
}

/* What came before the end is taken first: it may hold commits. That goes for what a failed write
 * has read, too. */
static void read_and_take(struct pg_link *link)
{
	const struct pg *pg = link->pg;

	take_results(link);
	if (pg->is_closing || link->is_broken)
		return;
	int is_alive = consume_input(link->conn);

	take_results(link);
	if (!pg->is_closing && !is_alive)
		pg_link_break(link, PQerrorMessage(link->conn));
}

static void on_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct pg_link *link = ctx;
	struct pg *pg = link->pg;
	(void)fd;

	pg_enter(pg);
	if (what & EV_WRITE)
		flush(link);
	if ((what & EV_READ) && !link->is_broken)
		read_and_take(link);
	pg_leave(pg);
}

static void send_prepares(struct pg_link *link)
{
	const struct pg_statement *const *statements = link->pg->statements;
	int is_sent = 1;

	link->state = LINK_PREPARING;
	for (size_t i = 0; statements[i] != NULL && is_sent; i++)
		is_sent =
		    PQsendPrepare(link->conn, statements[i]->name, statements[i]->sql, 0, NULL);
	if (!is_sent || !PQpipelineSync(link->conn))
		pg_link_break(link, PQerrorMessage(link->conn));
	else
		flush(link);
}

static void discard_notice(void *ctx, const PGresult *result)
{
	(void)ctx;
	(void)result;
}

static void connected(struct pg_link *link)
{
	struct pg *pg = link->pg;
	int fd = PQsocket(link->conn);

	if (PQsetnonblocking(link->conn, 1) != 0 || !PQenterPipelineMode(link->conn)) {
		pg_link_break(link, PQerrorMessage(link->conn));
		return;
	}
	link->readable = event_new(pg->base, fd, EV_READ | EV_PERSIST, on_socket, link);
	link->writable = event_new(pg->base, fd, EV_WRITE, on_socket, link);
	CHECK(link->readable != NULL && link->writable != NULL);
	/* Before the rest, where a loop knows a before: a deadline must not pass over an answer
	 * that is there. */
	CHECK(event_priority_set(link->readable, 0) == 0);
	CHECK(event_priority_set(link->writable, 0) == 0);
	event_add(link->readable, NULL);
	if (pg->prepare && pg->statements != NULL && pg->statements[0] != NULL)
		send_prepares(link);
	else
		become_ready(link);
}

static void on_connect_progress(evutil_socket_t fd, short what, void *ctx);

/* The socket is another one between polls when libpq goes on to the next address. */
static void wait_for(struct pg_link *link, short what)
{
	link->readable =
	    event_new(link->pg->base, PQsocket(link->conn), what, on_connect_progress, link);
	CHECK(link->readable != NULL);
	event_add(link->readable, NULL);
}

static void on_connect_progress(evutil_socket_t fd, short what, void *ctx)
{
	struct pg_link *link = ctx;
	struct pg *pg = link->pg;
	(void)fd;
	(void)what;

	pg_enter(pg);
	/* Before the poll, which may close the socket under it. */
	drop_socket_events(link);
	switch (PQconnectPoll(link->conn)) {
	case PGRES_POLLING_READING:
		wait_for(link, EV_READ);
		break;
	case PGRES_POLLING_WRITING:
		wait_for(link, EV_WRITE);
		break;
	case PGRES_POLLING_OK:
		connected(link);
		break;
	default:
		pg_link_break(link, PQerrorMessage(link->conn));
		break;
	}
	pg_leave(pg);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	pg_link_break(ctx, "the server did not become ready in time");
}

struct pg_link *pg_link_new(struct pg *pg)
{
	struct timeval timeout = {
	    .tv_sec = pg->connect_ms / 1000, .tv_usec = pg->connect_ms % 1000 * 1000};
	struct pg_link *link = calloc(1, sizeof(*link));

	CHECK(link != NULL);
	link->pg = pg;
	link->timer = event_new(pg->base, -1, 0, on_timer, link);
	link->conn = pg_conninfo_start(pg->conninfo);
	CHECK(link->timer != NULL && link->conn != NULL);
	event_add(link->timer, &timeout);
	if (PQstatus(link->conn) == CONNECTION_BAD) {
		pg_link_break(link, PQerrorMessage(link->conn));
		return link;
	}
	PQsetNoticeReceiver(link->conn, discard_notice, NULL);
	wait_for(link, EV_WRITE);
	return link;
}

void pg_link_free(struct pg_link *link)
{
	if (link == NULL)
		return;
	drop_socket_events(link);
	event_free(link->timer);
	PQfinish(link->conn);
	free(link);
}

void pg_link_send(struct pg_link *link, const struct submission *submission)
{
	struct pg_param_vectors v;
	int is_sent = 1;

	for (size_t i = 0; i < submission->count && is_sent; i++) {
		const struct pg_statement *statement = submission->calls[i].statement;

		pg_params_vectors(submission->calls[i].params, &v);
		is_sent = link->pg->prepare ? PQsendQueryPrepared(link->conn, statement->name,
						  v.count, v.values, v.lengths, v.formats, 0)
					    : PQsendQueryParams(link->conn, statement->sql, v.count,
						  NULL, v.values, v.lengths, v.formats, 0);
	}
	if (!is_sent || !PQpipelineSync(link->conn))
		pg_link_break(link, PQerrorMessage(link->conn));
	else
		flush(link);
}
