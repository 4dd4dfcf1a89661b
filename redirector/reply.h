/*
 * How a decision looks on the wire: status, fields and, for a refusal, the same few words for every
 * phone. Nothing in it may be kept by anybody on the way.
 */
#ifndef FIRSTRING_REDIRECTOR_REPLY_H
#define FIRSTRING_REDIRECTOR_REPLY_H

#include "common/answer/decide.h"
#include "common/base/buf.h"
#include "common/net/server.h"

struct reply {
	struct server_answer answer; /* points into the rest, and borrows the body */
	char retry_after[12];
};

/* `content_type` and `body` are those of a 200, else not looked at. */
void reply_make(struct reply *reply, enum decide_reason reason, const char *content_type,
    const struct buf *body);
/* For what is answered without a decision: the same cautious fields. */
void reply_add_common_fields(struct server_answer *answer);

#endif
