/*
 * Tokens: an ITSP's own (/v1/tokens), and the manufacturer's hand on all of them (/v1/admin/...).
 *
 * A token's text is made here, shown once and forgotten; the database gets its SHA-256. No token
 * can make another that may more than itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "portal-api/auth/token.h"
#include "portal-api/http/request.h"
#include "portal-api/json/bind.h"
#include "portal-api/json/rows.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"id", "token_id", ROW_TEXT},
    {"name", "name", ROW_TEXT},
    {"scopes", "scopes", ROW_TEXTS},
    {"created_at", "created_at", ROW_TIME},
    {"expires_at", "expires_at", ROW_TIME},
    {"revoked_at", "revoked_at", ROW_TIME},
    {"last_used_at", "last_used_at", ROW_TIME},
    {"replaced_by", "replaced_by", ROW_TEXT},
};

static void on_list(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	request_reply_page(request, "tokens",
	    row_objects(results[0], SIZE_MAX, fields, sizeof(fields) / sizeof(fields[0])), "tokens",
	    NULL);
}

void token_list(struct request *request)
{
	request_query(request, &(struct pg_call){&query_token_list, NULL}, 1, on_list);
}

static void list_of(struct request *request, const char *itsp_id)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, itsp_id);
	request_query(request, &(struct pg_call){&query_admin_token_list, params}, 1, on_list);
}

void admin_token_list(struct request *request)
{
	list_of(request, NULL);
}

void itsp_token_list(struct request *request)
{
	struct uuid itsp;
	if (request_uuid(request, 0, &itsp) == 0)
		list_of(request, request->match.params[0]);
}

/* --- Making one --- */

struct token_body {
	const char *name;
	json_t *scopes;
	int64_t expires_at_us;
};

static const struct bind_field body_fields[] = {
    {.name = "name",
	.type = BIND_NAME,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct token_body, name),
	.min = 1,
	.max = 128},
    {.name = "scopes",
	.type = BIND_TEXTS,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct token_body, scopes),
	.min = 1,
	.max = SCOPE_COUNT,
	.item_max = 32},
    {.name = "expires_at",
	.type = BIND_TIME,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct token_body, expires_at_us)},
};

/* The new token between its making and its being shown. */
struct new_token {
	struct uuid id;
	char text[TOKEN_TEXT_LEN + 1];
	struct token_body body;
	uint32_t scopes;
};

static void new_token_free(void *state)
{
	bytes_wipe(state, sizeof(struct new_token));
	free(state);
}

/* The set of scopes named, each one that `audience` may hold; 0 and errors added otherwise. */
static uint32_t read_scopes(
    const json_t *names, enum audience audience, struct field_errors *errors)
{
	uint32_t set = 0;
	for (size_t i = 0; i < json_array_size(names); i++) {
		const json_t *name = json_array_get(names, i);
		enum scope scope;
		char path[32];
		if (scope_parse(json_string_value(name), json_string_length(name), &scope) ==
			ERR_OK &&
		    scope & scopes_of_tokens(audience)) {
			set |= scope;
			continue;
		}
		snprintf(path, sizeof(path), "scopes[%zu]", i);
		field_error_add(
		    errors, path, "bad_scope", "There is no such scope for this token.");
	}
	return set;
}

static struct new_token *read_body(struct request *request, enum audience audience)
{
	struct field_errors *errors = &request->problem.errors;
	struct new_token *token = calloc(1, sizeof(*token));
	CHECK(token);
	request->state = token;
	request->state_free = new_token_free;
	token->body.expires_at_us = INT64_MIN;
	if (bind_object(request->document, body_fields,
		sizeof(body_fields) / sizeof(body_fields[0]), &token->body, errors) == ERR_OK)
		token->scopes = read_scopes(token->body.scopes, audience, errors);
	if (token->body.expires_at_us != INT64_MIN && token->body.expires_at_us <= clock_unix_us())
		field_error_add(errors, "expires_at", "out_of_range", "This time is past.");
	if (errors->count > 0) {
		request_fail_fields(request);
		return NULL;
	}
	uuid_random(&token->id);
	token_generate(token->text);
	return token;
}

static void on_created(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field created[] = {{"created_at", "created_at", ROW_TIME}};
	const struct pg_rows *rows = results[0];
	const struct new_token *token = request->state;
	const char *outcome = row_text(rows, 0, row_column(rows, "outcome"));
	char id[UUID_TEXT_LEN + 1], expires_at[CLOCK_TEXT_LEN + 1];
	CHECK(count == 1);
	if (strcmp(outcome, "created") != 0) {
		request_fail_outcome(
		    request, strcmp(outcome, "unknown_itsp") == 0 ? "not_found" : outcome);
		return;
	}
	json_t *document = row_object(rows, 0, created, 1);
	json_t *scopes = json_array();
	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (token->scopes & 1u << i)
			json_array_append_new(scopes, json_string(scope_name(i)));
	json_t *expires = json_null();
	if (token->body.expires_at_us != INT64_MIN) {
		clock_format_ms(token->body.expires_at_us, expires_at);
		expires = json_string(expires_at);
	}
	uuid_format(&token->id, id);
	json_object_update_new(
	    document, json_pack("{ss ss ss so so}", "id", id, "token", token->text, "name",
			  token->body.name, "scopes", scopes, "expires_at", expires));
	request->holds_secret = 1;
	request_set_location(request, "%s/%s",
	    request->principal.audience == AUDIENCE_ITSP ? "/v1/tokens" : "/v1/admin/tokens", id);
	request_reply_json(request, 201, document);
}

