/* Queues of events, written in batches to the primary, or spooled. Texts in them come from the
 * configuration or the peer's address, never from a request. */
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

/* A batch is soon written: answers that a long one would hold up on a busy machine are not late. */
enum { BATCH_MAX = 256, DRAIN_TRIES = 3 };

struct entry {
	STAILQ_ENTRY(entry) link;
	struct event_record record;
};
STAILQ_HEAD(entry_list, entry);

/* Where entries of one type are, and what they are written with. The spool's stream has one of each
 * type too: what was read back and is not yet known to be written. */
struct queue {
	const struct pg_statement *statement;
	struct pg_params *(*params)(const struct entry_list *batch);
	struct entry_list waiting, writing;
	size_t count; /* of both lists */
};

enum { QUEUE_DEVICE, QUEUE_SECURITY, QUEUES };

/* Entries on their way to the database; one batch at a time, of both types, is one transaction. */
struct stream {
	struct events *events;
	struct queue queues[QUEUES];
	size_t batch_max; /* smaller while one of the waiting is refused, to find which */
	int busy;
};

struct events {
	struct primary *primary;
	struct spool *spool;
	struct event *timer;
	struct timeval interval;
	size_t queue_max;
	int64_t last_us; /* so that events of one microsecond keep their order */
	struct stream fresh, spooled;
	int is_away; /* the last batch was not taken: the primary is there and does not answer */
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

static size_t entries_count(const struct entry_list *list)
{
	const struct entry *each;
	size_t count = 0;

	STAILQ_FOREACH(each, list, link)
	count++;
	return count;
}

/* One array parameter: a value of each entry. */
#define PUT_ARRAY(params, type, list, put)                                                         \
	do {                                                                                       \
		const struct entry *each_entry;                                                    \
		pg_param_array_begin(params, type);                                                \
		STAILQ_FOREACH(each_entry, list, link)                                             \
		{                                                                                  \
			const struct event_record *each = &each_entry->record;                     \
			put;                                                                       \
		}                                                                                  \
		pg_param_array_end(params);                                                        \
	} while (0)

static void put_detail(struct pg_params *params, const struct event_record *record)
{
	char json[EVENT_DETAIL_LEN + 16];

	snprintf(json, sizeof json, "{\"reason\":\"%s\"}", record->detail);
	pg_param_text(params, record->detail[0] != '\0' ? json : NULL);
}

static void put_claim(struct pg_params *params, const struct event_record *record)
{
	if (record->has_claim)
		pg_param_uuid(params, record->claim_id);
	else
		pg_param_null(params);
}

static void put_version(struct pg_params *params, const struct event_record *record)
{
	if (record->password_version > 0)
		pg_param_int(params, record->password_version);
	else
		pg_param_null(params);
}

static void put_mac_if_known(struct pg_params *params, const struct event_record *record)
{
	if (mac_to_uint(&record->mac) != 0)
		pg_param_mac(params, &record->mac);
	else
		pg_param_null(params);
}

static void put_fingerprint_if_known(struct pg_params *params, const struct event_record *record)
{
	static const struct fingerprint NONE;
	int is_known = memcmp(&record->fingerprint, &NONE, sizeof NONE) != 0;

	pg_param_bytea(
	    params, is_known ? record->fingerprint.bytes : NULL, sizeof record->fingerprint.bytes);
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

static size_t stream_count(const struct stream *stream)
{
	return stream->queues[QUEUE_DEVICE].count + stream->queues[QUEUE_SECURITY].count;
}

static void arm_timer(struct events *events)
{
	if (!event_pending(events->timer, EV_TIMEOUT, NULL))
		event_add(events->timer, &events->interval);
}

/* Whether there is no more to wait for: company enough, or an end. */
static int is_batch_full(const struct stream *stream)
{
	return stream_count(stream) >= stream->batch_max || stream->events->drained != NULL;
}

static struct queue *queue_of(struct stream *stream, const struct event_record *record)
{
	return &stream->queues[record->type == EVENT_SECURITY ? QUEUE_SECURITY : QUEUE_DEVICE];
}

static void queue_put(struct queue *queue, struct entry *entry)
{
	STAILQ_INSERT_TAIL(&queue->waiting, entry, link);
	queue->count++;
}

/* Tells the one who drains, once: when there is nothing left, or nobody to write it to. */
static void tell_if_drained(struct events *events)
{
	void (*done)(void *ctx) = events->drained;
	size_t left = stream_count(&events->fresh);
	int give_up = events->drain_failures >= DRAIN_TRIES || !primary_is_ready(events->primary);

	if (done == NULL || events->fresh.busy || (left > 0 && !give_up))
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

static void stream_forget(struct stream *stream)
{
	for (size_t i = 0; i < QUEUES; i++) {
		struct queue *queue = &stream->queues[i];
		queue->count -= entries_count(&queue->writing);
		entries_free(&queue->writing);
	}
}

/* What was tried goes back to the front. */
static void stream_put_back(struct stream *stream)
{
	for (size_t i = 0; i < QUEUES; i++) {
		struct queue *queue = &stream->queues[i];
		STAILQ_CONCAT(&queue->writing, &queue->waiting);
		STAILQ_CONCAT(&queue->waiting, &queue->writing);
	}
}

static void work(struct events *events);

static void on_written(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	struct stream *stream = ctx;
	struct events *events = stream->events;
	size_t written = entries_count(&stream->queues[QUEUE_DEVICE].writing) +
			 entries_count(&stream->queues[QUEUE_SECURITY].writing);

	(void)rows, (void)count;
	stream->busy = 0;
	events->is_away = error != NULL && !is_refused(error);
	if (error == NULL) {
		metrics_add(METRIC_EVENTS_WRITTEN, 0, written);
		stream_forget(stream);
		stream->batch_max = BATCH_MAX;
	} else if (is_refused(error) && written == 1) {
		/* What the schema refuses today it refuses tomorrow: said, counted, not tried
		 * again. */
		LOG_ERROR("event_refused", log_str("sqlstate", error->sqlstate),
		    log_str("message", error->message));
		metrics_add(METRIC_EVENTS_DROPPED, 0, 1);
		stream_forget(stream);
	} else {
		if (is_refused(error))
			stream->batch_max = written / 2;
		else if (log_gate_open(&gate))
			LOG_WARN("events_delayed", log_uint("queued", stream_count(stream)),
			    log_err(error->err), log_str("message", error->message));
		stream_put_back(stream);
		events->drain_failures += !is_refused(error);
	}
	if (error != NULL && error->err == ERR_CLOSED)
		return;
	work(events);
	tell_if_drained(events);
}

static void stream_write(struct stream *stream)
{
	struct pg_call calls[QUEUES];
	size_t call_count = 0, room = stream->batch_max;

	if (stream->busy || stream_count(stream) == 0)
		return;
	for (size_t i = 0; i < QUEUES; i++) {
		struct queue *queue = &stream->queues[i];
		struct entry *entry;
		for (; room > 0 && (entry = STAILQ_FIRST(&queue->waiting)) != NULL; room--) {
			STAILQ_REMOVE_HEAD(&queue->waiting, link);
			STAILQ_INSERT_TAIL(&queue->writing, entry, link);
		}
		if (!STAILQ_EMPTY(&queue->writing))
			calls[call_count++] =
			    (struct pg_call){queue->statement, queue->params(&queue->writing)};
	}
	stream->busy = 1;
	primary_submit(stream->events->primary, calls, call_count, on_written, stream);
}

/* Moves what waits to the file. What does not go in waits on, in memory. */
static void spool_waiting(struct events *events)
{
	uint64_t spooled = 0;

	for (size_t i = 0; i < QUEUES; i++) {
		struct queue *queue = &events->fresh.queues[i];
		struct entry *entry;
		while ((entry = STAILQ_FIRST(&queue->waiting)) != NULL &&
		       spool_append(events->spool, &entry->record) == ERR_OK) {
			STAILQ_REMOVE_HEAD(&queue->waiting, link);
			queue->count--;
			spooled++;
			free(entry);
		}
	}
	metrics_add(METRIC_EVENTS_SPOOLED, 0, spooled);
}

/* Reads the next batch back, once the one before it is durable. */
static void read_spool(struct events *events)
{
	struct event_record record;

	if (events->spooled.busy || stream_count(&events->spooled) > 0)
		return;
	spool_settle(events->spool);
	while (stream_count(&events->spooled) < BATCH_MAX &&
	       spool_take(events->spool, &record) == ERR_OK) {
		struct entry *entry = malloc(sizeof *entry);
		CHECK(entry != NULL);
		entry->record = record;
		queue_put(queue_of(&events->spooled, &record), entry);
	}
	if (stream_count(&events->spooled) == 0)
		spool_settle(events->spool);
}

/* All that can be done now. While the primary is away, what was read back is what it is tried with:
 * what is fresh goes to the file. */
static void work(struct events *events)
{
	int is_ready = primary_is_ready(events->primary);

	if (events->spool != NULL && (!is_ready || events->is_away)) {
		spool_waiting(events);
		spool_look_again(events->spool);
	} else if (is_ready && !events->is_away && is_batch_full(&events->fresh)) {
		stream_write(&events->fresh);
	}
	/* A worker that leaves reads nothing back: its successor does. */
	if (events->spool != NULL && is_ready && events->drained == NULL) {
		read_spool(events);
		if (!events->is_away)
			stream_write(&events->spooled);
	}
	if (stream_count(&events->fresh) + stream_count(&events->spooled) > 0 ||
	    (events->spool != NULL && spool_has_more(events->spool)))
		arm_timer(events);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct events *events = ctx;

	(void)fd, (void)what;
	/* An interval later it is tried again, with what came first. */
	if (primary_is_ready(events->primary)) {
		int is_probe = events->is_away && stream_count(&events->spooled) > 0;
		stream_write(is_probe ? &events->spooled : &events->fresh);
	}
	work(events);
	tell_if_drained(events);
}

/* A new entry; NULL when there is no room. */
static struct event_record *add(
    struct events *events, enum event_type type, const char *source, const char *detail)
{
	static struct log_gate gate;
	struct entry *entry = calloc(1, sizeof *entry);

	CHECK(entry != NULL);
	struct event_record *record = &entry->record;
	record->type = (uint8_t)type;
	struct queue *queue = queue_of(&events->fresh, record);
	if (queue->count >= events->queue_max) {
		metrics_add(METRIC_EVENTS_DROPPED, 0, 1);
		if (log_gate_open(&gate))
			LOG_ERROR("events_dropped", log_uint("queued", queue->count),
			    log_uint("suppressed", gate.suppressed));
		free(entry);
		return NULL;
	}
	record->at_us = clock_unix_us();
	if (record->at_us <= events->last_us)
		record->at_us = events->last_us + 1;
	events->last_us = record->at_us;
	random_fill(record->id, sizeof record->id);
	snprintf(record->source, sizeof record->source, "%s", source);
	snprintf(record->detail, sizeof record->detail, "%s", detail != NULL ? detail : "");
	queue_put(queue, entry);
	if (is_batch_full(&events->fresh) && !events->fresh.busy && !events->is_away &&
	    primary_is_ready(events->primary))
		event_active(events->timer, EV_TIMEOUT, 0);
	else
		arm_timer(events);
	return record;
}

void events_add(struct events *events, const struct device_event *event)
{
	struct event_record *record = add(events, EVENT_DEVICE, event->source, event->detail);

	if (record == NULL)
		return;
	record->mac = event->mac;
	snprintf(record->kind, sizeof record->kind, "%s", event->kind);
	record->password_version = event->password_version;
	if (event->claim_id != NULL) {
		record->has_claim = 1;
		memcpy(record->claim_id, event->claim_id, sizeof record->claim_id);
	}
}

void events_add_security(struct events *events, const struct security_event *event)
{
	struct event_record *record = add(events, EVENT_SECURITY, event->source, event->detail);

	if (record == NULL)
		return;
	snprintf(record->kind, sizeof record->kind, "%s", event->kind);
	record->mac = event->mac;
	record->fingerprint = event->fingerprint;
}

static void stream_init(struct stream *stream, struct events *events)
{
	stream->events = events;
	stream->batch_max = BATCH_MAX;
	stream->queues[QUEUE_DEVICE].statement = &query_events_insert;
	stream->queues[QUEUE_DEVICE].params = device_params;
	stream->queues[QUEUE_SECURITY].statement = &query_security_events_insert;
	stream->queues[QUEUE_SECURITY].params = security_params;
	for (size_t i = 0; i < QUEUES; i++) {
		STAILQ_INIT(&stream->queues[i].waiting);
		STAILQ_INIT(&stream->queues[i].writing);
	}
}

static void stream_free(struct stream *stream)
{
	for (size_t i = 0; i < QUEUES; i++) {
		entries_free(&stream->queues[i].waiting);
		entries_free(&stream->queues[i].writing);
	}
}

struct events *events_new(struct event_base *base, const struct events_config *config)
{
	struct events *events = calloc(1, sizeof *events);

	CHECK(events != NULL && config->primary != NULL);
	events->primary = config->primary;
	events->spool = config->spool;
	events->interval.tv_sec = config->interval_ms / 1000;
	events->interval.tv_usec = config->interval_ms % 1000 * 1000;
	events->queue_max = config->queue_max;
	events->timer = event_new(base, -1, 0, on_timer, events);
	CHECK(events->timer != NULL);
	stream_init(&events->fresh, events);
	stream_init(&events->spooled, events);
	if (events->spool != NULL)
		arm_timer(events);
	return events;
}

void events_drain(struct events *events, void (*done)(void *ctx), void *ctx)
{
	events->drained = done;
	events->drained_ctx = ctx;
	events->drain_failures = 0;
	on_timer(-1, 0, events);
}

void events_free(struct events *events)
{
	if (events == NULL)
		return;
	stream_free(&events->fresh);
	stream_free(&events->spooled);
	event_free(events->timer);
	free(events);
}

size_t events_queued(const struct events *events)
{
	size_t count = 0;

	for (size_t i = 0; i < QUEUES; i++)
		count += events->fresh.queues[i].count;
	return count;
}
