/*
 * Problems: every refusal of the portal as one document (RFC 9457), from one table of kinds.
 *
 * A kind is a stable code, a status and a title; the detail says what happened this time and what
 * to do. Field errors name the field by its path in the request. Pure. Details may quote what the
 * client sent, never what it must not know: that is the caller's care.
 */
#ifndef FIRSTRING_PORTAL_HTTP_PROBLEM_H
#define FIRSTRING_PORTAL_HTTP_PROBLEM_H

#include <stdarg.h>
#include <stddef.h>

#include "common/base/buf.h"

enum problem_kind {
	PROBLEM_BAD_REQUEST,
	PROBLEM_BAD_JSON,
	PROBLEM_BAD_CSV,
	PROBLEM_TOKEN_IN_QUERY,
	PROBLEM_PRECONDITION_NOT_SUPPORTED,
	PROBLEM_NO_TOKEN,
	PROBLEM_INVALID_TOKEN,
	PROBLEM_NOT_SIGNED_IN,
	PROBLEM_SIGN_IN_REFUSED,
	PROBLEM_SECOND_FACTOR_NEEDED,
	PROBLEM_INSUFFICIENT_SCOPE,
	PROBLEM_WRONG_AUDIENCE,
	PROBLEM_ITSP_SUSPENDED,
	PROBLEM_CROSS_SITE,
	PROBLEM_SECOND_FACTOR_REQUIRED,
	PROBLEM_WRONG_PASSWORD,
	PROBLEM_POSSESSION_NOT_PROVEN,
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD_NOT_ALLOWED,
	PROBLEM_REQUEST_TIMEOUT,
	PROBLEM_NAME_TAKEN,
	PROBLEM_CLAIM_DIFFERS,
	PROBLEM_CLAIMED_ELSEWHERE,
	PROBLEM_IN_USE,
	PROBLEM_EMAIL_TAKEN,
	PROBLEM_OWN_ACCOUNT,
	PROBLEM_USER_SUSPENDED,
	PROBLEM_NOT_CLAIMED,
	PROBLEM_OWN_CLAIM,
	PROBLEM_TRANSFER_OPEN,
	PROBLEM_TRANSFER_DECIDED,
	PROBLEM_NOT_YOUR_SIDE,
	PROBLEM_ALREADY_ROTATED,
	PROBLEM_WEBHOOKS_OFF,
	PROBLEM_TOO_MANY_WEBHOOKS,
	PROBLEM_NOTHING_TO_REPLAY,
	PROBLEM_LIMIT_REACHED,
	PROBLEM_JOB_ENDED,
	PROBLEM_REQUEST_IN_PROGRESS,
	PROBLEM_SECRET_ALREADY_SHOWN,
	PROBLEM_NOT_READY,
	PROBLEM_NOT_IMPORTED,
	PROBLEM_NO_CREDENTIALS,
	PROBLEM_PASSWORD_PURGED,
	PROBLEM_LINK_NOT_VALID,
	PROBLEM_RESULTS_GONE,
	PROBLEM_VERSION_MISMATCH,
	PROBLEM_TOO_LARGE,
	PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	PROBLEM_INVALID,
	PROBLEM_BAD_CURSOR,
	PROBLEM_UNKNOWN_PARAMETER,
	PROBLEM_IDEMPOTENCY_KEY_REUSED,
	PROBLEM_TOO_MANY_JOBS,
	PROBLEM_TOO_MANY_WRONG_CODES,
	PROBLEM_TOO_MANY_STREAMS,
	PROBLEM_TOO_MANY_REQUESTS,
	PROBLEM_TOO_MANY_ATTEMPTS,
	PROBLEM_INTERNAL,
	PROBLEM_UNAVAILABLE,
	PROBLEM_OUTCOME_UNKNOWN,
	PROBLEM_KIND_COUNT,
};

int problem_status(enum problem_kind kind);
/* A stable snake_case name: the document's `code`, the log's reason, the counter's label. */
const char *problem_code(enum problem_kind kind);
/* All codes in order of the kinds, NULL-terminated: for the table of metrics. Lives for ever. */
const char *const *problem_codes(void);

enum {
	FIELD_ERRORS_MAX = 16,
	FIELD_PATH_MAX = 96,
	FIELD_DETAIL_MAX = 384, /* the kinds of events by name */
	PROBLEM_DETAIL_MAX = 384
};

/* What is wrong with which fields. Zero-initialise. Past FIELD_ERRORS_MAX they are only counted. */
struct field_errors {
	struct {
		char field[FIELD_PATH_MAX];
		const char *code; /* a literal */
		char detail[FIELD_DETAIL_MAX];
	} items[FIELD_ERRORS_MAX];
	size_t count;
};

/* Text that is too long is cut between two characters. */
void field_error_add(struct field_errors *errors, const char *field, const char *code,
    const char *detail, ...) __attribute__((format(printf, 4, 5)));
void field_error_vadd(struct field_errors *errors, const char *field, const char *code,
    const char *detail, va_list args) __attribute__((format(printf, 4, 0)));

struct problem {
	enum problem_kind kind;
	char detail[PROBLEM_DETAIL_MAX];
	struct field_errors errors;
};

/* Sets kind and detail; field errors stay as they are. */
void problem_set(struct problem *problem, enum problem_kind kind, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
void problem_vset(struct problem *problem, enum problem_kind kind, const char *detail, va_list args)
    __attribute__((format(printf, 3, 0)));
/* The kind for a status that the HTTP server itself answers with (400, 408, 413, 431, 501...). */
enum problem_kind problem_of_status(int status);
/* Appends the document. `status` 0 is the kind's own; `request_id` may be NULL. */
void problem_write(
    const struct problem *problem, int status, const char *request_id, struct buf *out);

#endif
