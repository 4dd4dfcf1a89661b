/* Provisioning profiles (/v1/profiles): where an ITSP's phones are sent. What one may be is decided
 * in profiles/profile.c, and once more by the database. */
#include <stdlib.h>
#include <string.h>

#include "portal-api/claims/carry.h"
#include "portal-api/http/list.h"
#include "portal-api/json/rows.h"
#include "portal-api/profiles/handlers.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

/* What a client may write stands first: a patch is merged into exactly that. */
static const struct row_field fields[] = {
    {"name", "name", ROW_TEXT},
    {"provisioning_url", "provisioning_url", ROW_TEXT},
    {"fallback_urls", "fallback_urls", ROW_TEXTS},
    {"trust_anchors", "trust_anchors", ROW_TEXT},
    {"delivery", "delivery", ROW_TEXT},
    {"redelivery", "redelivery", ROW_TEXT},
    {"window_hours", "window_hours", ROW_INT},
    {"purge_after_delivery", "purge_after_delivery", ROW_BOOL},
    {"password_length", "password_length", ROW_INT},
    {"id", "id", ROW_TEXT},
    {"version", "version", ROW_INT},
    {"created_at", "created_at", ROW_TIME},
    {"updated_at", "updated_at", ROW_TIME},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]), WRITABLE_COUNT = 9 };

/* The least that a phone's password may be: those of the claims were checked when they were made.
 */
static const char ANY_PASSWORD[] = "Aa0Bb1Cc2Dd3";

static const struct list profiles = {.name = "profiles",
    .statement = &query_profile_list,
    .first_place = "",
    .place_column = "name",
    .fields = fields,
    .field_count = FIELD_COUNT};

void profile_list(struct request *request)
{
	struct pg_params *params = list_params(request, &profiles);
	if (params)
		list_run(request, &profiles, params);
}

static struct pg_call read_call(const struct uuid *id)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id->bytes);
	return (struct pg_call){&query_profile_get, params};
}

struct pg_call profile_domains_call(const struct request *request)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, request->principal.itsp_id);
	return (struct pg_call){&query_itsp_domain_list, params};
}

json_t *profile_writable(const struct pg_rows *rows)
{
	return row_object(rows, 0, fields, WRITABLE_COUNT);
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

void profile_get(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	const struct pg_call call = read_call(&id);
	request_query(request, &call, 1, on_read);
}

void profile_rebuild(struct request *request)
{
	struct uuid id;
	CHECK(uuid_parse(request->effect_object, strlen(request->effect_object), &id) == ERR_OK);
	if (strcmp(request->operation->method, "POST") == 0)
		request_set_location(request, "/v1/profiles/%s", request->effect_object);
	const struct pg_call call = read_call(&id);
	request_query(request, &call, 1, on_read);
}

/* --- Creating and changing: read what it needs, check, store --- */

/* A change between its reading and its storing. */
struct change {
	struct uuid id;
	json_t *document; /* the whole profile as it shall be */
	struct profile profile; /* borrowed from the document */
	int version; /* expected; ETAG_ANY for a new one */
};

static void change_free(void *state)
{
	struct change *change = state;
	json_decref(change->document);
	free(change);
}

static struct change *change_new(struct request *request)
{
	struct change *change = calloc(1, sizeof(*change));
	CHECK(change);
	request->state = change;
	request->state_free = change_free;
	return change;
}

int profile_refuse_urls(
    struct request *request, const struct profile *profile, const struct pg_rows *rows)
{
	size_t count = row_count(rows);
	const char **domains = calloc(count + 1, sizeof(*domains));
	CHECK(domains);
	for (size_t i = 0; i < count; i++)
		domains[i] = row_text(rows, i, row_column(rows, "domain"));
	enum err err = profile_check_urls(profile, domains, count, &request->problem.errors);
	free(domains);
	if (err)
		request_fail_fields(request);
	return err != ERR_OK;
}

static void on_stored(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	if (strcmp(outcome, "created") == 0 || strcmp(outcome, "updated") == 0 ||
	    strcmp(outcome, "same") == 0)
		on_read(request, results, count);
	else
		request_fail_outcome(request, outcome);
}

/* 0 stands for none. */
static void add_number(struct pg_params *params, int64_t number)
{
	if (number)
		pg_param_int(params, number);
	else
		pg_param_null(params);
}

/* The parameters that both statements have in common, from the name on. */
static void add_profile_params(
    const struct request *request, struct pg_params *params, const struct profile *profile)
{
	pg_param_text(params, profile->name);
	pg_param_text(params, profile->provisioning_url);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < json_array_size(profile->fallback_urls); i++)
		pg_param_text(params, json_string_value(json_array_get(profile->fallback_urls, i)));
	pg_param_array_end(params);
	pg_param_text(params, profile->trust_anchors);
	pg_param_text(params, profile->delivery);
	pg_param_text(params, profile->redelivery);
	add_number(params, profile->window_hours);
	request_param_actor(request, params);
	pg_param_bool(params, profile->purge_after_delivery);
	add_number(params, profile->password_length);
}

