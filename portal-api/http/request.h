/*
 * One request of the API, from the route to the answer: what handlers see.
 *
 * dispatch.c has found the operation, the principal and the body before a handler runs. A handler
 * moves data: it asks the database by request_query or request_effect and ends on exactly one of
 * the request_reply_* or request_fail* calls, after which the request must not be touched.
 */
#ifndef FIRSTRING_PORTAL_HTTP_REQUEST_H
#define FIRSTRING_PORTAL_HTTP_REQUEST_H

#include <jansson.h>

#include "common/db/row.h"
#include "common/net/router.h"
#include "common/net/server.h"
#include "common/pki/digest.h"
#include "portal-api/auth/scope.h"
#include "portal-api/http/cursor.h"
#include "portal-api/http/problem.h"
#include "portal-api/http/uuid.h"
#include "portal-api/http/web.h"
#include "portal-api/operation.h"
#include "portal-api/people/session.h"
#include "portal-api/portal.h"

enum { IDEMPOTENCY_KEY_MAX = 255, PRINCIPAL_NAME_MAX = 512, REQUEST_CALLS_MAX = 6 };

/* Who asks: a bearer token, or a person by a browser's session. */
struct principal {
	char id[UUID_TEXT_LEN + 1]; /* of the token or the person; "" when neither */
	int is_person;
	char session[SESSION_TEXT_LEN + 1]; /* "" but for a person */
	char itsp_id[UUID_TEXT_LEN + 1]; /* "" for the manufacturer */
	char name[PRINCIPAL_NAME_MAX + 1]; /* of the token or the person */
	int64_t expires_at_us; /* INT64_MIN: never */
	enum audience audience;
	uint32_t scopes;
};

typedef void request_done_fn(
    struct request *request, const struct pg_rows *const *rows, size_t count);

struct request {
	struct portal *portal;
	struct exchange *exchange;
	const struct operation *operation; /* NULL until routed */
	struct router_match match;
	struct principal principal;
	const char *body;
	size_t body_len;
	json_t *document; /* of a JSON body */
	struct problem problem; /* the refusal being put together */
	void *state; /* the handler's own */
	void (*state_free)(void *state);
	/* What the answer carries beside its document. */
	int etag_version; /* 0: no ETag */
	char location[192]; /* "": no Location */
	unsigned retry_after_s; /* 0: no Retry-After */
	const struct web_file *page; /* the answer is one of the pages; NULL: it is the API's */
	int rate_limited; /* the answer tells of the limit */
	char set_cookie[SESSION_COOKIE_MAX]; /* "": none */
	int holds_secret; /* the document is not kept for replays */
	char effect_object[256 + 1]; /* for operation->rebuild: what the effect was on */
	/* Private to the files of this folder. */
	int64_t started_ms;
	uint8_t token_digest[SHA256_LEN];
	char idempotency_key[IDEMPOTENCY_KEY_MAX + 1]; /* "": none */
	int idempotency_begun, replayed;
	int is_effect, is_tenants;
	request_done_fn *done;
	void (*stream_failed)(struct request *request); /* NULL until an answer is streamed */
	void (*stream_gone)(struct request *request);
	int reply_status;
	const char *reply_type;
	struct buf reply;
};

/* --- The database (submit.c) --- */

/*
 * Runs calls (1..REQUEST_CALLS_MAX) as one transaction of the operation's pool, as the tenant where
 * the principal is one; `done` gets the calls' own rows, and only on success: failures are answered
 * here. request_effect is for what changes something: a lost outcome is told as such, and an
 * idempotency key is marked in the same transaction.
 */
void request_query(
    struct request *request, const struct pg_call *calls, size_t count, request_done_fn *done);
void request_effect(
    struct request *request, const struct pg_call *calls, size_t count, request_done_fn *done);
/* The first question of a request with a session, before there is a principal. */
void request_authenticate(
    struct request *request, const struct pg_call *call, request_done_fn *done);
/* The four parameters that every audited statement ends with: who asks, from where. */
void request_param_actor(const struct request *request, struct pg_params *params);
/* The same of several requests, as arrays. */
void requests_param_actors(struct request *const *requests, size_t count, struct pg_params *params);

