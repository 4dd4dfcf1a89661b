/* The list of a worker's live streams; see streams.h. */
#include "portal-api/events/streams.h"

#include <string.h>

size_t event_streams_of(const struct event_streams *streams, const char *itsp_id)
{
	size_t count = 0;
	for (const struct event_stream *at = streams->first; at; at = at->next)
		count += strcmp(at->itsp_id, itsp_id) == 0;
	return count;
}

void event_streams_add(struct event_streams *streams, struct event_stream *stream)
{
	stream->next = streams->first;
	stream->link = &streams->first;
	if (stream->next)
		stream->next->link = &stream->next;
	streams->first = stream;
}

void event_streams_remove(struct event_stream *stream)
{
	if (!stream->link)
		return;
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	stream->link = NULL;
}

void event_streams_end(struct event_streams *streams)
{
	struct event_stream *next;
	streams->are_ended = 1;
	for (struct event_stream *at = streams->first; at; at = next) {
		next = at->next;
		at->end(at);
	}
}
