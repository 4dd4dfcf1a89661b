/*
 * Users: an ITSP's owner manages its people (/v1/users), the manufacturer everybody's
 * (/v1/admin/users). Who is invited gets a one-time link, which whoever invites hands over.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/secret.h"
#include "portal-api/http/list.h"
#include "portal-api/json/bind.h"
#include "portal-api/people/email.h"
#include "portal-api/people/role.h"
#include "portal-api/people/secrets.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"id", "user_id", ROW_TEXT},
    {"itsp_id", "itsp_id", ROW_TEXT},
    {"email", "email", ROW_TEXT},
    {"display_name", "display_name", ROW_TEXT},
    {"role", "role", ROW_TEXT},
    {"state", "state", ROW_TEXT},
    {"has_password", "has_password", ROW_BOOL},
    {"second_factor_at", "second_factor_at", ROW_TIME},
    {"last_sign_in_at", "last_sign_in_at", ROW_TIME},
    {"created_at", "created_at", ROW_TIME},
    {"version", "version", ROW_INT},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const struct list users = {.name = "users",
    .statement = &query_user_list,
    .first_place = "",
    .place_column = "email",
    .fields = fields,
    .field_count = FIELD_COUNT};
static const struct list admin_users = {.name = "users",
    .statement = &query_admin_user_list,
    .first_place = "",
    .place_column = "email",
    .fields = fields,
    .field_count = FIELD_COUNT};

static int is_manufacturers(const struct request *request)
{
	return request->operation->audience == OPERATION_MANUFACTURER;
}

void user_list(struct request *request)
{
	struct pg_params *params = list_params(request, &users);
	if (params)
		list_run(request, &users, params);
}

void admin_user_list(struct request *request)
{
	char itsp[64];
	struct uuid id;
	if (request_query_text(request, "itsp_id", itsp, sizeof(itsp)))
		return;
	int is_one = itsp[0] && strcmp(itsp, "none") != 0;
	if (is_one && uuid_parse(itsp, strlen(itsp), &id) != ERR_OK) {
		request_fail_field(request, "itsp_id", "bad_uuid",
		    "This must be an ITSP's id, or none for the manufacturer's own people.");
		return;
	}
	struct pg_params *params = list_params(request, &admin_users);
	if (!params)
		return;
	pg_param_text(params, is_one ? itsp : NULL);
	pg_param_bool(params, !itsp[0]);
	list_run(request, &admin_users, params);
}

static struct pg_call read_call(const struct request *request, const struct uuid *id)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id->bytes);
	return (struct pg_call){
	    is_manufacturers(request) ? &query_admin_user_get : &query_user_get, params};
}

static void on_read(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[count - 1];
	if (row_count(rows) == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	request->etag_version = (int)row_int(rows, 0, row_column(rows, "version"));
	request_reply_json(request, 200, row_object(rows, 0, fields, FIELD_COUNT));
}

void user_get(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	const struct pg_call call = read_call(request, &id);
	request_query(request, &call, 1, on_read);
}

/* --- Inviting --- */

struct invitation {
	struct {
		const char *email, *display_name, *role, *itsp_id;
		int resets_second_factor;
	} body;
	char email[EMAIL_MAX + 1];
	struct uuid id;
	char link[LINK_PATH_MAX];
	uint8_t link_hash[SHA256_LEN];
};

static const struct bind_field invitation_fields[] = {
    {.name = "email",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct invitation, body.email),
	.min = 3,
	.max = EMAIL_MAX},
    {.name = "display_name",
	.type = BIND_NAME,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct invitation, body.display_name),
	.min = 1,
	.max = 128},
    {.name = "role",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct invitation, body.role),
	.min = 1,
	.max = 32},
    /* The manufacturer's only. */
    {.name = "itsp_id",
	.type = BIND_UUID,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct invitation, body.itsp_id)},
};

static void invitation_free(void *state)
{
	bytes_wipe(state, sizeof(struct invitation));
	free(state);
}

static struct invitation *invitation_new(struct request *request)
{
	struct invitation *made = calloc(1, sizeof(*made));
	CHECK(made);
	request->state = made;
	request->state_free = invitation_free;
	return made;
}

static int read_invitation(struct request *request, struct invitation *invitation)
{
	struct field_errors *errors = &request->problem.errors;
	size_t count = sizeof(invitation_fields) / sizeof(invitation_fields[0]);
	enum err err = bind_object(request->document, invitation_fields,
	    is_manufacturers(request) ? count : count - 1, &invitation->body, errors);
	if (!err && email_parse(invitation->body.email, strlen(invitation->body.email),
			invitation->email) != ERR_OK)
		field_error_add(errors, "email", "bad_email",
		    "This must be an address such as ada@example.net.");
	if (!err && role_scopes(invitation->body.role) == 0)
		field_error_add(errors, "role", "bad_role", "There is no such role.");
	if (errors->count == 0)
		return 0;
	request_fail_fields(request);
	return -1;
}

static void reply_link(
    struct request *request, int status, json_t *document, const struct pg_rows *outcome_rows)
{
	static const struct row_field link_fields[] = {
	    {"link_expires_at", "link_expires_at", ROW_TIME}};
	const struct invitation *invitation = request->state;
	json_object_set_new(document, "link", json_string(invitation->link));
	json_object_update_new(document, row_object(outcome_rows, 0, link_fields, 1));
	request->holds_secret = 1;
	request_reply_json(request, status, document);
}

