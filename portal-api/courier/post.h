/*
 * Posting to a stranger's server, on the event loop: https with a verified certificate, to public
 * addresses only, no redirect followed, no proxy, one deadline for all of it.
 *
 * libcurl's multi interface; known in this file alone. What the server answers is read for its
 * status, up to a bound, and thrown away.
 */
#ifndef FIRSTRING_PORTAL_COURIER_POST_H
#define FIRSTRING_PORTAL_COURIER_POST_H

#include <event2/event.h>

#include "common/base/buf.h"

struct poster;

struct poster_config {
	struct event_base *base;
	const char *authorities; /* PEM file; borrowed */
	int allow_loopback; /* tests only */
	unsigned timeout_ms;
};

struct post_result {
	long status; /* 0: no answer */
	const char *error; /* NULL when there was an answer; lives until the callback returns */
	unsigned took_ms;
};

/* Headers are whole lines without line breaks, NULL-terminated; copied, as is the body. */
struct post {
	const char *url;
	const char *const *headers;
	const void *body;
	size_t body_len;
	void (*done)(const struct post_result *result, void *ctx); /* once, from the loop */
	void *ctx;
};

struct poster *poster_new(const struct poster_config *config);
void poster_post(struct poster *poster, const struct post *post);
/* Posts in flight end without their callback. */
void poster_free(struct poster *poster);

#endif
