/*
 * Leave to deliver, where a delivery must be written before it is answered: redelivery `once`, and
 * both stages of a staged one.
 *
 * Only the primary can give it; while it is away there is none, and the caller says 503. What is
 * granted is durable, told in the ITSP's feed and the password the delivered one, whatever becomes
 * of the answer: a phone that did not get it asks again within its grace. Runs in workers.
 */
#ifndef FIRSTRING_REDIRECTOR_GRANT_H
#define FIRSTRING_REDIRECTOR_GRANT_H

#include <event2/event.h>
#include <stdint.h>

#include "common/answer/decide.h"
#include "common/pki/digest.h"

struct grants;

/* Asks over connections of its own: neither lookups nor batches of events are waited for. */
struct grants *grants_new(struct event_base *base, const char *const *conninfos, size_t count,
    int prepare, unsigned deadline_ms);
/* Callbacks that are due get GRANT_UNAVAILABLE. */
void grants_free(struct grants *grants);

/* Borrowed until the call returns. */
struct grant_request {
	const uint8_t *claim_id;
	int64_t claim_version, password_version; /* as looked up */
	int is_once;
	int64_t grace_s; /* once_grace_s */
	/* DECIDE_TOKEN_LEN characters: a new one for stage one, the phone's for stage two; NULL for
	 * a direct delivery. */
	const char *token;
	const struct fingerprint *fingerprint; /* of the phone's certificate */
	const char *source; /* the peer's address */
};

enum grant {
	GRANT_GIVEN, /* and told: the caller adds no event of the delivery */
	GRANT_REPEATED, /* once, again within the grace: told before */
	GRANT_LOCKED,
	GRANT_NOT_STAGED, /* the token is not this phone's, or past its time */
	GRANT_CHANGED, /* the claim is not as it was looked up */
	GRANT_UNAVAILABLE,
};
typedef void grant_fn(enum grant grant, void *ctx);

/* For a direct delivery and stage two. Never calls back before it returns; exactly once. */
void grant_delivery(
    struct grants *grants, const struct grant_request *request, grant_fn *done, void *ctx);
/* For stage one: keeps the token's hash for a day. Callbacks as above; never REPEATED or
 * NOT_STAGED. */
void grant_stage(
    struct grants *grants, const struct grant_request *request, grant_fn *done, void *ctx);

#endif
