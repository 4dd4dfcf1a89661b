/* Queues of events, written in batches to the primary. Texts in them come from the configuration or
 * the peer's address, never from a request. */
#include "redirector/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/net/metrics.h"
#include "queries_redirector.h"
#include "redirector/metrics.h"

enum { CONNECT_MS = 2000, DEADLINE_MS = 5000 };
enum { BATCH_MAX = 500, SOURCE_LEN = 48, DETAIL_LEN = 64, DRAIN_TRIES = 3 };

struct entry {
	STAILQ_ENTRY(entry) link;
	int64_t at_us;
	uint8_t id[16];
	struct mac mac;
	const char *kind; /* a literal */
	char source[SOURCE_LEN], detail[DETAIL_LEN];
	/* device events */
	int has_claim;
	uint8_t claim_id[16];
	int64_t password_version;
	/* security events */
	struct fingerprint fingerprint;
};
STAILQ_HEAD(entry_list, entry);

/* One kind of queue: its statement, and the batch that is being written. */
struct queue {
	struct events *events;
	const struct pg_statement *statement;
	struct pg_params *(*params)(const struct entry_list *batch);
	struct entry_list waiting, writing;
	size_t count; /* of both lists */
	size_t batch_max; /* smaller while one of the waiting is refused, to find which */
	int busy;
};

struct events {
	struct pg *primary;
	struct event *timer;
	struct timeval interval;
	size_t queue_max;
	int64_t last_us; /* so that events of one microsecond keep their order */
	struct queue device, security;
	void (*drained)(void *ctx);
	void *drained_ctx;
	unsigned drain_failures;
};