/* The parameters that both statements have in common, from the name on. */
static void add_token_params(
    const struct request *request, struct pg_params *params, const struct new_token *token)
{
	uint8_t digest[SHA256_LEN];
	token_digest(token->text, digest);
	pg_param_text(params, token->body.name);
	pg_param_bytea(params, digest, sizeof(digest));
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (token->scopes & 1u << i)
			pg_param_text(params, scope_name(i));
	pg_param_array_end(params);
	pg_param_time_us(params, token->body.expires_at_us);
	request_param_actor(request, params);
}

void token_create(struct request *request)
{
	const struct new_token *token = read_body(request, AUDIENCE_ITSP);
	if (!token)
		return;
	if (token->scopes & ~request->principal.scopes) {
		request_fail(request, PROBLEM_INSUFFICIENT_SCOPE,
		    "A token cannot make one that may more than itself.");
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, token->id.bytes);
	add_token_params(request, params, token);
	request_effect(request, &(struct pg_call){&query_token_create, params}, 1, on_created);
}

static void create_for(
    struct request *request, const struct uuid *itsp, const struct new_token *token)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, token->id.bytes);
	if (itsp)
		pg_param_uuid(params, itsp->bytes);
	else
		pg_param_null(params);
	add_token_params(request, params, token);
	request_effect(
	    request, &(struct pg_call){&query_admin_token_create, params}, 1, on_created);
}

void itsp_token_create(struct request *request)
{
	struct uuid itsp;
	if (request_uuid(request, 0, &itsp))
		return;
	const struct new_token *token = read_body(request, AUDIENCE_ITSP);
	if (token)
		create_for(request, &itsp, token);
}

void admin_token_create(struct request *request)
{
	const struct new_token *token = read_body(request, AUDIENCE_MANUFACTURER);
	if (!token)
		return;
	if (token->scopes & ~request->principal.scopes)
		request_fail(request, PROBLEM_INSUFFICIENT_SCOPE,
		    "A token cannot make one that may more than itself.");
	else
		create_for(request, NULL, token);
}

/* --- Revoking --- */

static void on_revoked(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "not_found") == 0)
		request_fail_outcome(request, outcome);
	else
		request_reply_empty(request);
}

static void revoke(struct request *request, const struct pg_statement *statement)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){statement, params}, 1, on_revoked);
}

void token_revoke(struct request *request)
{
	revoke(request, &query_token_revoke);
}

void admin_token_revoke(struct request *request)
{
	revoke(request, &query_admin_token_revoke);
}

/* --- Rotating one: its successor is shown, and it holds a while longer --- */

enum { OVERLAP_S = 24 * 3600, OVERLAP_MAX_S = 30 * 24 * 3600 };

static void on_rotated(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field rotated[] = {
	    {"name", "name", ROW_TEXT},
	    {"scopes", "scopes", ROW_TEXTS},
	    {"created_at", "created_at", ROW_TIME},
	    {"expires_at", "expires_at", ROW_TIME},
	    {"old_expires_at", "old_expires_at", ROW_TIME},
	};
	const struct pg_rows *rows = results[0];
	const struct new_token *token = request->state;
	const char *outcome = row_text(rows, 0, row_column(rows, "outcome"));
	char id[UUID_TEXT_LEN + 1];
	CHECK(count == 1);
	if (strcmp(outcome, "rotated") != 0) {
		request_fail_outcome(request, outcome);
		return;
	}
	uuid_format(&token->id, id);
	json_t *document = row_object(rows, 0, rotated, sizeof(rotated) / sizeof(rotated[0]));
	json_object_update_new(document, json_pack("{ss ss}", "id", id, "token", token->text));
	request->holds_secret = 1;
	request_set_location(request, "%s/%s",
	    request->principal.audience == AUDIENCE_ITSP ? "/v1/tokens" : "/v1/admin/tokens", id);
	request_reply_json(request, 201, document);
}

void token_rotate(struct request *request)
{
	static const struct bind_field overlap_fields[] = {
	    {.name = "overlap_s", .type = BIND_INT, .min = 0, .max = OVERLAP_MAX_S}};
	struct new_token *token = calloc(1, sizeof(*token));
	int64_t overlap_s = OVERLAP_S;
	struct uuid id;
	uint8_t digest[SHA256_LEN];
	CHECK(token);
	request->state = token;
	request->state_free = new_token_free;
	if (request_uuid(request, 0, &id))
		return;
	if (bind_object(
		request->document, overlap_fields, 1, &overlap_s, &request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	uuid_random(&token->id);
	token_generate(token->text);
	token_digest(token->text, digest);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_uuid(params, token->id.bytes);
	pg_param_bytea(params, digest, sizeof(digest));
	pg_param_int(params, overlap_s);
	request_param_actor(request, params);
	request_effect(request,
	    &(struct pg_call){request->principal.audience == AUDIENCE_ITSP
				  ? &query_token_rotate
				  : &query_admin_token_rotate,
		params},
	    1, on_rotated);
}
