/* ITSPs and the domains that the manufacturer approved for each (/v1/admin/itsps). */
#include <stdlib.h>
#include <string.h>

#include "common/answer/url_host.h"
#include "common/answer/url_policy.h"
#include "portal-api/http/list.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"id", "id", ROW_TEXT},
    {"name", "name", ROW_TEXT},
    {"suspended", "suspended", ROW_BOOL},
    {"created_at", "created_at", ROW_TIME},
    {"domains", "domains", ROW_TEXTS},
    {"version", "version", ROW_INT},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const struct list itsps = {.name = "itsps",
    .statement = &query_itsp_list,
    .first_place = "",
    .place_column = "name",
    .fields = fields,
    .field_count = FIELD_COUNT};

void itsp_list(struct request *request)
{
	struct pg_params *params = list_params(request, &itsps);
	if (params)
		list_run(request, &itsps, params);
}

struct itsp_body {
	const char *name;
	int suspended; /* -1: absent */
};

static const struct bind_field create_fields[] = {
    {.name = "name",
	.type = BIND_NAME,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct itsp_body, name),
	.min = 1,
	.max = 128},
};
static const struct bind_field patch_fields[] = {
    {.name = "name",
	.type = BIND_NAME,
	.offset = offsetof(struct itsp_body, name),
	.min = 1,
	.max = 128},
    {.name = "suspended", .type = BIND_BOOL, .offset = offsetof(struct itsp_body, suspended)},
};

static int read_body(
    struct request *request, const struct bind_field *table, size_t count, struct itsp_body *body)
{
	struct field_errors *errors = &request->problem.errors;
	body->name = NULL;
	body->suspended = -1;
	if (bind_object(request->document, table, count, body, errors) == ERR_OK)
		return 0;
	request_fail_fields(request);
	return -1;
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

/* After a change: its outcome, and then the ITSP as it is now. */
static void on_changed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	if (strcmp(outcome, "created") == 0 || strcmp(outcome, "updated") == 0 ||
	    strcmp(outcome, "same") == 0)
		on_read(request, results, count);
	else
		request_fail_outcome(request, outcome);
}

static struct pg_call read_call(const struct uuid *id)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id->bytes);
	return (struct pg_call){&query_itsp_get, params};
}

void itsp_create(struct request *request)
{
	struct itsp_body body;
	struct uuid id;
	char id_text[UUID_TEXT_LEN + 1];
	if (read_body(
		request, create_fields, sizeof(create_fields) / sizeof(create_fields[0]), &body))
		return;
	uuid_random(&id);
	uuid_format(&id, id_text);
	request_set_location(request, "/v1/admin/itsps/%s", id_text);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_text(params, body.name);
	request_param_actor(request, params);
	const struct pg_call calls[] = {{&query_itsp_create, params}, read_call(&id)};
	request_effect(request, calls, 2, on_changed);
}

void itsp_get(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	const struct pg_call call = read_call(&id);
	request_query(request, &call, 1, on_read);
}

void itsp_rebuild(struct request *request)
{
	struct uuid id;
	CHECK(uuid_parse(request->effect_object, strlen(request->effect_object), &id) == ERR_OK);
	if (strcmp(request->operation->method, "POST") == 0)
		request_set_location(request, "/v1/admin/itsps/%s", request->effect_object);
	const struct pg_call call = read_call(&id);
	request_query(request, &call, 1, on_read);
}

void itsp_patch(struct request *request)
{
	struct itsp_body body;
	struct uuid id;
	int version;
	if (request_uuid(request, 0, &id) || request_if_match(request, &version) ||
	    read_body(request, patch_fields, sizeof(patch_fields) / sizeof(patch_fields[0]), &body))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_version(params, version);
	pg_param_text(params, body.name);
	if (body.suspended < 0)
		pg_param_null(params);
	else
		pg_param_bool(params, body.suspended);
	request_param_actor(request, params);
	const struct pg_call calls[] = {{&query_itsp_patch, params}, read_call(&id)};
	request_effect(request, calls, 2, on_changed);
}

/* --- Domains --- */

static void on_domains(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field domain_fields[] = {{"domain", "domain", ROW_TEXT}};
	CHECK(count == 1);
	request_reply_page(request, "domains", row_objects(results[0], SIZE_MAX, domain_fields, 1),
	    "domains", NULL);
}

void itsp_domain_list(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_query(request, &(struct pg_call){&query_itsp_domain_list, params}, 1, on_domains);
}

enum { DOMAIN_SIZE = 254 };

static void on_domain_added(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	const char *domain = request->state;
	CHECK(count == 1);
	if (strcmp(outcome, "unknown_itsp") == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	int is_new = strcmp(outcome, "created") == 0;
	if (is_new)
		request_set_location(
		    request, "/v1/admin/itsps/%s/domains", request->match.params[0]);
	request_reply_json(request, is_new ? 201 : 200, json_pack("{ss}", "domain", domain));
}

void itsp_domain_add(struct request *request)
{
	static const struct bind_field domain_fields[] = {{.name = "domain",
	    .type = BIND_TEXT,
	    .flags = BIND_REQUIRED,
	    .min = 1,
	    .max = DOMAIN_SIZE - 1}};
	struct uuid id;
	const char *given = NULL;
	char *domain = calloc(1, DOMAIN_SIZE);
	CHECK(domain);
	request->state = domain;
	request->state_free = free;
	if (request_uuid(request, 0, &id))
		return;
	if (bind_object(request->document, domain_fields, 1, &given, &request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	if (url_domain_normalise(given, strlen(given), domain) != ERR_OK) {
		request_fail_field(request, "domain", "bad_domain",
		    "This must be a domain of two labels or more, such as example.net.");
		return;
	}
	if (url_host_is_special_use(domain, strlen(domain))) {
		request_fail_field(request, "domain", "special_use",
		    "Names under local, internal, home.arpa, test and the like are nobody's.");
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_text(params, domain);
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_itsp_domain_add, params}, 1, on_domain_added);
}

static void on_domain_removed(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 2);
	if (strcmp(outcome, "removed") == 0)
		request_reply_empty(request);
	else if (strcmp(outcome, "in_use") == 0)
		request_fail_in_use(request, results[1]);
	else
		request_fail_outcome(request, outcome);
}

void itsp_domain_remove(struct request *request)
{
	struct uuid id;
	char domain[DOMAIN_SIZE];
	const char *given = request->match.params[1];
	if (request_uuid(request, 0, &id))
		return;
	if (url_domain_normalise(given, strlen(given), domain) != ERR_OK) {
		request_fail_outcome(request, "not_found");
		return;
	}
	struct pg_params *params = pg_params_new(), *again = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_text(params, domain);
	request_param_actor(request, params);
	pg_param_uuid(again, id.bytes);
	pg_param_text(again, domain);
	const struct pg_call calls[] = {
	    {&query_itsp_domain_remove, params}, {&query_itsp_domain_dependents, again}};
	request_effect(request, calls, 2, on_domain_removed);
}
