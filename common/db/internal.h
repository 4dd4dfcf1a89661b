/*
 * What the files of common/db share and nobody else sees: the handle, its connection, submissions.
 *
 * A submission is on exactly one list from pg_submit to its callback: `waiting` (not sent), `sent`
 * (on the connection, in its order), `failed` (its callback is due from the deferred event).
 */
#ifndef FIRSTRING_DB_INTERNAL_H
#define FIRSTRING_DB_INTERNAL_H

#include <event2/event.h>
#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/db/pg.h"

enum { PG_CALLS_MAX = 8, PG_PARAMS_MAX = 64, PG_REASON_LEN = 256 };

struct pg_rows {
	PGresult *result;
};

/* Values lie back to back in `bytes`; a place in it stays right when it grows. */
struct pg_param {
	size_t offset;
	int len;
	int is_binary;
	int is_null;
};

struct pg_params {
	struct buf bytes;
	struct pg_param values[PG_PARAMS_MAX];
	size_t count;
	int in_array;
	enum pg_array array_type;
	size_t array_elements;
	int has_nul; /* a text held a NUL, which PostgreSQL has no way to store */
};

/* What libpq's send functions take, pointing into a pg_params. */
struct pg_param_vectors {
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
	int count;
};
void pg_params_vectors(const struct pg_params *params, struct pg_param_vectors *vectors);
/* NULL, or why the set cannot be sent. */
const char *pg_params_fault(const struct pg_params *params);

struct submission {
	TAILQ_ENTRY(submission) link;
	struct pg_call calls[PG_CALLS_MAX];
	size_t count;
	struct pg_rows rows[PG_CALLS_MAX];
	size_t result_count;
	pg_done_fn *done;
	void *ctx;
	int64_t deadline_ms; /* monotonic */
	struct pg_error error; /* ERR_OK while there is none */
	int is_repeated; /* sent again, once, after an error that was the session's */
};
TAILQ_HEAD(submission_list, submission);

struct pg_link;

struct pg {
	struct event_base *base;
	char *conninfo;
	const struct pg_statement *const *statements;
	int prepare;
	unsigned connect_ms;
	unsigned deadline_ms;
	size_t queue_max;
	void (*on_state)(int ready, void *ctx);
	void *ctx;

	struct pg_link *link; /* NULL while backing off */
	struct submission_list waiting, sent, failed;
	size_t in_flight; /* waiting and sent */
	size_t undelivered; /* failed */
	struct event *retry; /* opens the next connection */
	struct event *deadline; /* of the oldest submission */
	struct event *deferred; /* a lost link, failed submissions */
	unsigned backoff_ms;
	int64_t ready_since_ms;
	int was_ready; /* as on_state was last told */
	int one_shot; /* a connection that fails fails what waits for it: commands */
	int depth; /* of event handlers and callbacks on the stack */
	int is_closing;
	char reason[PG_REASON_LEN]; /* why there is no connection */
	struct log_gate unavailable_gate, unusable_gate;
};

/* link.c: one connection, from its first packet to its end. */

/* Begins to connect; a failure is told as for a link that was lost. */
struct pg_link *pg_link_new(struct pg *pg);
void pg_link_free(struct pg_link *link);
int pg_link_is_ready(const struct pg_link *link);
/* Asks the socket; 0 when the server has hung up: then nothing is sent any more. */
int pg_link_can_send(struct pg_link *link);
/* Sends; on failure the link breaks. The submission is at the tail of pg->sent. */
void pg_link_send(struct pg_link *link, const struct submission *submission);
/* Ends the link: its successor comes from the deferred event. The first reason is kept. */
void pg_link_break(struct pg_link *link, const char *reason);
int pg_link_is_broken(const struct pg_link *link);

/* pg.c: what a link tells its handle. */

void pg_link_became_ready(struct pg *pg);
/* The head of pg->sent is complete: calls back. The handle may be closing when this returns. */
void pg_finish_head(struct pg *pg);
/* The head of pg->sent was undone, and not for its own sake: it waits for the next link. */
void pg_repeat_head(struct pg *pg);
/* Around every event handler: the last one out of a closing handle releases it. */
void pg_enter(struct pg *pg);
void pg_leave(struct pg *pg);

/* errors.c */

/* What a result says went wrong. */
void pg_error_from_result(const PGresult *result, struct pg_error *error);
void pg_error_set(struct pg_error *error, enum err err, const char *message);
/* 1 when the session, not the statement, is what is wrong: only a new connection mends it. */
int pg_error_wants_new_connection(const struct pg_error *error);
/* 1 when it was the session's prepared statement that is out of date: the same goes well on a new
 * connection. Of those that pg_error_wants_new_connection names. */
int pg_error_is_of_session(const struct pg_error *error);
/* 1 when the server is going away, starting or full. */
int pg_error_is_outage(const struct pg_error *error);

/* conninfo.c */

/* PQconnectStartParams with our settings around the administrator's. */
PGconn *pg_conninfo_start(const char *conninfo);

#endif
