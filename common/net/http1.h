/*
 * An HTTP/1.1 reader (RFC 9112): small, strict, incremental, pure.
 *
 * It takes hostile bytes and decides what is one request. What it accepts: HTTP/1.1 and 1.0;
 * exactly one Host for 1.1; an origin-form target up to 2 KiB; at most 64 fields and 8 KiB of them;
 * token and field syntax of RFC 9110 section 5; no obs-fold, bare LF, bare CR or NUL; a body by
 * one Content-Length of digits, or by `chunked` alone, never both. Everything else is an error
 * with a status and the connection closed. No I/O, no clock, no allocation but its bounded buffers.
 */
#ifndef FIRSTRING_NET_HTTP1_H
#define FIRSTRING_NET_HTTP1_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
	HTTP1_TARGET_MAX = 2048,
	HTTP1_FIELDS_MAX = 64,
	HTTP1_HEAD_MAX = 8192 + HTTP1_TARGET_MAX,
};

/* Borrowed text, not NUL-terminated. */
struct span {
	const char *text;
	size_t len;
};

struct http1_field {
	struct span name, value; /* value without surrounding white space */
};

/* A complete request head; spans point into the reader's buffer and live until http1_next(). */
struct http1_head {
	struct span method;
	struct span target; /* as sent */
	struct span path; /* up to '?', still percent-encoded */
	struct span query; /* after '?', may be empty */
	int minor_version; /* 0 or 1 */
	struct http1_field fields[HTTP1_FIELDS_MAX];
	size_t field_count;
	int keep_alive; /* what version and Connection ask for */
	int expect_continue; /* Expect: 100-continue */
	int has_body, chunked;
	uint64_t content_length; /* where not chunked */
};

enum http1_event {
	HTTP1_NEED_MORE, /* consumed all; feed more */
	HTTP1_HEAD, /* reader->head is complete; set reader->body_max, then go on */
	HTTP1_BODY, /* reader->body is the next piece of the (de-chunked) body */
	HTTP1_END, /* the request is complete; call http1_next() for the one after it */
	HTTP1_ERROR, /* reader->status and reader->reason; feed nothing more */
};

struct http1_reader {
	struct http1_head head;
	struct span body;
	uint64_t body_max; /* past it: 413. 0 until set: no body is accepted */
	int status; /* after HTTP1_ERROR: 400, 413, 414, 417, 431 or 505 */
	const char *reason; /* after HTTP1_ERROR: a stable snake_case literal for log and counter */
	struct buf buffer; /* private from here on */
	int state;
	int saw_cr, skipped_blank;
	size_t lines, field_bytes; /* whole lines seen; bytes of field lines */
	size_t line_len; /* of the line in hand */
	uint64_t left; /* of the body, or of the chunk in hand */
	uint64_t body_seen; /* of a chunked body, against body_max */
};

void http1_init(struct http1_reader *reader);
void http1_free(struct http1_reader *reader);
/*
 * Reads from bytes[*used..len), advances *used, and tells of the next event. Call again until
 * HTTP1_NEED_MORE, HTTP1_END or HTTP1_ERROR. How the bytes are cut never changes the events but
 * for where HTTP1_BODY is cut (a fuzz target holds it to that).
 */
enum http1_event http1_read(
    struct http1_reader *reader, const void *bytes, size_t len, size_t *used);
/* Prepares for the next request on the same connection; only after HTTP1_END. */
void http1_next(struct http1_reader *reader);

/* The one field of that name (case-insensitive): ERR_NOT_FOUND when absent, ERR_SYNTAX when
 * repeated. */
MUST_CHECK enum err http1_field(
    const struct http1_head *head, const char *name, struct span *value);
int span_equal(struct span span, const char *text);
int span_equal_nocase(struct span span, const char *text);
/* The decoded value of a query parameter ('+' is a space); ERR_NOT_FOUND, or ERR_SYNTAX for a bad
 * escape, a NUL or a parameter given twice. `value` gets a NUL; ERR_TOO_LONG when it does not fit.
 */
MUST_CHECK enum err http1_query(
    const struct http1_head *head, const char *name, char *value, size_t value_max);
/* Percent-decodes a path segment strictly (no NUL, no '/', no control characters). */
MUST_CHECK enum err http1_decode(struct span encoded, char *decoded, size_t decoded_max);

#endif
