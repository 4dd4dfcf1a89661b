/* Lookups by fingerprint, gathered by loop turn, failing over in order of preference. What comes
 * from the network here is a hash; what comes back is the database's word. */
#include "redirector/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/db/row.h"
#include "common/net/metrics.h"
#include "queries_redirector.h"
#include "redirector/config.h"
#include "redirector/metrics.h"

/* A batch goes at the end of a turn, or when it is full: in a storm turns are long. */
enum { BATCH_MAX = 64, QUEUE_MAX = 1024, CONNECT_MS = 2000, SLOW_MS = 5000 };

struct request {
	struct fingerprint fingerprint;
	lookup_fn *done;
	void *ctx;
};

/* Requests that travel together; those that are answered leave. */
struct batch {
	struct lookup *lookup;
	struct request requests[BATCH_MAX];
	size_t count;
	struct database *database; /* the one that is being asked */
	unsigned asked; /* a bit for each that was */
	int64_t begun_us;
};

enum role { ROLE_UNKNOWN, ROLE_PRIMARY, ROLE_STANDBY };

struct database {
	struct lookup *lookup;
	struct pg *pg;
	size_t place; /* in the order of preference */
	/* What it last said of itself. A primary stays one as long as the connection, so that it
	 * need not be asked again. */
	enum role role;
	int64_t slow_until_ms; /* it missed a deadline a moment ago: asked last until then */
};

struct lookup {
	struct event_base *base;
	struct database databases[REDIRECTOR_DATABASES_MAX];
	size_t database_count;
	int64_t standby_age_ms; /* a standby whose replay is older does not answer */
	size_t waiting; /* requests */
	struct batch *gathering; /* NULL: nothing since the last turn */
	struct event *flush;
};

static void batch_ask(struct batch *batch);

static void row_free(struct lookup_row *row)
{
	buf_free(&row->provisioning_url);
	for (size_t i = 0; i < LOOKUP_FALLBACKS_MAX; i++)
		buf_free(&row->fallback_urls[i]);
	buf_free(&row->trust_anchors);
	buf_free(&row->sealed_password);
}

/* A column that fits, by the schema's checks. Where they were not kept the record is of no use, and
 * no harm to other phones. */
static void take_text(const struct pg_rows *rows, size_t at, const char *column,
    struct lookup_row *row, char *text, size_t size)
{
	const char *value = row_text(rows, at, row_column(rows, column));
	static struct log_gate gate;

	if (strlen(value) < size) {
		strcpy(text, value);
		return;
	}
	row->is_broken = 1;
	if (log_gate_open(&gate))
		LOG_ERROR("record_broken", log_mac("mac", &row->mac), log_str("column", column),
		    log_uint("suppressed", gate.suppressed));
}

static void take_fallback(const char *text, void *ctx)
{
	struct lookup_row *row = ctx;

	if (row->fallback_count < LOOKUP_FALLBACKS_MAX)
		buf_put_str(&row->fallback_urls[row->fallback_count++], text);
}

static void take_claim(const struct pg_rows *rows, size_t at, struct lookup_row *row)
{
	int pending = row_column(rows, "pending_sealed_password");
	int has_pending = !row_is_null(rows, at, pending);

	row_uuid(rows, at, row_column(rows, "claim_id"), row->claim_id);
	row->claim_version = row_int(rows, at, row_column(rows, "claim_version"));
	row->claim_live = strcmp(row_text(rows, at, row_column(rows, "claim_state")), "live") == 0;
	row->itsp_suspended = row_bool(rows, at, row_column(rows, "itsp_suspended"));
	buf_put_str(
	    &row->provisioning_url, row_text(rows, at, row_column(rows, "provisioning_url")));
	row_strings(rows, at, row_column(rows, "fallback_urls"), take_fallback, row);
	buf_put_str(&row->trust_anchors, row_text(rows, at, row_column(rows, "trust_anchors")));
	take_text(rows, at, "delivery", row, row->delivery, sizeof row->delivery);
	take_text(rows, at, "redelivery", row, row->redelivery, sizeof row->redelivery);
	row->window_hours = row_int(rows, at, row_column(rows, "window_hours"));
	row->armed_at_us = row_time_us(rows, at, row_column(rows, "armed_at"));
	int once = row_column(rows, "once_started_at");
	row->once_started_at_us = row_is_null(rows, at, once) ? 0 : row_time_us(rows, at, once);
	row_bytes(rows, at, has_pending ? pending : row_column(rows, "sealed_password"),
	    &row->sealed_password);
	row->password_version = row_int(
	    rows, at, row_column(rows, has_pending ? "pending_version" : "password_version"));
}

