/*
 * GET /v1/events/stream: the feed as server-sent events (WHATWG HTML, section 9.2).
 *
 * Each event's id is the feed's cursor: Last-Event-ID resumes where a stream was cut. A stream asks
 * the database once a second, sends a comment when there was nothing for a while, and ends after
 * its time, so that a token that was revoked does not read on: clients come again by themselves. A
 * peer that does not read runs into its deadline. Streams are bounded per tenant and worker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "portal-api/events/feed.h"
#include "portal-api/events/streams.h"
#include "portal-api/http/stream.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

enum { POLL_MS = 1000, PAGE_ROWS = 200, RETRY_MS = 2000 };

struct live {
	struct event_stream stream; /* first: the list hands it back */
	struct request *request;
	struct event *timer;
	struct feed_position position;
	int has_position; /* 0: from now on */
	int asked, is_over; /* is_over: to be ended when the database has answered */
	int64_t until_ms, beat_ms; /* of the monotonic clock */
};

static void live_free(void *state)
{
	struct live *live = state;
	event_streams_remove(&live->stream);
	if (live->timer)
		event_free(live->timer);
	free(live);
}

static void end(struct live *live)
{
	live->is_over = 1;
	if (!live->asked)
		request_stream_end(live->request, 1);
}

static void on_worker_leaves(struct event_stream *stream)
{
	end((struct live *)stream);
}

static void on_gone(struct request *request)
{
	end(request->state);
}

static void wait_ms(struct live *live, unsigned ms)
{
	struct timeval delay = {ms / 1000, (ms % 1000) * 1000};
	event_add(live->timer, &delay);
}

static void put_event(struct live *live, const struct pg_rows *rows, size_t row)
{
	char place[CURSOR_PLACE_MAX + 1], cursor[CURSOR_TEXT_MAX + 1];
	struct buf text = {0};
	json_t *event = row_object(rows, row, feed_fields, FEED_FIELD_COUNT);
	char *data = json_dumps(event, JSON_COMPACT);
	CHECK(data);
	live->position = feed_row_position(rows, row);
	feed_place(&live->position, place);
	cursor_format("events", live->request->principal.itsp_id, place, cursor);
	buf_printf(&text, "id: %s\nevent: %s\ndata: %s\n\n", cursor,
	    row_text(rows, row, row_column(rows, "kind")), data);
	(void)exchange_write(live->request->exchange, text.bytes, text.len);
	buf_free(&text);
	free(data);
	json_decref(event);
}

static void on_events(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct live *live = request->state;
	const struct pg_rows *rows = results[0];
	int64_t now_ms = clock_monotonic_ms();
	CHECK(count == 1);
	live->asked = 0;
	for (size_t i = 0; i < row_count(rows) && !exchange_is_closed(request->exchange); i++)
		put_event(live, rows, i);
	if (live->is_over || now_ms >= live->until_ms) {
		request_stream_end(request, 1);
		return;
	}
	if (row_count(rows) > 0)
		live->beat_ms = now_ms + request->portal->config->stream_heartbeat_ms;
	wait_ms(live, row_count(rows) == PAGE_ROWS ? 0 : POLL_MS);
}

/* The database is away: the stream waits with it, the client need not know. */
static void on_failed(struct request *request)
{
	struct live *live = request->state;
	live->asked = 0;
	if (live->is_over)
		request_stream_end(request, 1);
	else
		wait_ms(live, POLL_MS);
}

static void ask(struct live *live)
{
	struct pg_params *params = pg_params_new();
	pg_param_int(params, live->position.xid);
	pg_param_int(params, live->position.seq);
	pg_param_int(params, PAGE_ROWS);
	live->asked = 1;
	request_query(live->request, &(struct pg_call){&query_events_list, params}, 1, on_events);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	static const char beat[] = ": still here\n\n";
	struct live *live = ctx;
	struct exchange *exchange = live->request->exchange;
	int64_t now_ms = clock_monotonic_ms();
	(void)fd;
	(void)events;
	if (live->is_over || now_ms >= live->until_ms) {
		end(live);
		return;
	}
	if (exchange_unsent(exchange) > 0) {
		/* The reader is behind: nothing more until it has read, and no longer time for it.
		 */
		wait_ms(live, POLL_MS);
		return;
	}
	request_stream_go_on(live->request);
	if (now_ms >= live->beat_ms) {
		live->beat_ms = now_ms + live->request->portal->config->stream_heartbeat_ms;
		(void)exchange_write(exchange, beat, sizeof(beat) - 1);
	}
	ask(live);
}

static void begin(struct request *request)
{
	struct live *live = request->state;
	const struct portal_config *config = request->portal->config;
	char hello[32];
	int len = snprintf(hello, sizeof(hello), "retry: %d\n\n", RETRY_MS);
	live->until_ms = clock_monotonic_ms() + config->stream_life_ms;
	live->beat_ms = clock_monotonic_ms() + config->stream_heartbeat_ms;
	live->timer = event_new(request->portal->streams->base, -1, 0, on_timer, live);
	CHECK(live->timer);
	request_stream_begin(request,
	    &(struct stream_begin){
		.content_type = "text/event-stream", .failed = on_failed, .gone = on_gone});
	if (span_equal(exchange_head(request->exchange)->method, "HEAD")) {
		request_stream_end(request, 1);
		return;
	}
	event_streams_add(request->portal->streams, &live->stream);
	(void)exchange_write(request->exchange, hello, (size_t)len);
	ask(live);
}

static void on_now(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct live *live = request->state;
	CHECK(count == 1);
	live->position = feed_row_position(results[0], 0);
	begin(request);
}

/* Last-Event-ID, which clients send by themselves, goes before `after`. */
static int read_position(struct request *request, struct live *live)
{
	struct page page = {0};
	struct span field;
	char cursor[CURSOR_TEXT_MAX + 1] = "";
	enum err err = http1_field(exchange_head(request->exchange), "last-event-id", &field);
	if (err == ERR_NOT_FOUND) {
		if (request_page(request, "events", &page))
			return -1;
		live->has_position = page.has_cursor;
	} else {
		if (!err && field.len <= CURSOR_TEXT_MAX)
			memcpy(cursor, field.text, field.len);
		if (cursor_parse("events", request->principal.itsp_id, cursor, page.place) !=
		    ERR_OK) {
			request_fail(request, PROBLEM_BAD_CURSOR,
			    "Last-Event-ID must be the id of an event of this feed.");
			return -1;
		}
		live->has_position = 1;
	}
	if (live->has_position)
		live->position = feed_position_of(page.place);
	return 0;
}

void event_stream(struct request *request)
{
	struct event_streams *streams = request->portal->streams;
	struct live *live = calloc(1, sizeof(*live));
	CHECK(live);
	request->state = live;
	request->state_free = live_free;
	live->request = request;
	live->stream =
	    (struct event_stream){.itsp_id = request->principal.itsp_id, .end = on_worker_leaves};
	if (read_position(request, live))
		return;
	if (streams->are_ended || event_streams_of(streams, request->principal.itsp_id) >=
				      (size_t)request->portal->config->streams_per_itsp) {
		request->retry_after_s = 1 + random_below(5);
		request_fail(request, PROBLEM_TOO_MANY_STREAMS,
		    "Your other streams are still open; use one for all, or GET /v1/events.");
		return;
	}
	if (live->has_position)
		begin(request);
	else
		request_query(request, &(struct pg_call){&query_events_now, NULL}, 1, on_now);
}