static void on_created(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 2);
	if (strcmp(outcome, "created") != 0) {
		request_fail_outcome(request, outcome);
		return;
	}
	request->etag_version = 1;
	reply_link(request, 201, row_object(results[1], 0, fields, FIELD_COUNT), results[0]);
}

void user_create(struct request *request)
{
	struct invitation *invitation = invitation_new(request);
	char id_text[UUID_TEXT_LEN + 1];
	if (read_invitation(request, invitation))
		return;
	uuid_random(&invitation->id);
	uuid_format(&invitation->id, id_text);
	link_generate(invitation->link, invitation->link_hash);
	request_set_location(request, "%s/%s", request->operation->pattern, id_text);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, invitation->id.bytes);
	if (is_manufacturers(request))
		pg_param_text(params, invitation->body.itsp_id);
	pg_param_text(params, invitation->email);
	pg_param_text(params, invitation->body.display_name);
	pg_param_text(params, invitation->body.role);
	pg_param_bytea(params, invitation->link_hash, sizeof(invitation->link_hash));
	pg_param_int(params, request->portal->config->link_lifetime_ms / 1000);
	request_param_actor(request, params);
	const struct pg_call calls[] = {
	    {is_manufacturers(request) ? &query_admin_user_create : &query_user_create, params},
	    read_call(request, &invitation->id)};
	request_effect(request, calls, 2, on_created);
}

/* --- A new link: the password was forgotten, or the authenticator lost --- */

static void on_link(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "created") == 0)
		reply_link(request, 200, json_object(), results[0]);
	else
		request_fail_outcome(request, outcome);
}

void user_link_create(struct request *request)
{
	static const struct bind_field link_fields[] = {{.name = "reset_second_factor",
	    .type = BIND_BOOL,
	    .offset = offsetof(struct invitation, body.resets_second_factor)}};
	struct invitation *invitation = invitation_new(request);
	if (request_uuid(request, 0, &invitation->id))
		return;
	if (bind_object(request->document, link_fields, 1, invitation, &request->problem.errors) !=
	    ERR_OK) {
		request_fail_fields(request);
		return;
	}
	link_generate(invitation->link, invitation->link_hash);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, invitation->id.bytes);
	pg_param_bytea(params, invitation->link_hash, sizeof(invitation->link_hash));
	pg_param_int(params, request->portal->config->link_lifetime_ms / 1000);
	pg_param_bool(params, invitation->body.resets_second_factor);
	request_param_actor(request, params);
	request_effect(request,
	    &(struct pg_call){
		is_manufacturers(request) ? &query_admin_user_link_create : &query_user_link_create,
		params},
	    1, on_link);
}

/* --- Changing and removing --- */

static void on_patched(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	if (strcmp(outcome, "updated") == 0 || strcmp(outcome, "same") == 0)
		on_read(request, results, count);
	else
		request_fail_outcome(request, outcome);
}

void user_rebuild(struct request *request)
{
	struct uuid id;
	CHECK(uuid_parse(request->effect_object, strlen(request->effect_object), &id) == ERR_OK);
	const struct pg_call call = read_call(request, &id);
	request_query(request, &call, 1, on_read);
}

void user_patch(struct request *request)
{
	static const char *const states[] = {"live", "suspended", NULL};
	struct patch {
		const char *display_name, *role, *state;
	} patch = {0};
	static const struct bind_field patch_fields[] = {
	    {.name = "display_name",
		.type = BIND_NAME,
		.offset = offsetof(struct patch, display_name),
		.min = 1,
		.max = 128},
	    {.name = "role",
		.type = BIND_TEXT,
		.offset = offsetof(struct patch, role),
		.min = 1,
		.max = 32},
	    {.name = "state",
		.type = BIND_WORD,
		.offset = offsetof(struct patch, state),
		.words = states},
	};
	struct uuid id;
	int version;
	if (request_uuid(request, 0, &id) || request_if_match(request, &version))
		return;
	if (bind_object(request->document, patch_fields,
		sizeof(patch_fields) / sizeof(patch_fields[0]), &patch,
		&request->problem.errors) != ERR_OK) {
		request_fail_fields(request);
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_version(params, version);
	pg_param_text(params, patch.display_name);
	pg_param_text(params, patch.role);
	pg_param_text(params, patch.state);
	request_param_actor(request, params);
	const struct pg_call calls[] = {
	    {is_manufacturers(request) ? &query_admin_user_patch : &query_user_patch, params},
	    read_call(request, &id)};
	request_effect(request, calls, 2, on_patched);
}

static void on_removed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "removed") == 0)
		request_reply_empty(request);
	else
		request_fail_outcome(request, outcome);
}

void user_remove(struct request *request)
{
	struct uuid id;
	int version;
	if (request_uuid(request, 0, &id) || request_if_match(request, &version))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_actor(request, params);
	request_param_version(params, version);
	request_effect(request,
	    &(struct pg_call){
		is_manufacturers(request) ? &query_admin_user_remove : &query_user_remove, params},
	    1, on_removed);
}