static int is_dead(const struct pg_rows *rows, size_t at)
{
	const char *status = row_text(rows, at, row_column(rows, "certificate_status"));

	return strcmp(status, "revoked") == 0 || strcmp(status, "superseded") == 0;
}

static void take_row(const struct pg_rows *rows, size_t at, struct lookup_row *row)
{
	const char *status = row_text(rows, at, row_column(rows, "certificate_status"));

	row_mac(rows, at, row_column(rows, "mac"), &row->mac);
	take_text(rows, at, "serial_number", row, row->serial_number, sizeof row->serial_number);
	take_text(rows, at, "model", row, row->model, sizeof row->model);
	take_text(rows, at, "format", row, row->format, sizeof row->format);
	take_text(rows, at, "admin_user", row, row->admin_user, sizeof row->admin_user);
	row->encrypt_answers = row_bool(rows, at, row_column(rows, "encrypt_answers"));
	row->has_certificate = strcmp(status, "has_certificate") == 0;
	row->tls_compatible =
	    strcmp(row_text(rows, at, row_column(rows, "tls_floor")), "compatible") == 0;
	row->is_claimed = !row_is_null(rows, at, row_column(rows, "claim_id"));
	if (row->is_claimed)
		take_claim(rows, at, row);
}

static void batch_fail(struct batch *batch)
{
	static struct log_gate gate;

	if (log_gate_open(&gate))
		LOG_ERROR("lookup_unavailable", log_uint("phones", batch->count),
		    log_uint("suppressed", gate.suppressed));
	metrics_add(METRIC_LOOKUPS_FAILED, 0, batch->count);
	batch->lookup->waiting -= batch->count;
	for (size_t i = 0; i < batch->count; i++)
		batch->requests[i].done(LOOKUP_UNAVAILABLE, NULL, batch->requests[i].ctx);
	free(batch);
}

/* What a standby may say: an answer that needs no write. What it has not heard of, or heard of and
 * refuses, the primary may know better; and a refusal must not tell one phone from another. */
static int standby_may_tell(const struct lookup_row *row)
{
	return row->is_claimed && row->claim_live && !row->itsp_suspended &&
	       strcmp(row->delivery, "staged") != 0 && strcmp(row->redelivery, "once") != 0;
}

/* Tells one request of its row, counted from 1; 0: there is none. Returns 0 when this database
 * cannot answer it. */
static int request_tell(
    const struct request *request, const struct pg_rows *rows, size_t place, int is_standby)
{
	struct lookup_row row = {0};
	int is_told = 1;

	if (place > 0)
		take_row(rows, place - 1, &row);
	if (row.is_broken)
		request->done(LOOKUP_UNAVAILABLE, NULL, request->ctx);
	else if (is_standby && !standby_may_tell(&row))
		is_told = 0;
	else if (place == 0)
		request->done(LOOKUP_NOT_LIVE, NULL, request->ctx);
	else if (is_dead(rows, place - 1))
		request->done(LOOKUP_DEAD, NULL, request->ctx);
	else
		request->done(LOOKUP_FOUND, &row, request->ctx);
	row_free(&row);
	return is_told;
}

