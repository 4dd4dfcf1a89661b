/*
 * The answer of a batch call, piece by piece: status, then lines, then its end. Pure.
 *
 * It comes from our own front over verified TLS, and is read strictly all the same; a connection
 * that is cut is told from an answer that ended.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_ANSWER_STREAM_H
#define FIRSTRING_FACTORY_CA_LINE_ANSWER_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { ANSWER_LINE_MAX = 64 * 1024, ANSWER_HEAD_MAX = 16 * 1024 };

/* One line of the body without its end. */
typedef enum err answer_line_fn(const char *line, size_t len, void *ctx);

enum answer_part {
	ANSWER_HEAD,
	ANSWER_CHUNK_SIZE,
	ANSWER_BODY,
	ANSWER_CHUNK_END,
	ANSWER_TRAILER,
	ANSWER_COMPLETE,
};

/* Zero-initialise; answer_stream_free() at the end. */
struct answer_stream {
	enum answer_part part;
	int status; /* once part is past ANSWER_HEAD */
	unsigned retry_after_s; /* 0: not said */
	int chunked;
	uint64_t left; /* of the body, or of the chunk */
	struct buf text; /* head, or line so far: a line goes on over chunks */
	struct buf small; /* chunk size so far */
};

/* Feeds bytes. ERR_SYNTAX: not HTTP as we speak it; or what on_line returned. */
MUST_CHECK enum err answer_stream_feed(struct answer_stream *stream, const void *bytes, size_t len,
    answer_line_fn *on_line, void *ctx);
void answer_stream_free(struct answer_stream *stream);

#endif
