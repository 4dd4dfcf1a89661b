/*
 * Calls to the front: a request out, lines back as they come. Blocking, with a deadline on each
 * step; runs in the worker threads of factory-line.
 */
#ifndef FIRSTRING_FACTORY_CA_LINE_FRONT_CALL_H
#define FIRSTRING_FACTORY_CA_LINE_FRONT_CALL_H

#include <jansson.h>

#include "common/base/buf.h"
#include "factory-ca/commands/https_client.h"
#include "factory-ca/line/answer_stream.h"
#include "factory-ca/line/config.h"

struct front_request {
	const char *path;
	const struct buf *rows; /* NDJSON to POST; NULL: a GET */
};

struct front_outcome {
	int status; /* HTTP; 0: none came */
	int asked_who; /* the server asked for our certificate, and we signed for it */
	unsigned retry_after_s;
	char why[HTTPS_WHY_LEN]; /* a sentence when it failed */
};

/* A connection that may serve several calls in turn. Zero-initialise; front_link_close() at the
 * end. */
struct front_link {
	int is_open;
	struct https_connection connection;
};
void front_link_close(struct front_link *link);

/*
 * One call. Each line of a 200 goes to `on_line`. `link` keeps the connection for the next one; one
 * that the front has closed meanwhile is made again. NULL: a connection for this call alone.
 * ERR_OK: the answer came whole. ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CLOSED: it did not, or is a 503:
 * what has come counts, ask again for the rest. ERR_DENIED, ERR_SIGNATURE: who we or they are.
 * ERR_REFUSED: 4xx, `why` has the front's sentence. ERR_SYNTAX: not our front.
 */
MUST_CHECK enum err front_call(struct front_link *link, const struct line_config *config,
    const struct front_request *request, answer_line_fn *on_line, void *ctx,
    struct front_outcome *outcome);

/* A text of a document of the front; "" when it has none. Borrowed. */
const char *front_text(const json_t *document, const char *key);

#endif
