/*
 * A request's answer in pieces: exports and the live feed.
 *
 * After request_stream_begin the handler ends on request_stream_end, once; a failure of the
 * database goes to `failed`. When the peer is gone, writes are for nothing and `gone` is called
 * once, from the loop: the handler still ends the stream.
 */
#ifndef FIRSTRING_PORTAL_HTTP_STREAM_H
#define FIRSTRING_PORTAL_HTTP_STREAM_H

#include "portal-api/http/request.h"

struct stream_begin {
	const char *content_type;
	const char *file_name; /* for people who save it; NULL: none */
	void (*failed)(struct request *request);
	void (*gone)(struct request *request);
};

void request_stream_begin(struct request *request, const struct stream_begin *begin);
/* Gives the answer another whole deadline; the peer that does not read runs into it. */
void request_stream_go_on(struct request *request);
void request_stream_end(struct request *request, int complete);

#endif
