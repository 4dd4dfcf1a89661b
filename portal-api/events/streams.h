/*
 * The live streams of one worker (GET /v1/events/stream): how many each tenant has, and their end
 * when the worker leaves.
 */
#ifndef FIRSTRING_PORTAL_EVENTS_STREAMS_H
#define FIRSTRING_PORTAL_EVENTS_STREAMS_H

#include <event2/event.h>
#include <stddef.h>

/* One live stream; embedded in the handler's own state. */
struct event_stream {
	const char *itsp_id; /* borrowed */
	void (*end)(struct event_stream *stream); /* the worker leaves: end soon */
	struct event_stream *next, **link;
};

/* Zero-initialise but for base. */
struct event_streams {
	struct event_base *base;
	struct event_stream *first;
	int are_ended; /* 1: the worker leaves, take no more */
};

size_t event_streams_of(const struct event_streams *streams, const char *itsp_id);
void event_streams_add(struct event_streams *streams, struct event_stream *stream);
/* Of one that was never added it does nothing. */
void event_streams_remove(struct event_stream *stream);
void event_streams_end(struct event_streams *streams);

#endif