/* Tells those that can be told, and keeps the others. */
static void batch_tell(struct batch *batch, const struct pg_rows *rows)
{
	int ordinal = row_column(rows, "ordinal");
	int is_standby = batch->database->role == ROLE_STANDBY;
	size_t place[BATCH_MAX] = {0}; /* the row of each request, counted from 1 */
	size_t kept = 0, count = batch->count;

	for (size_t at = 0; at < row_count(rows); at++) {
		int64_t number = row_int(rows, at, ordinal);
		CHECK(number >= 1 && (size_t)number <= count);
		place[number - 1] = at + 1;
	}
	for (size_t i = 0; i < count; i++) {
		if (!request_tell(&batch->requests[i], rows, place[i], is_standby))
			batch->requests[kept++] = batch->requests[i];
	}
	batch->count = kept;
	batch->lookup->waiting -= count - kept;
	if (is_standby)
		metrics_add(METRIC_LOOKUPS_STANDBY, 0, count - kept);
}

/* The next to ask; NULL: none is left that can be. Who answers as the primary comes before the
 * standbys, and those that were slow a moment ago after all others. */
static struct database *next_database(const struct batch *batch)
{
	struct lookup *lookup = batch->lookup;
	struct database *best = NULL;
	int best_cost = 4;

	for (size_t i = 0; i < lookup->database_count; i++) {
		struct database *database = &lookup->databases[i];
		int cost = (clock_monotonic_ms() < database->slow_until_ms ? 2 : 0) +
			   (database->role == ROLE_STANDBY ? 1 : 0);
		if ((batch->asked & 1U << i) == 0 && pg_is_ready(database->pg) &&
		    cost < best_cost) {
			best = database;
			best_cost = cost;
		}
	}
	return best;
}

static void note_role(struct database *database, const struct pg_rows *state)
{
	database->role =
	    row_bool(state, 0, row_column(state, "in_recovery")) ? ROLE_STANDBY : ROLE_PRIMARY;
}

/* 1 when what the database answered can be used: it is the primary, or a standby that is young
 * enough while no primary can be asked. */
static int may_answer(const struct batch *batch, const struct pg_rows *state)
{
	static struct log_gate gate;
	struct database *database = batch->database;
	int64_t age_ms = row_int(state, 0, row_column(state, "age_ms"));
	int is_young = age_ms <= batch->lookup->standby_age_ms;

	note_role(database, state);
	if (database->role == ROLE_PRIMARY)
		return 1;
	const struct database *other = next_database(batch);
	if (other != NULL && other->role == ROLE_PRIMARY &&
	    clock_monotonic_ms() >= other->slow_until_ms)
		return 0;
	if (log_gate_open(&gate))
		LOG_WARN(is_young ? "lookup_from_standby" : "standby_too_old",
		    log_uint("database", database->place), log_int("age_ms", age_ms),
		    log_uint("suppressed", gate.suppressed));
	return is_young;
}

static void on_rows(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	struct batch *batch = ctx;

	if (error == NULL) {
		if (count == 1 || may_answer(batch, rows[0]))
			batch_tell(batch, rows[count - 1]);
	} else if (error->err == ERR_CLOSED) {
		batch_fail(batch);
		return;
	} else {
		batch->database->slow_until_ms = clock_monotonic_ms() + SLOW_MS;
		if (log_gate_open(&gate))
			LOG_WARN("lookup_failed", log_uint("database", batch->database->place),
			    log_err(error->err), log_str("message", error->message),
			    log_uint("suppressed", gate.suppressed));
	}
	if (batch->count > 0) {
		batch_ask(batch);
		return;
	}
	metrics_observe_us(METRIC_LOOKUP_SECONDS, 0, (uint64_t)(clock_unix_us() - batch->begun_us));
	free(batch);
}

/* Asks the next database. At the first try, when none is usable yet, the most preferred one has its
 * deadline to become so. One that is not known to be the primary is asked that too, before: what it
 * then says is at least as new. */
