/*
 * The courier: posts ITSPs' events to their webhooks, in order and at least once.
 *
 * It talks to servers of strangers' choice, so it forgets the TLS keys and the sealing ring that it
 * was forked with before it opens a connection: it can open the secrets of webhooks and nothing
 * else, and its database role is three functions. A webhook is taken under a lease; what it does
 * not take is tried again, later each time, for a day; the position in the feed stays where it was
 * until then, so that nothing is skipped.
 */
#include "portal-api/courier/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/net/sandbox.h"
#include "portal-api/courier/post.h"
#include "portal-api/events/feed.h"
#include "portal-api/json/memory.h"
#include "portal-api/readiness.h"
#include "portal-api/state.h"
#include "portal-api/webhooks/secret.h"
#include "queries_courier.h"

enum { POLL_MS = 500, IN_FLIGHT_MAX = 32, EVENTS_AT_ONCE = 100, LEASE_S = 120 };
enum { RETRY_MAX_MS = 3600 * 1000, RETRY_DOUBLINGS_MAX = 20 };

static const char USER_AGENT[] = "User-Agent: Firstring/" FIRSTRING_VERSION;

struct courier {
	struct event_base *base;
	struct event *timer;
	struct pg *database;
	struct poster *poster;
	const struct portal_config *config;
	const struct seal_ring *ring;
	char name[64]; /* of the lease */
	size_t in_flight;
	int asked, draining;
};

/* One webhook in hand. */
struct delivery {
	struct courier *courier;
	char id_text[UUID_TEXT_LEN + 1], itsp_id[UUID_TEXT_LEN + 1];
	struct uuid id;
	char *url;
	struct secret secret, old_secret;
	int is_test, events;
	int64_t attempts;
	struct feed_position from, to;
	char cursor[CURSOR_TEXT_MAX + 1]; /* after its last event */
};

static void wait_ms(struct courier *courier, unsigned ms)
{
	struct timeval delay = {ms / 1000, (ms % 1000) * 1000};
	event_add(courier->timer, &delay);
}

static void complain(const char *what, const struct pg_error *error)
{
	static struct log_gate gate;
	if (log_gate_open(&gate))
		LOG_WARN("courier_database_failed", log_str("what", what), log_err(error->err),
		    log_str("message", error->message), log_uint("suppressed", gate.suppressed));
}

static void delivery_free(struct delivery *delivery)
{
	struct courier *courier = delivery->courier;
	free(delivery->url);
	secret_free(&delivery->secret);
	secret_free(&delivery->old_secret);
	free(delivery);
	courier->in_flight--;
	if (courier->draining && courier->in_flight == 0 && !courier->asked)
		event_base_loopbreak(courier->base);
}

/* --- The end of a delivery --- */

static void on_noted(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct delivery *delivery = ctx;
	struct courier *courier = delivery->courier;
	(void)count;
	/* Not noted: the lease runs out, and it is posted again. */
	if (error)
		complain("note a delivery", error);
	else if (strcmp(row_text(results[0], 0, row_column(results[0], "outcome")), "failed") == 0)
		LOG_WARN("webhook_given_up", log_str("webhook_id", delivery->id_text),
		    log_str("itsp_id", delivery->itsp_id));
	int has_more = !error && delivery->to.xid != delivery->from.xid;
	delivery_free(delivery);
	if (has_more && !courier->draining)
		wait_ms(courier, 0);
}

/* Doubles with each failure, up to an hour; spread, so that many do not come back in step. */
static int64_t retry_ms(const struct delivery *delivery)
{
	int64_t doublings =
	    delivery->attempts < RETRY_DOUBLINGS_MAX ? delivery->attempts : RETRY_DOUBLINGS_MAX;
	int64_t wait = delivery->courier->config->webhook_retry_ms << doublings;
	if (wait > RETRY_MAX_MS)
		wait = RETRY_MAX_MS;
	return wait - wait / 10 + random_below((unsigned)(wait / 5) + 1);
}

static void note(struct delivery *delivery, const struct post_result *result)
{
	const struct courier *courier = delivery->courier;
	struct pg_params *params = pg_params_new();
	int taken = !result || (result->status >= 200 && result->status < 300);
	const struct feed_position *to = taken ? &delivery->to : &delivery->from;
	pg_param_text(params, delivery->id_text);
	pg_param_text(params, courier->name);
	pg_param_bool(params, delivery->is_test);
	pg_param_bool(params, taken);
	pg_param_int(params, delivery->from.xid);
	pg_param_int(params, delivery->from.seq);
	pg_param_int(params, to->xid);
	pg_param_int(params, to->seq);
	pg_param_int(params, result ? delivery->events : 0);
	if (result && result->status)
		pg_param_int(params, result->status);
	else
		pg_param_null(params);
	pg_param_text(params, result ? result->error : NULL);
	pg_param_int(params, result ? result->took_ms : 0);
	pg_param_int(params, retry_ms(delivery));
	pg_param_int(params, courier->config->webhook_give_up_ms / 1000);
	pg_submit(courier->database, &(struct pg_call){&query_webhook_done, params}, 1, on_noted,
	    delivery);
}