static void entries_free(struct entry_list *list)
{
	struct entry *entry;

	while ((entry = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		free(entry);
	}
}

/* One array parameter: a value of each entry. */
#define PUT_ARRAY(params, type, list, put)                                                         \
	do {                                                                                       \
		const struct entry *each;                                                          \
		pg_param_array_begin(params, type);                                                \
		STAILQ_FOREACH(each, list, link)                                                   \
		put;                                                                               \
		pg_param_array_end(params);                                                        \
	} while (0)

static void put_detail(struct pg_params *params, const struct entry *entry)
{
	char json[DETAIL_LEN + 16];

	snprintf(json, sizeof json, "{\"reason\":\"%s\"}", entry->detail);
	pg_param_text(params, entry->detail[0] != '\0' ? json : NULL);
}

static void put_claim(struct pg_params *params, const struct entry *entry)
{
	if (entry->has_claim)
		pg_param_uuid(params, entry->claim_id);
	else
		pg_param_null(params);
}

static void put_version(struct pg_params *params, const struct entry *entry)
{
	if (entry->password_version > 0)
		pg_param_int(params, entry->password_version);
	else
		pg_param_null(params);
}

static void put_mac_if_known(struct pg_params *params, const struct entry *entry)
{
	if (mac_to_uint(&entry->mac) != 0)
		pg_param_mac(params, &entry->mac);
	else
		pg_param_null(params);
}

static void put_fingerprint_if_known(struct pg_params *params, const struct entry *entry)
{
	static const struct fingerprint NONE;
	int is_known = memcmp(&entry->fingerprint, &NONE, sizeof NONE) != 0;

	pg_param_bytea(
	    params, is_known ? entry->fingerprint.bytes : NULL, sizeof entry->fingerprint.bytes);
}

static struct pg_params *device_params(const struct entry_list *batch)
{
	struct pg_params *params = pg_params_new();

	PUT_ARRAY(params, PG_ARRAY_TIMESTAMPTZ, batch, pg_param_time_us(params, each->at_us));
	PUT_ARRAY(params, PG_ARRAY_UUID, batch, pg_param_uuid(params, each->id));
	PUT_ARRAY(params, PG_ARRAY_MACADDR, batch, pg_param_mac(params, &each->mac));
	PUT_ARRAY(params, PG_ARRAY_TEXT, batch, pg_param_text(params, each->kind));
	PUT_ARRAY(params, PG_ARRAY_UUID, batch, put_claim(params, each));
	PUT_ARRAY(params, PG_ARRAY_INT8, batch, put_version(params, each));
	PUT_ARRAY(params, PG_ARRAY_TEXT, batch, pg_param_text(params, each->source));
	PUT_ARRAY(params, PG_ARRAY_TEXT, batch, put_detail(params, each));
	return params;
}

static struct pg_params *security_params(const struct entry_list *batch)
{
	struct pg_params *params = pg_params_new();

	PUT_ARRAY(params, PG_ARRAY_TIMESTAMPTZ, batch, pg_param_time_us(params, each->at_us));
	PUT_ARRAY(params, PG_ARRAY_UUID, batch, pg_param_uuid(params, each->id));
	PUT_ARRAY(params, PG_ARRAY_TEXT, batch, pg_param_text(params, each->kind));
	PUT_ARRAY(params, PG_ARRAY_MACADDR, batch, put_mac_if_known(params, each));
	PUT_ARRAY(params, PG_ARRAY_BYTEA, batch, put_fingerprint_if_known(params, each));
	PUT_ARRAY(params, PG_ARRAY_TEXT, batch, pg_param_text(params, each->source));
	PUT_ARRAY(params, PG_ARRAY_TEXT, batch, put_detail(params, each));
	return params;
}

static void queue_write(struct queue *queue);

/* Tells the one who drains, once: when there is nothing left, or nobody to write it to. */
static void tell_if_drained(struct events *events)
{
	void (*done)(void *ctx) = events->drained;
	size_t left = events->device.count + events->security.count;
	int give_up = events->drain_failures >= DRAIN_TRIES || !pg_is_ready(events->primary);

	if (done == NULL || (left > 0 && !give_up))
		return;
	if (left > 0) {
		metrics_add(METRIC_EVENTS_DROPPED, 0, left);
		LOG_ERROR("events_lost", log_uint("events", left));
	}
	events->drained = NULL;
	done(events->drained_ctx);
}

static int is_refused(const struct pg_error *error)
{
	return error->err == ERR_REFUSED || error->err == ERR_DENIED;
}

static void queue_forget(struct queue *queue, size_t written)
{
	entries_free(&queue->writing);
	queue->count -= written;
}

static void on_written(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	struct queue *queue = ctx;
	struct events *events = queue->events;
	size_t written = 0;
	const struct entry *each;

	(void)rows, (void)count;
	queue->busy = 0;
	STAILQ_FOREACH(each, &queue->writing, link)
	written++;
	if (error == NULL) {
		metrics_add(METRIC_EVENTS_WRITTEN, 0, written);
		queue_forget(queue, written);
		queue->batch_max = BATCH_MAX;
	} else if (is_refused(error) && written == 1) {
		/* What the schema refuses today it refuses tomorrow: said, counted, not tried
		 * again. */
		LOG_ERROR("event_refused", log_str("statement", queue->statement->name),
		    log_str("sqlstate", error->sqlstate), log_str("message", error->message));
		metrics_add(METRIC_EVENTS_DROPPED, 0, 1);
		queue_forget(queue, 1);
	} else {
		if (is_refused(error))
			queue->batch_max = written / 2;
		else if (log_gate_open(&gate))
			LOG_WARN("events_delayed", log_str("statement", queue->statement->name),
			    log_uint("queued", queue->count), log_err(error->err),
			    log_str("message", error->message));
		STAILQ_CONCAT(&queue->writing, &queue->waiting);
		STAILQ_CONCAT(&queue->waiting, &queue->writing);
		events->drain_failures += !is_refused(error);
	}
	if (error != NULL && error->err == ERR_CLOSED)
		return;
	if (queue->count > 0 && (error == NULL || is_refused(error)))
		queue_write(queue);
	else if (queue->count > 0)
		event_add(events->timer, &events->interval);
	tell_if_drained(events);
}

static void queue_write(struct queue *queue)
{
	struct entry *entry;
	size_t count = 0;

	if (queue->busy || STAILQ_EMPTY(&queue->waiting))
		return;
	while (count < queue->batch_max && (entry = STAILQ_FIRST(&queue->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&queue->waiting, link);
		STAILQ_INSERT_TAIL(&queue->writing, entry, link);
		count++;
	}
	queue->busy = 1;
	pg_submit(queue->events->primary,
	    &(struct pg_call){queue->statement, queue->params(&queue->writing)}, 1, on_written,
	    queue);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct events *events = ctx;

	(void)fd, (void)what;
	queue_write(&events->device);
	queue_write(&events->security);
}

/* A new entry at the end of the queue; NULL when there is no room. */
static struct entry *queue_add(struct queue *queue, const char *source, const char *detail)
{
	static struct log_gate gate;
	struct events *events = queue->events;

	if (queue->count >= events->queue_max) {
		metrics_add(METRIC_EVENTS_DROPPED, 0, 1);
		if (log_gate_open(&gate))
			LOG_ERROR("events_dropped", log_uint("queued", queue->count),
			    log_uint("suppressed", gate.suppressed));
		return NULL;
	}
	struct entry *entry = calloc(1, sizeof *entry);
	CHECK(entry != NULL);
	entry->at_us = clock_unix_us();
	if (entry->at_us <= events->last_us)
		entry->at_us = events->last_us + 1;
	events->last_us = entry->at_us;
	random_fill(entry->id, sizeof entry->id);
	snprintf(entry->source, sizeof entry->source, "%s", source);
	snprintf(entry->detail, sizeof entry->detail, "%s", detail != NULL ? detail : "");
	STAILQ_INSERT_TAIL(&queue->waiting, entry, link);
	queue->count++;
	if (!event_pending(events->timer, EV_TIMEOUT, NULL))
		event_add(events->timer, &events->interval);
	return entry;
}

void events_add(struct events *events, const struct device_event *event)
{
	struct entry *entry = queue_add(&events->device, event->source, event->detail);

	if (entry == NULL)
		return;
	entry->mac = event->mac;
	entry->kind = event->kind;
	entry->password_version = event->password_version;
	if (event->claim_id != NULL) {
		entry->has_claim = 1;
		memcpy(entry->claim_id, event->claim_id, sizeof entry->claim_id);
	}
}

void events_add_security(struct events *events, const struct security_event *event)
{
	struct entry *entry = queue_add(&events->security, event->source, event->detail);

	if (entry == NULL)
		return;
	entry->kind = event->kind;
	entry->mac = event->mac;
	entry->fingerprint = event->fingerprint;
}

static void queue_init(struct queue *queue, struct events *events,
    const struct pg_statement *statement,
    struct pg_params *(*params)(const struct entry_list *batch))
{
	queue->events = events;
	queue->statement = statement;
	queue->params = params;
	queue->batch_max = BATCH_MAX;
	STAILQ_INIT(&queue->waiting);
	STAILQ_INIT(&queue->writing);
}

struct events *events_new(struct event_base *base, const char *conninfo, int prepare,
    unsigned interval_ms, size_t queue_max)
{
	struct events *events = calloc(1, sizeof *events);

	CHECK(events != NULL);
	events->primary = pg_new(&(struct pg_config){.base = base,
	    .conninfo = conninfo,
	    .statements = queries_redirector,
	    .prepare = prepare,
	    .connect_ms = CONNECT_MS,
	    .deadline_ms = DEADLINE_MS,
	    .queue_max = 4});
	events->interval.tv_sec = interval_ms / 1000;
	events->interval.tv_usec = interval_ms % 1000 * 1000;
	events->queue_max = queue_max;
	events->timer = event_new(base, -1, 0, on_timer, events);
	CHECK(events->timer != NULL);
	queue_init(&events->device, events, &query_events_insert, device_params);
	queue_init(&events->security, events, &query_security_events_insert, security_params);
	return events;
}

void events_drain(struct events *events, void (*done)(void *ctx), void *ctx)
{
	events->drained = done;
	events->drained_ctx = ctx;
	events->drain_failures = 0;
	on_timer(-1, 0, events);
	tell_if_drained(events);
}

void events_free(struct events *events)
{
	if (events == NULL)
		return;
	pg_free(events->primary);
	entries_free(&events->device.waiting);
	entries_free(&events->device.writing);
	entries_free(&events->security.waiting);
	entries_free(&events->security.writing);
	event_free(events->timer);
	free(events);
}