static void batch_ask(struct batch *batch)
{
	struct database *database = next_database(batch);
	struct pg_call calls[2] = {{&query_replay_state, NULL}};

	if (database == NULL && batch->asked != 0) {
		batch_fail(batch);
		return;
	}
	if (database == NULL)
		database = &batch->lookup->databases[0];
	batch->database = database;
	batch->asked |= 1U << database->place;
	struct pg_params *params = pg_params_new();
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < batch->count; i++)
		pg_param_bytea(params, batch->requests[i].fingerprint.bytes, SHA256_LEN);
	pg_param_array_end(params);
	calls[1] = (struct pg_call){&query_device_lookup, params};
	int is_primary = database->role == ROLE_PRIMARY;
	pg_submit(database->pg, calls + is_primary, is_primary ? 1 : 2, on_rows, batch);
}

static void on_flush(evutil_socket_t fd, short what, void *ctx)
{
	struct lookup *lookup = ctx;
	struct batch *batch = lookup->gathering;

	(void)fd, (void)what;
	lookup->gathering = NULL;
	if (batch != NULL)
		batch_ask(batch);
}

void lookup_request(
    struct lookup *lookup, const struct fingerprint *fingerprint, lookup_fn *done, void *ctx)
{
	struct batch *batch = lookup->gathering;

	if (batch != NULL && batch->count == BATCH_MAX) {
		on_flush(-1, 0, lookup);
		batch = NULL;
	}
	if (batch == NULL) {
		batch = calloc(1, sizeof *batch);
		CHECK(batch != NULL);
		batch->lookup = lookup;
		batch->begun_us = clock_unix_us();
		lookup->gathering = batch;
		event_active(lookup->flush, EV_TIMEOUT, 0);
	}
	lookup->waiting++;
	batch->requests[batch->count++] =
	    (struct request){.fingerprint = *fingerprint, .done = done, .ctx = ctx};
}

static void on_role(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	(void)count;
	if (error == NULL)
		note_role(ctx, rows[0]);
}

static void on_state(int ready, void *ctx)
{
	struct database *database = ctx;

	database->role = ROLE_UNKNOWN;
	if (ready)
		pg_submit(database->pg, &(struct pg_call){&query_replay_state, NULL}, 1, on_role,
		    database);
	metrics_set_ready("database", lookup_is_ready(database->lookup));
}

struct lookup *lookup_new(struct event_base *base, const struct lookup_config *config)
{
	struct lookup *lookup = calloc(1, sizeof *lookup);

	CHECK(lookup != NULL && config->count >= 1 && config->count <= REDIRECTOR_DATABASES_MAX);
	lookup->base = base;
	lookup->standby_age_ms = config->standby_age_ms;
	lookup->flush = event_new(base, -1, 0, on_flush, lookup);
	CHECK(lookup->flush != NULL);
	for (size_t i = 0; i < config->count; i++) {
		struct database *database = &lookup->databases[i];
		database->lookup = lookup;
		database->place = i;
		database->pg = pg_new(&(struct pg_config){.base = base,
		    .conninfo = config->conninfos[i],
		    .statements = queries_redirector,
		    .prepare = config->prepare,
		    .connect_ms = CONNECT_MS,
		    .deadline_ms = config->deadline_ms,
		    .queue_max = QUEUE_MAX,
		    .on_state = on_state,
		    .ctx = database});
		lookup->database_count++;
	}
	return lookup;
}

void lookup_free(struct lookup *lookup)
{
	if (lookup == NULL)
		return;
	if (lookup->gathering != NULL)
		batch_fail(lookup->gathering);
	for (size_t i = 0; i < lookup->database_count; i++)
		pg_free(lookup->databases[i].pg);
	event_free(lookup->flush);
	free(lookup);
}

int lookup_is_ready(const struct lookup *lookup)
{
	for (size_t i = 0; i < lookup->database_count; i++) {
		if (pg_is_ready(lookup->databases[i].pg))
			return 1;
	}
	return 0;
}

size_t lookup_waiting(const struct lookup *lookup)
{
	return lookup->waiting;
}
