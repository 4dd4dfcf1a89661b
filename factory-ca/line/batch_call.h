/*
 * One batch call to the front: rows out, rows back as they become durable. Blocking, with a
 * deadline on each step; runs in the worker threads of factory-line.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_BATCH_CALL_H
#define FIRSTRING_FACTORY_CA_LINE_BATCH_CALL_H

#include "common/base/buf.h"
#include "factory-ca/commands/https_client.h"
#include "factory-ca/line/answer_stream.h"
#include "factory-ca/line/config.h"

struct batch_outcome {
	int status; /* HTTP; 0: none came */
	unsigned retry_after_s;
	char why[HTTPS_WHY_LEN]; /* a sentence when it failed */
};

/*
 * Posts the rows (NDJSON). Each line of a 200 goes to `on_line`. ERR_OK: the answer came whole.
 * ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CLOSED: it did not, or is a 503: what has come counts, ask
 * again for the rest. ERR_DENIED, ERR_SIGNATURE: who we or they are. ERR_REFUSED: 4xx, `why` has
 * the front's sentence. ERR_SYNTAX: not our front.
 */
MUST_CHECK enum err batch_call(const struct line_config *config, const char *order,
    const struct buf *rows, answer_line_fn *on_line, void *ctx, struct batch_outcome *outcome);

#endif