static void on_posted(const struct post_result *result, void *ctx)
{
	struct delivery *delivery = ctx;
	LOG_INFO("webhook_posted", log_str("webhook_id", delivery->id_text),
	    log_str("itsp_id", delivery->itsp_id), log_int("events", delivery->events),
	    log_int("status", result->status), log_str("error", result->error),
	    log_uint("took_ms", result->took_ms));
	note(delivery, result);
}

/* --- What is posted --- */

/* Takes the events. */
static struct buf body_of(const struct delivery *delivery, json_t *events)
{
	char now[CLOCK_TEXT_LEN + 1];
	struct buf body = {0};
	clock_format_ms(clock_unix_us(), now);
	json_t *document = json_pack("{ss ss sb so ss*}", "webhook_id", delivery->id_text,
	    "sent_at", now, "test", delivery->is_test, "events", events, "next",
	    delivery->cursor[0] ? delivery->cursor : NULL);
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	CHECK(text);
	buf_put_str(&body, text);
	free(text);
	json_decref(document);
	return body;
}

static void post(struct delivery *delivery, json_t *events)
{
	const struct secret *secrets[] = {&delivery->secret, &delivery->old_secret};
	struct buf body = body_of(delivery, events), signature = {0};
	char id_line[64];
	buf_put_str(&signature, "Firstring-Signature: ");
	webhook_sign(secrets, delivery->old_secret.len ? 2 : 1, clock_unix_us() / 1000000,
	    body.bytes, body.len, &signature);
	buf_put_u8(&signature, 0);
	snprintf(id_line, sizeof(id_line), "Firstring-Webhook: %s", delivery->id_text);
	const char *const headers[] = {"Content-Type: application/json", USER_AGENT,
	    "Expect:", id_line, (const char *)signature.bytes, NULL};
	poster_post(delivery->courier->poster, &(struct post){.url = delivery->url,
						   .headers = headers,
						   .body = body.bytes,
						   .body_len = body.len,
						   .done = on_posted,
						   .ctx = delivery});
	buf_free(&body);
	buf_free(&signature);
}

static void on_events(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct delivery *delivery = ctx;
	char place[CURSOR_PLACE_MAX + 1];
	if (error) {
		complain("read events", error);
		delivery_free(delivery);
		return;
	}
	CHECK(count == 1);
	const struct pg_rows *rows = results[0];
	json_t *events = json_array();
	int wanted = row_column(rows, "wanted");
	for (size_t i = 0; i < row_count(rows); i++) {
		delivery->to = feed_row_position(rows, i);
		if (row_bool(rows, i, wanted))
			json_array_append_new(
			    events, row_object(rows, i, feed_fields, FEED_FIELD_COUNT));
	}
	delivery->events = (int)json_array_size(events);
	if (delivery->events == 0) {
		json_decref(events);
		note(delivery, NULL);
		return;
	}
	feed_place(&delivery->to, place);
	cursor_format("events", delivery->itsp_id, place, delivery->cursor);
	post(delivery, events);
}

static void read_events(struct delivery *delivery)
{
	struct courier *courier = delivery->courier;
	struct pg_params *params = pg_params_new();
	pg_param_text(params, delivery->id_text);
	pg_param_text(params, courier->name);
	pg_param_int(params, EVENTS_AT_ONCE);
	pg_submit(courier->database, &(struct pg_call){&query_webhook_events, params}, 1, on_events,
	    delivery);
}

/* --- Taking webhooks --- */

static int open_secret(struct delivery *delivery, const struct pg_rows *rows, size_t row,
    const char *column, struct secret *secret)
{
	struct buf sealed = {0};
	if (row_is_null(rows, row, row_column(rows, column)))
		return 0;
	row_bytes(rows, row, row_column(rows, column), &sealed);
	enum err err = webhook_secret_open(
	    delivery->courier->ring, &delivery->id, sealed.bytes, sealed.len, secret);
	buf_free(&sealed);
	if (!err)
		return 0;
	LOG_ERROR("webhook_secret_does_not_open", log_str("webhook_id", delivery->id_text),
	    log_str("column", column), log_err(err));
	return -1;
}

