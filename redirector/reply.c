/* Answers as HTTP. See reply.h. */
#include "redirector/reply.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

/* Spread, so that a storm of phones does not come back in step. */
enum { RETRY_AFTER_MIN_S = 5, RETRY_AFTER_SPREAD_S = 25 };

static const char *refusal_text(int status)
{
	switch (status) {
	case 401:
		return "Unauthorized\n";
	case 403:
		return "Forbidden\n";
	case 405:
		return "Method Not Allowed\n";
	case 503:
		return "Service Unavailable\n";
	default:
		return "Not Found\n";
	}
}

static void add_field(struct server_answer *answer, const char *name, const char *value)
{
	answer->headers[answer->header_count++] =
	    (struct http1_field){{name, strlen(name)}, {value, strlen(value)}};
}

void reply_add_common_fields(struct server_answer *answer)
{
	add_field(answer, "Cache-Control", "no-store");
}

void reply_make(struct reply *reply, enum decide_reason reason, const char *content_type,
    const struct buf *body)
{
	struct server_answer *answer = &reply->answer;
	int status = decide_status(reason);
	const char *text = refusal_text(status);

	CHECK(status != 200 || (body != NULL && content_type != NULL));
	*answer = (struct server_answer){.status = status,
	    .content_type = status == 200 ? content_type : "text/plain",
	    .body = status == 200 ? (const char *)body->bytes : text,
	    .body_len = status == 200 ? body->len : strlen(text)};
	reply_add_common_fields(answer);
	if (status == 401)
		add_field(answer, "WWW-Authenticate", "Basic realm=\"provisioning\"");
	if (status == 405)
		add_field(answer, "Allow", "GET, HEAD");
	if (status == 503) {
		snprintf(reply->retry_after, sizeof(reply->retry_after), "%u",
		    RETRY_AFTER_MIN_S + random_below(RETRY_AFTER_SPREAD_S));
		add_field(answer, "Retry-After", reply->retry_after);
	}
}