static void on_domains(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct change *change = request->state;
	char id_text[UUID_TEXT_LEN + 1];
	CHECK(count == 1);
	if (profile_refuse_urls(request, &change->profile, results[0]))
		return;
	uuid_random(&change->id);
	uuid_format(&change->id, id_text);
	request_set_location(request, "/v1/profiles/%s", id_text);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, change->id.bytes);
	add_profile_params(request, params, &change->profile);
	const struct pg_call calls[] = {{&query_profile_create, params}, read_call(&change->id)};
	request_effect(request, calls, 2, on_stored);
}

void profile_create(struct request *request)
{
	struct change *change = change_new(request);
	if (profile_bind(request->document, &change->profile, &request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	const struct pg_call call = profile_domains_call(request);
	request_query(request, &call, 1, on_domains);
}

/* RFC 7396 for a document without nested objects. */
static void merge(json_t *document, json_t *patch)
{
	const char *key;
	json_t *value;
	json_object_foreach(patch, key, value)
		json_object_set(document, key, value);
}

static void carry_phone(const struct pg_rows *phones, size_t at, struct carry *carry)
{
	row_mac(phones, at, row_column(phones, "mac"), &carry->mac);
	carry->model = row_text(phones, at, row_column(phones, "model"));
	carry->serial_number = row_text(phones, at, row_column(phones, "serial_number"));
	carry->admin_user = row_text(phones, at, row_column(phones, "admin_user"));
}

/* Answers and returns non-zero when a model that is claimed with the profile could not be told what
 * it says from now on. */
static int refuse_for_phones(
    struct request *request, const struct profile *profile, const struct pg_rows *phones)
{
	struct carry carry = {.provisioning_url = profile->provisioning_url,
	    .fallback_count = json_array_size(profile->fallback_urls),
	    .is_staged = strcmp(profile->delivery, "staged") == 0,
	    .is_profile_change = 1,
	    .admin_password = ANY_PASSWORD};
	enum err err = ERR_OK;
	for (size_t i = 0; i < carry.fallback_count; i++)
		carry.fallback_urls[i] =
		    json_string_value(json_array_get(profile->fallback_urls, i));
	for (size_t i = 0; !err && i < row_count(phones); i++) {
		const struct format *format = format_set_find(
		    request->portal->formats, row_text(phones, i, row_column(phones, "format")));
		carry_phone(phones, i, &carry);
		if (format)
			err = carry_check(format, &carry, &request->problem.errors);
	}
	if (err)
		request_fail_fields(request);
	return err != ERR_OK;
}

static void on_current(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct change *change = request->state;
	const struct pg_rows *rows = results[0];
	CHECK(count == 2 || count == 3);
	if (row_count(rows) == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	int version = (int)row_int(rows, 0, row_column(rows, "version"));
	if (change->version >= 0 && change->version != version) {
		request_fail_outcome(request, "version_mismatch");
		return;
	}
	change->document = profile_writable(rows);
	merge(change->document, request->document);
	if (profile_bind(change->document, &change->profile, &request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	if (profile_refuse_urls(request, &change->profile, results[1]) ||
	    (count == 3 && refuse_for_phones(request, &change->profile, results[2])))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, change->id.bytes);
	/* What was merged is what was read: nobody else's change in between is undone. */
	request_param_version(params, version);
	add_profile_params(request, params, &change->profile);
	const struct pg_call calls[] = {{&query_profile_update, params}, read_call(&change->id)};
	request_effect(request, calls, 2, on_stored);
}

/* Whether the patch touches what a phone is told. */
static int concerns_phones(const json_t *patch)
{
	return json_object_get(patch, "provisioning_url") ||
	       json_object_get(patch, "fallback_urls") || json_object_get(patch, "delivery");
}

void profile_patch(struct request *request)
{
	struct change *change = change_new(request);
	if (request_uuid(request, 0, &change->id) || request_if_match(request, &change->version))
		return;
	struct pg_call calls[3] = {read_call(&change->id), profile_domains_call(request)};
	size_t count = 2;
	if (concerns_phones(request->document)) {
		struct pg_params *params = pg_params_new();
		pg_param_uuid(params, change->id.bytes);
		calls[count++] = (struct pg_call){&query_profile_phones, params};
	}
	request_query(request, calls, count, on_current);
}

static void on_deleted(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 2);
	if (strcmp(outcome, "deleted") == 0)
		request_reply_empty(request);
	else if (strcmp(outcome, "in_use") == 0)
		request_fail_in_use(request, results[1]);
	else
		request_fail_outcome(request, outcome);
}

void profile_delete(struct request *request)
{
	struct uuid id;
	int version;
	if (request_uuid(request, 0, &id) || request_if_match(request, &version))
		return;
	struct pg_params *params = pg_params_new(), *again = pg_params_new();
	pg_param_uuid(params, id.bytes);
	request_param_version(params, version);
	request_param_actor(request, params);
	pg_param_uuid(again, id.bytes);
	const struct pg_call calls[] = {
	    {&query_profile_delete, params}, {&query_profile_dependents, again}};
	request_effect(request, calls, 2, on_deleted);
}
