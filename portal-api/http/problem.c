/* The table of problems and their documents; see problem.h. Pure. */
#include "portal-api/http/problem.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

static const struct {
	int status;
	const char *code, *title;
} kinds[PROBLEM_KIND_COUNT] = {
    [PROBLEM_BAD_REQUEST] = {400, "bad_request", "The request is not well-formed"},
    [PROBLEM_BAD_JSON] = {400, "bad_json", "The body is not acceptable JSON"},
    [PROBLEM_BAD_CSV] = {422, "bad_csv", "The body is not acceptable CSV"},
    [PROBLEM_TOKEN_IN_QUERY] = {400, "token_in_query", "A token does not belong in a URL"},
    [PROBLEM_PRECONDITION_NOT_SUPPORTED] = {400, "precondition_not_supported",
	"The condition is not heeded here"},
    [PROBLEM_NO_TOKEN] = {401, "no_token", "A bearer token is needed"},
    [PROBLEM_INVALID_TOKEN] = {401, "invalid_token", "The bearer token is not valid"},
    [PROBLEM_NOT_SIGNED_IN] = {401, "not_signed_in", "Nobody is signed in"},
    [PROBLEM_SIGN_IN_REFUSED] = {401, "sign_in_refused", "Signing in did not work"},
    [PROBLEM_SECOND_FACTOR_NEEDED] = {401, "second_factor_needed", "A second factor is needed"},
    [PROBLEM_INSUFFICIENT_SCOPE] = {403, "insufficient_scope", "The token lacks the scope"},
    [PROBLEM_WRONG_AUDIENCE] = {403, "wrong_audience", "The token is for other operations"},
    [PROBLEM_ITSP_SUSPENDED] = {403, "itsp_suspended", "The ITSP is suspended"},
    [PROBLEM_CROSS_SITE] = {403, "cross_site", "The request did not come from our own pages"},
    [PROBLEM_SECOND_FACTOR_REQUIRED] = {403, "second_factor_required",
	"A second factor must be set up first"},
    [PROBLEM_WRONG_PASSWORD] = {403, "wrong_password", "The password is not right"},
    [PROBLEM_POSSESSION_NOT_PROVEN] = {403, "possession_not_proven", "Possession is not proven"},
    [PROBLEM_NOT_FOUND] = {404, "not_found", "Not found"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {405, "method_not_allowed", "The method is not allowed here"},
    [PROBLEM_REQUEST_TIMEOUT] = {408, "request_timeout", "The request came too slowly"},
    [PROBLEM_NAME_TAKEN] = {409, "name_taken", "The name is taken"},
    [PROBLEM_CLAIM_DIFFERS] = {409, "claim_differs", "The claim exists and differs"},
    [PROBLEM_CLAIMED_ELSEWHERE] = {409, "claimed_elsewhere", "The phone is claimed elsewhere"},
    [PROBLEM_IN_USE] = {409, "in_use", "Something else still uses it"},
    [PROBLEM_EMAIL_TAKEN] = {409, "email_taken", "The address is taken"},
    [PROBLEM_OWN_ACCOUNT] = {409, "own_account", "Somebody else must do this"},
    [PROBLEM_USER_SUSPENDED] = {409, "user_suspended", "The person is suspended"},
    [PROBLEM_NOT_CLAIMED] = {409, "not_claimed", "Nobody holds the phone"},
    [PROBLEM_OWN_CLAIM] = {409, "own_claim", "You hold the phone already"},
    [PROBLEM_TRANSFER_OPEN] = {409, "transfer_open", "Another transfer of the phone is open"},
    [PROBLEM_TRANSFER_DECIDED] = {409, "transfer_decided", "The transfer is decided"},
    [PROBLEM_NOT_YOUR_SIDE] = {409, "not_your_side", "That is for the other side to say"},
    [PROBLEM_ALREADY_ROTATED] = {409, "already_rotated", "The token was rotated before"},
    [PROBLEM_WEBHOOKS_OFF] = {409, "webhooks_off", "This portal posts to no webhooks"},
    [PROBLEM_TOO_MANY_WEBHOOKS] = {409, "too_many_webhooks", "There are too many webhooks"},
    [PROBLEM_NOTHING_TO_REPLAY] = {409, "nothing_to_replay", "There is nothing to replay"},
    [PROBLEM_LIMIT_REACHED] = {409, "limit_reached", "There are as many as are allowed"},
    [PROBLEM_JOB_ENDED] = {409, "job_ended", "The job came to its end"},
    [PROBLEM_REQUEST_IN_PROGRESS] = {409, "request_in_progress", "The same request is in progress"},
    [PROBLEM_SECRET_ALREADY_SHOWN] = {409, "secret_already_shown", "The secret was shown once"},
    [PROBLEM_NOT_READY] = {409, "not_ready", "It is not ready yet"},
    [PROBLEM_NOT_IMPORTED] = {409, "not_imported", "The phone came from the factory"},
    [PROBLEM_NO_CREDENTIALS] = {409, "no_credentials", "The phone has no user and password"},
    [PROBLEM_PASSWORD_PURGED] = {410, "password_purged", "The password was purged"},
    [PROBLEM_LINK_NOT_VALID] = {410, "link_not_valid", "The link is not valid any more"},
    [PROBLEM_RESULTS_GONE] = {410, "results_gone", "The results are not kept any more"},
    [PROBLEM_VERSION_MISMATCH] = {412, "version_mismatch", "It was changed in the meantime"},
    [PROBLEM_TOO_LARGE] = {413, "too_large", "The body is too large"},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415, "unsupported_media_type",
	"The body is of another type than is taken here"},
    [PROBLEM_INVALID] = {422, "invalid", "A value is not acceptable"},
    [PROBLEM_BAD_CURSOR] = {422, "bad_cursor", "The cursor is not one of this list"},
    [PROBLEM_UNKNOWN_PARAMETER] = {422, "unknown_parameter", "There is no such parameter"},
    [PROBLEM_IDEMPOTENCY_KEY_REUSED] = {422, "idempotency_key_reused",
	"The idempotency key was used for another request"},
    [PROBLEM_TOO_MANY_JOBS] = {429, "too_many_jobs", "There are too many open claim jobs"},
    [PROBLEM_TOO_MANY_WRONG_CODES] = {429, "too_many_wrong_codes", "Too many wrong claim codes"},
    [PROBLEM_TOO_MANY_REQUESTS] = {429, "too_many_requests", "Too many requests"},
    [PROBLEM_TOO_MANY_STREAMS] = {429, "too_many_streams", "Too many streams are open"},
    [PROBLEM_TOO_MANY_ATTEMPTS] = {429, "too_many_attempts", "Too many attempts"},
    [PROBLEM_INTERNAL] = {500, "internal", "An error on our side"},
    [PROBLEM_UNAVAILABLE] = {503, "unavailable", "Not available for the moment"},
    [PROBLEM_OUTCOME_UNKNOWN] = {503, "outcome_unknown", "The outcome is not known"},
};