/* --- What was asked (params.c); each answers with a problem and returns non-zero on failure --- */

enum { PAGE_LIMIT_DEFAULT = 50, PAGE_LIMIT_MAX = 1000 };

struct page {
	unsigned limit;
	int has_cursor;
	char place[CURSOR_PLACE_MAX + 1]; /* "" without a cursor */
};

/* The path parameter `index` as a MAC or an id. */
MUST_CHECK int request_mac(struct request *request, unsigned index, struct mac *mac);
MUST_CHECK int request_uuid(struct request *request, unsigned index, struct uuid *uuid);
/* If-Match: -1 for none or "*", else the version that it names (0 for one that no version has). */
MUST_CHECK int request_if_match(struct request *request, int *version);
/* Whether there is one: what it is about must be there then (RFC 9110 section 13.1.1). */
int request_has_if_match(const struct request *request);
/* `limit`, and a cursor under the name `cursor` or `after`. */
MUST_CHECK int request_page(struct request *request, const char *list, struct page *page);
/*
 * Whether each parameter of the query is one of the operation's, and given once. What is unknown is
 * refused: a dry run that is misspelt must not claim.
 */
MUST_CHECK int request_check_query(struct request *request);
/*
 * Whether a condition is one that the operation heeds: who sends If-Match does not want the effect
 * where it would be ignored.
 */
MUST_CHECK int request_check_conditions(struct request *request);
/* An optional query parameter; `value` is "" when absent. */
MUST_CHECK int request_query_text(
    struct request *request, const char *name, char *value, size_t value_max);
/* The same, of one of some words (NULL-terminated). */
MUST_CHECK int request_query_word(struct request *request, const char *name,
    const char *const *words, char *value, size_t value_max);
MUST_CHECK int request_query_bool(struct request *request, const char *name, int *value);
/* Adds "..., $n expected_version": NULL for -1. */
void request_param_version(struct pg_params *params, int version);

/* --- The answer (reply.c) --- */

/* Takes the document. */
void request_reply_json(struct request *request, int status, json_t *document);
/* 204. Also the `rebuild` of what answers so. */
void request_reply_empty(struct request *request);
/* Text made elsewhere; copied. */
void request_reply_text(
    struct request *request, int status, const char *content_type, const void *text, size_t len);
/* A page of a list: {"<name>": items, "next": cursor or null}. Takes items. `place` NULL: no next.
 */
void request_reply_page(
    struct request *request, const char *name, json_t *items, const char *list, const char *place);
void request_set_location(struct request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void request_fail(struct request *request, enum problem_kind kind, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* 422 with one field named. */
void request_fail_field(struct request *request, const char *field, const char *code,
    const char *detail, ...) __attribute__((format(printf, 4, 5)));
/* 422 with the fields already in request->problem.errors. */
void request_fail_fields(struct request *request);
/* The answer for an outcome that a statement tells of and that is not a success (outcome.c). */
void request_fail_outcome(struct request *request, const char *outcome);
/* 409: what depends on it, in rows of kind, total and first (in_use.c). */
void request_fail_in_use(struct request *request, const struct pg_rows *rows);
/* 503 with a Retry-After that is spread, so that clients do not come back in step. */
void request_fail_busy(struct request *request, enum problem_kind kind, const char *detail);

/* --- Between these files --- */

/* What every submission for the principal's tenant begins with. */
struct pg_call request_tenant_call(const struct request *request);
/* Answers for a submission that failed. */
void request_fail_database(struct request *request, const struct pg_error *error);

void request_start(struct exchange *exchange, void *portal);
/* Finds out who asks; ends on request_admit, or on a refusal. */
void authenticate(struct request *request);
/* Whether a page of another site made the browser ask; answered here then. */
int authenticate_is_own_site(struct request *request);
/* Who asks may: on to the body and the handler. */
void request_admit(struct request *request, int itsp_is_suspended);
void request_send(struct request *request);
struct pg_params *idempotency_params(const struct request *request);
/* Calls the handler, at once or after the idempotency key was looked up. */
void idempotency_begin(struct request *request);
/* Keeps or forgets the answer, then sends it. */
void idempotency_finish(struct request *request);

#endif
