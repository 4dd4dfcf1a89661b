/*
 * What a phone is answered: from who it is, what it asks and what is on record, to an answer or the
 * reason for none.
 *
 * The request comes from the Internet, the identity from a verified certificate, the record from
 * PostgreSQL. Pure: the caller has looked everything up and tells the time. There are three
 * outcomes for a phone whose certificate verified: its answer, the common 404 (the same bytes for
 * every reason), and 403 for naming another phone; 405 and 503 come before and after.
 */
#ifndef FIRSTRING_ANSWER_DECIDE_H
#define FIRSTRING_ANSWER_DECIDE_H

#include <stddef.h>
#include <stdint.h>

#include "common/answer/format.h"
#include "common/base/err.h"
#include "common/base/mac.h"

enum decide_reason {
	DECIDE_ANSWER, /* 200 */
	/* 405 and 403: from the request and the certificate alone (decide_before_lookup). */
	DECIDE_METHOD,
	DECIDE_OTHER_MAC,
	/* 401: on a listener that asks for user and password. */
	DECIDE_NO_CREDENTIALS,
	DECIDE_WRONG_CREDENTIALS,
	/* The common 404. */
	DECIDE_NOT_LIVE, /* the certificate verifies and was never on record */
	DECIDE_DEAD_CERTIFICATE, /* it was ours once: revoked or replaced */
	DECIDE_OTHER_DEVICE, /* on record for another MAC than it says */
	DECIDE_WRONG_LISTENER, /* it is for other models */
	DECIDE_WEAK_LISTENER, /* the phone can do better than this listener */
	DECIDE_UNKNOWN_FILE,
	DECIDE_COMMON_FILE,
	DECIDE_UNCLAIMED,
	DECIDE_SUSPENDED,
	DECIDE_ITSP_SUSPENDED,
	DECIDE_WINDOW_CLOSED, /* redelivery `window`, and it is over */
	DECIDE_LOCKED, /* redelivery `once`, and its grace is over */
	DECIDE_PURGED, /* the password was let go of after its delivery, and none is pending */
	/* 503: nothing is able to answer now. */
	DECIDE_UNAVAILABLE, /* no lookup database answered */
	DECIDE_NO_FORMAT, /* the model's format is not among ours */
	DECIDE_POLICY, /* a delivery policy that cannot be served as things are configured */
	DECIDE_RECORD, /* the record is incomplete, or does not open or render */
	DECIDE_REASON_COUNT,
};

/* A stable snake_case name such as "not_live", for logs, counters and event details. */
const char *decide_reason_name(enum decide_reason reason);
/* 200, 401, 403, 404, 405 or 503. */
int decide_status(enum decide_reason reason);
/* The kind of security event that a refusal for this reason is, or NULL. */
const char *decide_security_kind(enum decide_reason reason);

/* Before any lookup: DECIDE_ANSWER means go on. Method first, so that an upload is refused whatever
 * it names. `mac` NULL: not known yet. `path` is decoded, `query` is not. */
MUST_CHECK enum decide_reason decide_before_lookup(const char *method, size_t method_len,
    const struct mac *mac, const char *path, const char *query, size_t query_len);

enum delivery { DELIVERY_DIRECT, DELIVERY_STAGED };
enum redelivery { REDELIVERY_ALWAYS, REDELIVERY_ONCE, REDELIVERY_WINDOW };

/* A phone as it is on record; text is borrowed and not NULL where its comment does not say so. */
struct decide_device {
	struct mac mac;
	const char *serial_number;
	const char *model;
	const struct format *format; /* NULL: not among ours */
	int has_certificate; /* known by its credentials, and it could do better */
	int tls_compatible; /* the model is allowed on a listener of the compatible floor */
	int claimed; /* 0: nothing below is set */
	int suspended;
	int itsp_suspended;
	const char *provisioning_url; /* template */
	enum delivery delivery;
	enum redelivery redelivery;
	int64_t window_hours;
	int64_t armed_at_us;
	int64_t once_started_at_us; /* 0: nothing was delivered since it was armed */
	int has_password; /* one is on record to be told */
};

struct decide_policy {
	int refuses_model; /* the listener is for other models */
	int listener_compatible; /* the listener's TLS floor is the compatible one */
	int can_stage; /* it is known where phones find us again */
	int64_t once_grace_s;
};

struct decide_request {
	const struct mac *mac; /* the certificate's */
	const char *path; /* decoded */
	const char *query;
	size_t query_len;
	int is_head; /* delivers nothing, whatever it is answered */
	int token_is_refused; /* the one in the path was not the phone's: as if there were none */
};

/* Where stage one sends a phone: `/s/TOKEN/`, the token in lower-case hex. */
enum { DECIDE_TOKEN_LEN = 32 };

/* The path behind `/s/TOKEN`, with `token` set to where it begins; the path itself, and `token`
 * untouched, when it has none. */
const char *decide_path_behind_token(const char *path, const char **token);

enum decide_stage {
	STAGE_WHOLE, /* direct: password and URL in one answer; or a file with neither */
	STAGE_ONE, /* staged: the password, and our own URL with a new token */
	STAGE_TWO, /* staged, and the phone came with a token: all, if the token is its own */
};

struct decision {
	enum decide_reason reason;
	enum file_kind file; /* FILE_UNKNOWN when no format was there to ask */
	/* With DECIDE_ANSWER: */
	unsigned body; /* what to render */
	enum decide_stage stage;
	const char *token; /* of STAGE_TWO: DECIDE_TOKEN_LEN characters of the path */
	int must_write; /* to the primary, before it is answered */
};

/* `device` NULL: the certificate is not live on record. */
struct decision decide_answer(const struct decide_request *request,
    const struct decide_device *device, const struct decide_policy *policy, int64_t now_us);

#endif
