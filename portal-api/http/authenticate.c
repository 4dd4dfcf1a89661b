/*
 * Who asks: a bearer token, or else the session that a browser's cookie names; and whether they may
 * ask for this operation.
 *
 * What is sent is the Internet's. A session may change something only from our own pages: the
 * Origin must be the host that was asked and X-CSRF-Token the one made of the session. Runs in a
 * portal worker.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "portal-api/auth/token.h"
#include "portal-api/http/gather.h"
#include "portal-api/http/rate.h"
#include "portal-api/people/role.h"
#include "queries_portal-api.h"

static void collect_scope(const char *name, void *ctx)
{
	struct principal *principal = ctx;
	enum scope scope;
	if (scope_parse(name, strlen(name), &scope) == ERR_OK)
		principal->scopes |= scope;
}

static void copy_text(char *to, size_t size, const char *text)
{
	CHECK(strlen(text) < size);
	memcpy(to, text, strlen(text) + 1);
}

static void copy_column(
    char *to, size_t size, const struct pg_rows *rows, size_t row, const char *column)
{
	copy_text(to, size, row_text(rows, row, row_column(rows, column)));
}

static void refuse_audience(struct request *request)
{
	const char *who = request->principal.is_person ? "person" : "token";
	if (request->operation->audience == OPERATION_PERSON)
		request_fail(request, PROBLEM_WRONG_AUDIENCE,
		    "This operation is a person's own; a token has no account.");
	else if (request->operation->audience == OPERATION_ITSP)
		request_fail(request, PROBLEM_WRONG_AUDIENCE,
		    "This operation is for ITSPs; the %s is the manufacturer's.", who);
	else
		request_fail(request, PROBLEM_WRONG_AUDIENCE,
		    "This operation is for the manufacturer; the %s is an ITSP's.", who);
}

static void refuse_scope(struct request *request)
{
	char needed[SCOPES_TEXT_MAX];
	uint32_t scopes = request->operation->scopes;
	scopes_format(scopes, needed);
	request_fail(request, PROBLEM_INSUFFICIENT_SCOPE, "%s needs %s of these scopes: %s.",
	    request->principal.is_person ? "Your role" : "The token",
	    request->operation->flags & OPERATION_ALL_SCOPES ? "each" : "one", needed);
}

static void refuse_rate(struct request *request)
{
	request->rate_limited = 1;
	request_fail(request, PROBLEM_TOO_MANY_REQUESTS,
	    "More than %d requests a second, in the long run: wait, and use claim jobs and exports "
	    "for many phones.",
	    (int)request->portal->config->requests_per_s);
}

static int has_scopes(const struct operation *operation, uint32_t scopes)
{
	if (operation->flags & OPERATION_ALL_SCOPES)
		return (operation->scopes & scopes) == operation->scopes;
	return !operation->scopes || (operation->scopes & scopes);
}

/* What both kinds of rows have, and whether they may. */
static void on_known(struct request *request, const struct pg_rows *rows, size_t row)
{
	const struct operation *operation = request->operation;
	struct principal *principal = &request->principal;
	copy_column(principal->itsp_id, sizeof(principal->itsp_id), rows, row, "itsp_id");
	copy_column(principal->name, sizeof(principal->name), rows, row, "name");
	principal->expires_at_us = row_time_us(rows, row, row_column(rows, "expires_at"));
	principal->audience = principal->itsp_id[0] ? AUDIENCE_ITSP : AUDIENCE_MANUFACTURER;

	if ((operation->audience == OPERATION_ITSP && principal->audience != AUDIENCE_ITSP) ||
	    (operation->audience == OPERATION_MANUFACTURER &&
		principal->audience != AUDIENCE_MANUFACTURER) ||
	    (operation->audience == OPERATION_PERSON && !principal->is_person))
		refuse_audience(request);
	else if (!has_scopes(operation, principal->scopes))
		refuse_scope(request);
	else if ((request->retry_after_s = rates_take(
		      request->portal->rates, principal->id, (uint64_t)clock_monotonic_ms())))
		refuse_rate(request);
	else
		request_admit(request, row_bool(rows, row, row_column(rows, "itsp_suspended")));
}

static void on_token(struct request *request, const struct pg_rows *rows, size_t row)
{
	struct principal *principal = &request->principal;
	if (row_is_null(rows, row, row_column(rows, "token_id"))) {
		request_fail(
		    request, PROBLEM_INVALID_TOKEN, "The token is unknown, revoked or expired.");
		return;
	}
	copy_column(principal->id, sizeof(principal->id), rows, row, "token_id");
	row_strings(rows, row, row_column(rows, "scopes"), collect_scope, principal);
	on_known(request, rows, row);
}

