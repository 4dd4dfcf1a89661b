/* Models of phones (/v1/admin/models): which format, keys and authentication each has. */
#include <stdio.h>
#include <string.h>

#include "common/answer/password.h"
#include "common/pki/key_type.h"
#include "portal-api/http/list.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"name", "name", ROW_TEXT},
    {"format", "format", ROW_TEXT},
    {"key_types", "key_types", ROW_TEXTS},
    {"authentication", "authentication", ROW_TEXT},
    {"encrypt_answers", "encrypt_answers", ROW_BOOL},
    {"tls_floor", "tls_floor", ROW_TEXT},
    {"password_alphabet", "password_alphabet", ROW_TEXT},
    {"admin_user", "admin_user", ROW_TEXT},
    {"created_at", "created_at", ROW_TIME},
    {"version", "version", ROW_INT},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const struct list models = {
    .name = "models",
    .statement = &query_model_list,
    .first_place = "",
    .place_column = "name",
    .fields = fields,
    .field_count = FIELD_COUNT,
};

void model_list(struct request *request)
{
	struct pg_params *params = list_params(request, &models);
	if (params)
		list_run(request, &models, params);
}

static struct pg_call read_call(const char *name)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, name);
	return (struct pg_call){&query_admin_model_get, params};
}

static void on_read(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[count - 1];
	if (row_count(rows) == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	request->etag_version = (int)row_int(rows, 0, row_column(rows, "version"));
	request_reply_json(
	    request, request->location[0] ? 201 : 200, row_object(rows, 0, fields, FIELD_COUNT));
}

void model_get(struct request *request)
{
	const struct pg_call call = read_call(request->match.params[0]);
	request_query(request, &call, 1, on_read);
}

struct model_body {
	const char *name, *format, *authentication, *tls_floor, *password_alphabet, *admin_user;
	json_t *key_types;
	int encrypt_answers; /* -1: absent */
};

static const char *const authentications[] = {"certificate", "password", NULL};
static const char *const tls_floors[] = {"modern", "compatible", NULL};

#define OFFSET(member) offsetof(struct model_body, member)
static const struct bind_field body_fields[] = {
    {.name = "name",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = OFFSET(name),
	.min = 1,
	.max = 64},
    {.name = "format",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = OFFSET(format),
	.min = 1,
	.max = 32},
    {.name = "key_types",
	.type = BIND_TEXTS,
	.flags = BIND_REQUIRED,
	.offset = OFFSET(key_types),
	.min = 1,
	.max = KEY_TYPE_COUNT,
	.item_max = 16},
    {.name = "authentication",
	.type = BIND_WORD,
	.flags = BIND_REQUIRED,
	.offset = OFFSET(authentication),
	.words = authentications},
    {.name = "encrypt_answers", .type = BIND_BOOL, .offset = OFFSET(encrypt_answers)},
    {.name = "tls_floor", .type = BIND_WORD, .offset = OFFSET(tls_floor), .words = tls_floors},
    {.name = "password_alphabet",
	.type = BIND_TEXT,
	.flags = BIND_NULLABLE,
	.offset = OFFSET(password_alphabet),
	.min = 20,
	.max = 62},
    {.name = "admin_user", .type = BIND_TEXT, .offset = OFFSET(admin_user), .min = 1, .max = 32},
};
#undef OFFSET
enum { BODY_FIELDS = sizeof(body_fields) / sizeof(body_fields[0]) };

/* What a change may hold: all but the name and the authentication, and nothing must be there. */
static size_t patch_fields(struct bind_field table[BODY_FIELDS])
{
	size_t count = 0;
	for (size_t i = 0; i < BODY_FIELDS; i++) {
		if (strcmp(body_fields[i].name, "name") == 0 ||
		    strcmp(body_fields[i].name, "authentication") == 0)
			continue;
		table[count] = body_fields[i];
		table[count++].flags &= ~(unsigned)BIND_REQUIRED;
	}
	return count;
}

enum { LETTERS_DIGITS = 1, AND_DOTS = 2, AND_SPACES = 4 };

/* The characters that the database and a certificate's subject take. */
static int has_only(const char *text, unsigned classes)
{
	for (; *text; text++) {
		int letter = (*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z') ||
			     (*text >= '0' && *text <= '9');
		if (!letter && !(classes & AND_DOTS && strchr("._-", *text)) &&
		    !(classes & AND_SPACES && strchr(" ()", *text)))
			return 0;
	}
	return 1;
}

static void check_body(
    const struct request *request, const struct model_body *body, struct field_errors *errors)
{
	if (body->name &&
	    (!has_only(body->name, AND_DOTS | AND_SPACES) || strchr(" ._()-", body->name[0])))
		field_error_add(errors, "name", "bad_text",
		    "This may hold letters, digits, spaces and . _ ( ) - and begins with a letter "
		    "or digit.");
	if (body->format && !format_set_find(request->portal->formats, body->format))
		field_error_add(errors, "format", "unknown_format", "There is no such format.");
	for (size_t i = 0; i < json_array_size(body->key_types); i++) {
		const json_t *item = json_array_get(body->key_types, i);
		enum key_type type;
		char path[32];
		snprintf(path, sizeof(path), "key_types[%zu]", i);
		if (key_type_parse(json_string_value(item), json_string_length(item), &type) !=
		    ERR_OK)
			field_error_add(errors, path, "bad_key_type",
			    "This must be one of: p256, p384, rsa2048, rsa3072.");
	}
	if (body->password_alphabet && !has_only(body->password_alphabet, LETTERS_DIGITS))
		field_error_add(
		    errors, "password_alphabet", "bad_text", "Letters and digits only.");
	else if (body->password_alphabet && !password_alphabet_is_good(body->password_alphabet))
		field_error_add(errors, "password_alphabet", "password_classes",
		    "This needs letters of both cases and digits: passwords have all three.");
	if (body->admin_user && !has_only(body->admin_user, AND_DOTS))
		field_error_add(
		    errors, "admin_user", "bad_text", "Letters, digits and . _ - only.");
	if (body->encrypt_answers > 0 && body->authentication &&
	    strcmp(body->authentication, "certificate") != 0)
		field_error_add(errors, "encrypt_answers", "needs_certificate",
		    "Answers can be encrypted to phones with a certificate only.");
}

/* Where the model is: its name may hold spaces. */
static void set_location(struct request *request, const char *name)
{
	char segment[3 * 64 + 1];
	size_t len = 0;
	for (; *name; name++)
		len += (size_t)snprintf(
		    segment + len, sizeof(segment) - len, *name == ' ' ? "%%20" : "%c", *name);
	request_set_location(request, "/v1/admin/models/%s", segment);
}

static void on_created(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	if (strcmp(outcome, "created") == 0)
		set_location(request, row_text(results[1], 0, row_column(results[1], "name")));
	if (strcmp(outcome, "created") == 0 || strcmp(outcome, "existing") == 0)
		on_read(request, results, count);
	else
		request_fail_outcome(request, outcome);
}

static void on_updated(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	if (strcmp(outcome, "updated") == 0 || strcmp(outcome, "same") == 0)
		on_read(request, results, count);
	else
		request_fail_outcome(request, outcome);
}

static int read_body(
    struct request *request, const struct bind_field *table, size_t count, struct model_body *body)
{
	struct field_errors *errors = &request->problem.errors;
	if (bind_object(request->document, table, count, body, errors) == ERR_OK)
		check_body(request, body, errors);
	if (errors->count == 0)
		return 0;
	request_fail_fields(request);
	return -1;
}

static void add_key_types(struct pg_params *params, const json_t *key_types)
{
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < json_array_size(key_types); i++)
		pg_param_text(params, json_string_value(json_array_get(key_types, i)));
	pg_param_array_end(params);
}

void model_create(struct request *request)
{
	struct model_body body = {0};
	if (read_body(request, body_fields, BODY_FIELDS, &body))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_text(params, body.name);
	pg_param_text(params, body.format);
	add_key_types(params, body.key_types);
	pg_param_text(params, body.authentication);
	pg_param_bool(params, body.encrypt_answers);
	pg_param_text(params, body.tls_floor);
	pg_param_text(params, body.password_alphabet);
	pg_param_text(params, body.admin_user);
	request_param_actor(request, params);
	const struct pg_call calls[] = {{&query_model_create, params}, read_call(body.name)};
	request_effect(request, calls, 2, on_created);
}

void model_patch(struct request *request)
{
	struct model_body body = {.encrypt_answers = -1};
	struct bind_field table[BODY_FIELDS];
	const char *name = request->match.params[0];
	int version;
	if (request_if_match(request, &version) ||
	    read_body(request, table, patch_fields(table), &body))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_text(params, name);
	request_param_version(params, version);
	pg_param_text(params, body.format);
	if (body.key_types)
		add_key_types(params, body.key_types);
	else
		pg_param_null(params);
	if (body.encrypt_answers < 0)
		pg_param_null(params);
	else
		pg_param_bool(params, body.encrypt_answers);
	pg_param_text(params, body.tls_floor);
	/* null, as a merge patch says it: no alphabet of its own any more. */
	pg_param_text(params, json_is_null(json_object_get(request->document, "password_alphabet"))
				  ? ""
				  : body.password_alphabet);
	pg_param_text(params, body.admin_user);
	request_param_actor(request, params);
	const struct pg_call calls[] = {{&query_model_update, params}, read_call(name)};
	request_effect(request, calls, 2, on_updated);
}