int problem_status(enum problem_kind kind)
{
	CHECK(kind < PROBLEM_KIND_COUNT);
	return kinds[kind].status;
}

const char *problem_code(enum problem_kind kind)
{
	CHECK(kind < PROBLEM_KIND_COUNT);
	return kinds[kind].code;
}

const char *const *problem_codes(void)
{
	static const char *codes[PROBLEM_KIND_COUNT + 1];
	for (unsigned i = 0; i < PROBLEM_KIND_COUNT; i++)
		codes[i] = kinds[i].code;
	return codes;
}

/* Cuts back to the start of a character, so that what is left stays UTF-8. */
static void cut_to_character(char *text, size_t len)
{
	while (len > 0 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0 && (unsigned char)text[len - 1] >= 0xc0)
		len--;
	text[len] = '\0';
}

static void format_cut(char *text, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void format_cut(char *text, size_t size, const char *format, va_list args)
{
	int len = vsnprintf(text, size, format, args);
	CHECK(len >= 0);
	if ((size_t)len >= size)
		cut_to_character(text, size - 1);
}

void field_error_vadd(struct field_errors *errors, const char *field, const char *code,
    const char *detail, va_list args)
{
	if (errors->count++ >= FIELD_ERRORS_MAX)
		return;
	size_t i = errors->count - 1;
	size_t field_len = strlen(field);
	if (field_len < FIELD_PATH_MAX) {
		memcpy(errors->items[i].field, field, field_len + 1);
	} else {
		memcpy(errors->items[i].field, field, FIELD_PATH_MAX - 1);
		cut_to_character(errors->items[i].field, FIELD_PATH_MAX - 1);
	}
	errors->items[i].code = code;
	format_cut(errors->items[i].detail, FIELD_DETAIL_MAX, detail, args);
}

void field_error_add(
    struct field_errors *errors, const char *field, const char *code, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	field_error_vadd(errors, field, code, detail, args);
	va_end(args);
}

void problem_vset(struct problem *problem, enum problem_kind kind, const char *detail, va_list args)
{
	problem->kind = kind;
	format_cut(problem->detail, PROBLEM_DETAIL_MAX, detail, args);
}

void problem_set(struct problem *problem, enum problem_kind kind, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	problem_vset(problem, kind, detail, args);
	va_end(args);
}

enum problem_kind problem_of_status(int status)
{
	switch (status) {
	case 404:
		return PROBLEM_NOT_FOUND;
	case 405:
		return PROBLEM_METHOD_NOT_ALLOWED;
	case 408:
		return PROBLEM_REQUEST_TIMEOUT;
	case 413:
		return PROBLEM_TOO_LARGE;
	case 500:
		return PROBLEM_INTERNAL;
	case 503:
		return PROBLEM_UNAVAILABLE;
	default:
		return PROBLEM_BAD_REQUEST;
	}
}

static json_t *errors_json(const struct field_errors *errors)
{
	json_t *list = json_array();
	CHECK(list);
	for (size_t i = 0; i < errors->count && i < FIELD_ERRORS_MAX; i++) {
		json_t *item = json_pack("{ss ss ss}", "field", errors->items[i].field, "code",
		    errors->items[i].code, "detail", errors->items[i].detail);
		CHECK(item && json_array_append_new(list, item) == 0);
	}
	return list;
}

void problem_write(
    const struct problem *problem, int status, const char *request_id, struct buf *out)
{
	CHECK(problem->kind < PROBLEM_KIND_COUNT);
	char type[64];
	snprintf(type, sizeof(type), "urn:firstring:problem:%s", kinds[problem->kind].code);
	json_t *document = json_pack("{ss ss si ss ss ss*}", "type", type, "title",
	    kinds[problem->kind].title, "status", status ? status : kinds[problem->kind].status,
	    "detail", problem->detail, "code", kinds[problem->kind].code, "request_id", request_id);
	CHECK(document);
	if (problem->errors.count > 0)
		CHECK(json_object_set_new(document, "errors", errors_json(&problem->errors)) == 0);
	char *text = json_dumps(document, JSON_COMPACT);
	CHECK(text);
	buf_put_str(out, text);
	free(text);
	json_decref(document);
}