static struct pg_call ask_who_tokens_are(struct request *const *requests, size_t count)
{
	struct pg_params *params = pg_params_new();
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < count; i++)
		pg_param_bytea(params, requests[i]->token_digest, SHA256_LEN);
	pg_param_array_end(params);
	return (struct pg_call){&query_tokens_authenticate, params};
}

static const struct gathering WHO = {.ask = ask_who_tokens_are, .answered = on_token};

/* A token in a URL ends in logs and histories: refused even beside a good one. */
static int query_holds_token(struct span query)
{
	return memmem(query.text, query.len, "fst_", 4) ||
	       memmem(query.text, query.len, "access_token", strlen("access_token"));
}

static void ask_for_token(struct request *request, struct span authorization)
{
	const char *token;
	size_t len;
	if (token_from_authorization(authorization.text, authorization.len, &token, &len) !=
		ERR_OK ||
	    token_check(token, len) != ERR_OK) {
		request_fail(request, PROBLEM_INVALID_TOKEN,
		    "What was sent is no token of ours, or it was cut or mistyped.");
		return;
	}
	if (query_holds_token(exchange_head(request->exchange)->query)) {
		request_fail(request, PROBLEM_TOKEN_IN_QUERY,
		    "Revoke the token that was in the URL: it may be in logs by now.");
		return;
	}
	token_digest(token, request->token_digest);
	request_gather(request, &WHO);
}

static void on_session(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	struct principal *principal = &request->principal;
	CHECK(count == 1);
	if (row_count(rows) == 0) {
		session_cookie(NULL, request->set_cookie);
		request_fail_outcome(request, "not_signed_in");
		return;
	}
	copy_column(principal->id, sizeof(principal->id), rows, 0, "user_id");
	principal->is_person = 1;
	principal->scopes = role_scopes(row_text(rows, 0, row_column(rows, "role")));
	if (request->portal->config->second_factor == SECOND_FACTOR_REQUIRED &&
	    !row_bool(rows, 0, row_column(rows, "has_second_factor")) &&
	    request->operation->audience != OPERATION_PERSON) {
		request_fail(request, PROBLEM_SECOND_FACTOR_REQUIRED,
		    "Set up a second factor; nothing else can be done before.");
		return;
	}
	on_known(request, rows, 0);
}

int authenticate_is_own_site(struct request *request)
{
	const struct http1_head *head = exchange_head(request->exchange);
	struct span origin, host = {NULL, 0};
	enum err err = http1_field(head, "origin", &origin);
	if (http1_field(head, "host", &host) != ERR_OK)
		host.len = 0;
	/* Who is no browser sends none; a browser sends it with all that changes something. */
	int is_needed =
	    request->principal.session[0] && request->operation->flags & OPERATION_MUTATES;
	if ((err == ERR_NOT_FOUND && !is_needed) ||
	    (err == ERR_OK && session_origin_is_own(origin, host)))
		return 1;
	request_fail(request, PROBLEM_CROSS_SITE,
	    "The Origin must be the portal's own: the request came from another site's page.");
	return 0;
}

static void ask_for_session(struct request *request)
{
	const char *session = request->principal.session;
	struct span token;
	uint8_t digest[SHA256_LEN];
	if (!authenticate_is_own_site(request))
		return;
	if (request->operation->flags & OPERATION_MUTATES &&
	    (http1_field(exchange_head(request->exchange), "x-csrf-token", &token) != ERR_OK ||
		!session_csrf_is_right(session, token))) {
		request_fail(request, PROBLEM_CROSS_SITE,
		    "X-CSRF-Token must be the one that /v1/session told of this session.");
		return;
	}
	struct pg_params *params = pg_params_new();
	session_digest(session, digest);
	pg_param_bytea(params, digest, sizeof(digest));
	pg_param_int(params, request->portal->config->session_idle_ms / 1000);
	request_authenticate(
	    request, &(struct pg_call){&query_session_authenticate, params}, on_session);
}

void authenticate(struct request *request)
{
	const struct http1_head *head = exchange_head(request->exchange);
	struct span value;
	enum err err = http1_field(head, "authorization", &value);
	if (err == ERR_OK) {
		ask_for_token(request, value);
	} else if (err != ERR_NOT_FOUND) {
		request_fail(request, PROBLEM_INVALID_TOKEN, "Send one Authorization field.");
	} else if (http1_field(head, "cookie", &value) == ERR_OK &&
		   session_from_cookie(value, request->principal.session) == ERR_OK) {
		ask_for_session(request);
	} else if (request->operation->audience == OPERATION_PERSON) {
		request_fail_outcome(request, "not_signed_in");
	} else if (query_holds_token(head->query)) {
		request_fail(request, PROBLEM_NO_TOKEN,
		    "The token in the URL was not looked at, and may be in logs by now: revoke it, "
		    "and send its successor in the field Authorization: Bearer.");
	} else {
		request_fail(request, PROBLEM_NO_TOKEN,
		    "Send the token in the field Authorization: Bearer.");
	}
}