static void copy_column(
    char *to, size_t size, const struct pg_rows *rows, size_t row, const char *column)
{
	snprintf(to, size, "%s", row_text(rows, row, row_column(rows, column)));
}

static void begin(struct courier *courier, const struct pg_rows *rows, size_t row)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	CHECK(delivery);
	courier->in_flight++;
	delivery->courier = courier;
	copy_column(delivery->id_text, sizeof(delivery->id_text), rows, row, "webhook_id");
	copy_column(delivery->itsp_id, sizeof(delivery->itsp_id), rows, row, "itsp_id");
	CHECK(uuid_parse(delivery->id_text, strlen(delivery->id_text), &delivery->id) == ERR_OK);
	delivery->url = strdup(row_text(rows, row, row_column(rows, "url")));
	CHECK(delivery->url);
	delivery->is_test = row_bool(rows, row, row_column(rows, "is_test"));
	delivery->attempts = row_int(rows, row, row_column(rows, "attempts"));
	delivery->from.xid = row_int(rows, row, row_column(rows, "after_xid"));
	delivery->from.seq = row_int(rows, row, row_column(rows, "after_seq"));
	delivery->to = delivery->from;
	if (open_secret(delivery, rows, row, "secret_sealed", &delivery->secret) ||
	    open_secret(delivery, rows, row, "old_secret_sealed", &delivery->old_secret))
		note(delivery, &(struct post_result){.error = "the secret does not open"});
	else if (delivery->is_test)
		post(delivery, json_array());
	else
		read_events(delivery);
}

static void on_taken(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct courier *courier = ctx;
	courier->asked = 0;
	if (error) {
		complain("take webhooks", error);
	} else {
		CHECK(count == 1);
		for (size_t i = 0; i < row_count(results[0]); i++)
			begin(courier, results[0], i);
	}
	if (courier->draining && courier->in_flight == 0)
		event_base_loopbreak(courier->base);
	else if (!courier->draining)
		wait_ms(courier, POLL_MS);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	struct courier *courier = ctx;
	(void)fd;
	(void)events;
	if (courier->draining || courier->asked)
		return;
	if (courier->in_flight >= IN_FLIGHT_MAX) {
		wait_ms(courier, POLL_MS);
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_text(params, courier->name);
	pg_param_int(params, LEASE_S);
	pg_param_int(params, (int64_t)(IN_FLIGHT_MAX - courier->in_flight));
	courier->asked = 1;
	pg_submit(courier->database, &(struct pg_call){&query_webhooks_take, params}, 1, on_taken,
	    courier);
}

/* --- The worker's life --- */

/* What is being posted is brought to its end; each has its own deadline. */
static void on_drain(void *ctx)
{
	struct courier *courier = ctx;
	courier->draining = 1;
	if (courier->in_flight == 0 && !courier->asked)
		event_base_loopbreak(courier->base);
}

int courier_run(const struct worker *worker, void *shared)
{
	struct portal_state *state = shared;
	const struct portal_config *config = &state->config;
	struct courier courier = {
	    .base = event_base_new(), .config = config, .ring = state->webhook_ring};

	CHECK(courier.base);
	portal_state_forget_keys(state);
	snprintf(courier.name, sizeof(courier.name), "courier-%u-%u-%d", worker->generation,
	    worker->index, (int)getpid());
	if (sandbox_drop_privileges(config->user) != ERR_OK)
		return EX_CONFIG;
	sandbox_harden();
	struct pg_config as = {.base = courier.base,
	    .conninfo = config->courier_database,
	    .statements = queries_courier,
	    .prepare = config->prepare,
	    .connect_ms = 3000,
	    .deadline_ms = (unsigned)config->database_deadline_ms,
	    .queue_max = (size_t)config->database_queue};
	struct readiness *readiness =
	    readiness_connect(worker, "courier_database", as, &courier.database);
	courier.poster = poster_new(&(struct poster_config){.base = courier.base,
	    .authorities = config->webhook_authorities,
	    .allow_loopback = config->webhook_allow_loopback,
	    .timeout_ms = (unsigned)config->webhook_timeout_ms});
	courier.timer = event_new(courier.base, -1, 0, on_timer, &courier);
	CHECK(courier.timer);
	struct worker_signals *signals = worker_signals_new(courier.base, on_drain, &courier);
	wait_ms(&courier, 0);
	event_base_dispatch(courier.base);
	event_free(courier.timer);
	poster_free(courier.poster);
	pg_free(courier.database);
	readiness_free(readiness);
	worker_signals_free(signals);
	event_base_free(courier.base);
	return EX_OK;
}
