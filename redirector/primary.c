/* Which database takes writes, and the beat that is left in it. The databases are trusted to say
 * the truth of themselves. */
#include "redirector/primary.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/db/row.h"
#include "queries_redirector.h"
#include "redirector/config.h"

enum { CONNECT_MS = 2000, QUEUE_MAX = 1024, TICK_S = 1 };

struct database {
	struct primary *primary;
	struct pg *pg;
	int takes_writes; /* said so; holds as long as the connection: a primary does not step down
			   */
	int is_asked;
};

struct primary {
	struct database databases[REDIRECTOR_DATABASES_MAX];
	size_t count;
	size_t current;
	struct event *tick; /* NULL: there is no standby */
	int beat_is_out;
};

static int is_usable(const struct database *database)
{
	return database->takes_writes && pg_is_ready(database->pg);
}

int primary_is_ready(const struct primary *primary)
{
	for (size_t i = 0; i < primary->count; i++) {
		if (is_usable(&primary->databases[i]))
			return 1;
	}
	return 0;
}

/* Stays with the one that it has; else the most preferred one that is usable. */
static struct pg *choose(struct primary *primary)
{
	for (size_t i = 0; i < primary->count && !is_usable(&primary->databases[primary->current]);
	     i++) {
		if (!is_usable(&primary->databases[i]))
			continue;
		LOG_INFO("primary_chosen", log_uint("database", i));
		primary->current = i;
	}
	return primary->databases[primary->current].pg;
}

void primary_submit(
    struct primary *primary, const struct pg_call *calls, size_t count, pg_done_fn *done, void *ctx)
{
	pg_submit(choose(primary), calls, count, done, ctx);
}

static void on_role(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct database *database = ctx;

	(void)count;
	database->is_asked = 0;
	if (error == NULL)
		database->takes_writes = !row_bool(rows[0], 0, row_column(rows[0], "in_recovery"));
}

static void ask_role(struct database *database)
{
	if (database->is_asked || database->takes_writes || !pg_is_ready(database->pg))
		return;
	database->is_asked = 1;
	pg_submit(database->pg, &(struct pg_call){&query_replay_state, NULL}, 1, on_role, database);
}

static void on_state(int ready, void *ctx)
{
	struct database *database = ctx;

	database->takes_writes = database->primary->count == 1;
	if (ready)
		ask_role(database);
}

static void on_beat(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	struct primary *primary = ctx;

	(void)rows, (void)count;
	primary->beat_is_out = 0;
	if (error != NULL && error->err != ERR_CLOSED && log_gate_open(&gate))
		LOG_WARN("beat_not_left", log_err(error->err), log_str("message", error->message),
		    log_uint("suppressed", gate.suppressed));
}

/* A promotion tells nobody: who only read is asked again. */
static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct primary *primary = ctx;

	(void)fd, (void)what;
	for (size_t i = 0; i < primary->count; i++)
		ask_role(&primary->databases[i]);
	if (primary->beat_is_out || !primary_is_ready(primary))
		return;
	primary->beat_is_out = 1;
	primary_submit(
	    primary, &(struct pg_call){&query_replay_beat_put, NULL}, 1, on_beat, primary);
}

struct primary *primary_new(struct event_base *base, const char *const *conninfos, size_t count,
    int prepare, unsigned deadline_ms)
{
	struct primary *primary = calloc(1, sizeof *primary);
	struct timeval interval = {TICK_S, 0};

	CHECK(primary != NULL && count >= 1 && count <= REDIRECTOR_DATABASES_MAX);
	primary->count = count;
	for (size_t i = 0; i < count; i++) {
		struct database *database = &primary->databases[i];
		database->primary = primary;
		database->takes_writes = count == 1;
		database->pg = pg_new(&(struct pg_config){.base = base,
		    .conninfo = conninfos[i],
		    .statements = queries_redirector,
		    .prepare = prepare,
		    .connect_ms = CONNECT_MS,
		    .deadline_ms = deadline_ms,
		    .queue_max = QUEUE_MAX,
		    .on_state = on_state,
		    .ctx = database});
	}
	if (count > 1) {
		primary->tick = event_new(base, -1, EV_PERSIST, on_tick, primary);
		CHECK(primary->tick != NULL && event_add(primary->tick, &interval) == 0);
	}
	return primary;
}

void primary_free(struct primary *primary)
{
	if (primary == NULL)
		return;
	for (size_t i = 0; i < primary->count; i++)
		pg_free(primary->databases[i].pg);
	if (primary->tick != NULL)
		event_free(primary->tick);
	free(primary);
}
