/*
 * What the HTTP reader made of some bytes, as one line of text, so that a test can compare how the
 * same bytes are understood when they come cut in different places.
 *
 * "[GET /a 1.1 keep body][hello][end]" or "[400 bare_lf]"; "[more]" when a request is unfinished.
 * Shared by the unit test and the fuzz target.
 */
#ifndef FIRSTRING_TESTS_HTTP1_TRANSCRIPT_H
#define FIRSTRING_TESTS_HTTP1_TRANSCRIPT_H

#include <stdio.h>

#include "common/net/http1.h"

struct transcript {
	struct http1_reader reader;
	struct buf text;
	uint64_t body_max;
	int in_request, in_body, failed;
};

static inline void transcript_begin(struct transcript *transcript, uint64_t body_max)
{
	http1_init(&transcript->reader);
	buf_init(&transcript->text, 0);
	transcript->body_max = body_max;
	transcript->in_request = transcript->in_body = transcript->failed = 0;
}

static inline void transcript_end(struct transcript *transcript)
{
	http1_free(&transcript->reader);
	buf_free(&transcript->text);
}

static inline void transcript_head(struct transcript *transcript)
{
	const struct http1_head *head = &transcript->reader.head;
	buf_printf(&transcript->text, "[%.*s %.*s 1.%d %s%s%s]", (int)head->method.len,
	    head->method.text, (int)head->target.len, head->target.text, head->minor_version,
	    head->keep_alive ? "keep" : "close", head->has_body ? " body" : "",
	    head->expect_continue ? " expect" : "");
	transcript->reader.body_max = transcript->body_max;
}

/* Consecutive pieces of a body are one: where they are cut is the one thing that may differ. */
static inline void transcript_body(struct transcript *transcript)
{
	if (!transcript->in_body)
		buf_put_str(&transcript->text, "[");
	transcript->in_body = 1;
	buf_put(&transcript->text, transcript->reader.body.text, transcript->reader.body.len);
}

static inline void transcript_feed(struct transcript *transcript, const char *bytes, size_t len)
{
	size_t used = 0;
	while (!transcript->failed) {
		/* A request begins with its first byte. */
		if (used < len)
			transcript->in_request = 1;
		else if (!transcript->in_request)
			return;
		enum http1_event event = http1_read(&transcript->reader, bytes, len, &used);
		if (event == HTTP1_BODY) {
			transcript_body(transcript);
			continue;
		}
		if (event == HTTP1_NEED_MORE)
			return;
		if (transcript->in_body)
			buf_put_str(&transcript->text, "]");
		transcript->in_body = 0;
		if (event == HTTP1_HEAD) {
			transcript_head(transcript);
		} else if (event == HTTP1_END) {
			buf_put_str(&transcript->text, "[end]");
			http1_next(&transcript->reader);
			transcript->in_request = 0;
		} else {
			buf_printf(&transcript->text, "[%d %s]", transcript->reader.status,
			    transcript->reader.reason);
			transcript->failed = 1;
		}
	}
}

/* No more bytes come. */
static inline void transcript_close(struct transcript *transcript)
{
	if (transcript->in_body)
		buf_put_str(&transcript->text, "]");
	if (transcript->in_request && !transcript->failed)
		buf_put_str(&transcript->text, "[more]");
}

#endif
