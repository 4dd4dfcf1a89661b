/*
 * Housekeeping: idempotency keys, stage tokens, sessions and links past their time go, passwords
 * that are delivered for good are let go of where their profile says so (ITSPA rule R13), the
 * partitions of coming months are made, rows of old claim jobs go.
 *
 * Runs in the job worker, with the role firstring_admin; what is done is a function of the
 * database. Doing it twice, or in two processes at once, is harmless.
 */
#include "portal-api/jobs/housekeeping.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "queries_portal-api.h"

enum { ROWS_AT_ONCE = 1000, MONTHS_AHEAD = 3, SOON_S = 1 };

struct housekeeping {
	struct event *timer;
	struct pg *admin;
	struct timeval interval;
};

static void on_done(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct housekeeping *housekeeping = ctx;
	if (error) {
		LOG_WARN(
		    "housekeeping_failed", log_err(error->err), log_str("message", error->message));
		return;
	}
	CHECK(count == 2);
	int64_t swept = row_int(results[0], 0, row_column(results[0], "keys_swept"));
	int64_t made = row_int(results[0], 0, row_column(results[0], "partitions_made"));
	int64_t tokens = row_int(results[0], 0, row_column(results[0], "tokens_swept"));
	int64_t purged = row_int(results[0], 0, row_column(results[0], "passwords_purged"));
	int64_t job_rows = row_int(results[0], 0, row_column(results[0], "job_rows_swept"));
	int64_t people = row_int(results[1], 0, row_column(results[1], "swept"));
	if (swept > 0 || made > 0 || tokens > 0 || purged > 0 || people > 0 || job_rows > 0)
		LOG_INFO("house_kept", log_int("keys_swept", swept),
		    log_int("partitions_made", made), log_int("tokens_swept", tokens),
		    log_int("passwords_purged", purged), log_int("job_rows_swept", job_rows),
		    log_int("sessions_and_links_swept", people));
	if (swept == ROWS_AT_ONCE || tokens == ROWS_AT_ONCE || purged == ROWS_AT_ONCE ||
	    people == ROWS_AT_ONCE || job_rows == ROWS_AT_ONCE)
		event_add(housekeeping->timer, &(struct timeval){SOON_S, 0});
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct housekeeping *housekeeping = ctx;
	struct pg_params *params = pg_params_new();
	(void)fd;
	(void)events;
	pg_param_int(params, ROWS_AT_ONCE);
	pg_param_int(params, MONTHS_AHEAD);
	struct pg_params *sweep = pg_params_new();
	pg_param_int(sweep, ROWS_AT_ONCE);
	const struct pg_call calls[] = {{&query_keep_house, params}, {&query_people_sweep, sweep}};
	pg_submit(housekeeping->admin, calls, 2, on_done, housekeeping);
	event_add(housekeeping->timer, &housekeeping->interval);
}

struct housekeeping *housekeeping_new(
    struct event_base *base, struct pg *admin, int64_t interval_ms)
{
	struct timeval at_once = {0, 0};
	struct housekeeping *made = calloc(1, sizeof *made);
	CHECK(made);
	made->admin = admin;
	made->interval = (struct timeval){interval_ms / 1000, interval_ms % 1000 * 1000};
	made->timer = event_new(base, -1, 0, on_timer, made);
	CHECK(made->timer);
	event_add(made->timer, &at_once);
	return made;
}

void housekeeping_free(struct housekeeping *housekeeping)
{
	event_free(housekeeping->timer);
	free(housekeeping);
}
