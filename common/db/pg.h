/*
 * PostgreSQL on the event loop: one pipelined connection per handle, prepared statements,
 * deadlines, reconnecting by itself.
 *
 * The only folder that knows libpq. SQL text comes from sql/queries, compiled in as struct
 * pg_statement by the build. What is submitted together runs as one transaction: between two
 * pipeline syncs PostgreSQL keeps an implicit transaction block, so set_config(..., true) holds
 * for the statements after it, and an error undoes them all. Nothing blocks; names are not
 * resolved (Unix socket folder or hostaddr).
 */
#ifndef FIRSTRING_DB_PG_H
#define FIRSTRING_DB_PG_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/mac.h"

struct pg;
struct pg_params;
struct pg_rows; /* one statement's result; see row.h */

/* One file of sql/queries/<daemon>/. */
struct pg_statement {
	const char *name; /* the file's name without .sql */
	const char *sql;
};

struct pg_config {
	struct event_base *base;
	const char *conninfo; /* copied */
	const struct pg_statement *const *statements; /* NULL-terminated; prepared on connect */
	int prepare; /* 0: send the text each time (PgBouncer before 1.21) */
	unsigned connect_ms; /* 3,000 */
	unsigned deadline_ms; /* of one submission, from pg_submit to its last result; 5,000 */
	size_t queue_max; /* submissions in flight or waiting; past it ERR_FULL; 1,024 */
	void (*on_state)(int ready, void *ctx); /* optional: told when it becomes (un)usable */
	void *ctx;
};

/*
 * Whether a connection string can be used here: each server is a Unix socket folder (host=/run/...)
 * or an address (hostaddr=, host= with an address); names are refused, since resolving them blocks.
 * On failure `why` gets a sentence that follows on the key's name and repeats no password. For the
 * check of a configuration table. ERR_SYNTAX.
 */
MUST_CHECK enum err pg_check_conninfo(const char *conninfo, char *why, size_t why_len);

/* Connects in the background and stays connected; the conninfo passed pg_check_conninfo. */
struct pg *pg_new(const struct pg_config *config);
/* Fails what is waiting with ERR_CLOSED through its callbacks, then closes. May be called from a
 * callback. NULL is fine. */
void pg_free(struct pg *pg);
int pg_is_ready(const struct pg *pg);
/* Submissions whose callback is still to come. */
size_t pg_pending(const struct pg *pg);

/* Parameters, in order. Values are copied. A built set is used by one submission and owned by it.
 */
struct pg_params *pg_params_new(void);
void pg_params_free(struct pg_params *params);
void pg_param_null(struct pg_params *params);
void pg_param_text(struct pg_params *params, const char *text); /* NULL: SQL null */
void pg_param_text_len(struct pg_params *params, const char *text, size_t len);
void pg_param_int(struct pg_params *params, int64_t value);
void pg_param_bool(struct pg_params *params, int value);
void pg_param_bytea(struct pg_params *params, const void *bytes, size_t len); /* bytes NULL: null */
void pg_param_mac(struct pg_params *params, const struct mac *mac);
void pg_param_uuid(struct pg_params *params, const uint8_t uuid[16]);
/* INT64_MIN: null; INT64_MAX: infinity. */
void pg_param_time_us(struct pg_params *params, int64_t unix_us);
/* Arrays: begin, then the element calls (any of the above), then end. Element types are one kind.
 */
enum pg_array {
	PG_ARRAY_TEXT,
	PG_ARRAY_BYTEA,
	PG_ARRAY_INT8,
	PG_ARRAY_BOOL,
	PG_ARRAY_MACADDR,
	PG_ARRAY_TIMESTAMPTZ,
	PG_ARRAY_UUID
};
void pg_param_array_begin(struct pg_params *params, enum pg_array type);
void pg_param_array_end(struct pg_params *params);

/* A failure as PostgreSQL tells it. */
struct pg_error {
	enum err err; /* ERR_UNAVAILABLE: no connection before the deadline, a lost one, or another
		       * failure of the server; ERR_TIMEOUT: no answer before the deadline, or
		       * statement_timeout; ERR_FULL: queue; ERR_EXISTS: unique violation;
		       * ERR_REFUSED: other errors of class 22, 23, P0, text with a NUL,
		       * parameters past 64 MiB; ERR_DENIED: 42501; ERR_CLOSED: pg_free */
	int outcome_unknown; /* 1: it was sent, and may have taken effect */
	char sqlstate[6]; /* "" when not from the server */
	char message[256]; /* for the log, never for a client; quotes no value of class 22 */
};

/* Results of all statements of a submission, in order; `rows` is borrowed until the callback
 * returns. On failure `error` is set and rows is NULL. Never called from within pg_submit. */
typedef void pg_done_fn(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx);

struct pg_call {
	const struct pg_statement *statement;
	struct pg_params *params; /* taken, also on failure; NULL: none */
};

/* Runs calls (1..8) as one transaction. Every submission gets exactly one callback, failures too.
 */
void pg_submit(
    struct pg *pg, const struct pg_call *calls, size_t count, pg_done_fn *done, void *ctx);

/*
 * For commands, not daemons: connects, runs one transaction, waits, disconnects. `use` (may be
 * NULL) gets the rows. Blocking, bounded by 30 s.
 */
enum err pg_run_once(const char *conninfo, const struct pg_call *calls, size_t count,
    void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx), void *ctx,
    struct pg_error *error);

#endif
