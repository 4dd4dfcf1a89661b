/* Claims (/v1/claims): the tenant's own are read, listed, re-armed and given back. */
#include <stdio.h>
#include <string.h>

#include "portal-api/claims/claims.h"
#include "portal-api/http/export.h"
#include "portal-api/http/list.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

enum { MACS_MAX = 10000 };

static const struct list claims = {.name = "claims",
    .statement = &query_claim_list,
    .place_column = "mac",
    .fields = claim_fields,
    .field_count = CLAIM_FIELD_COUNT};

static const struct list claims_by_serial = {.name = "claims",
    .statement = &query_claim_list_by_serial,
    .place_column = "mac",
    .fields = claim_fields,
    .field_count = CLAIM_FIELD_COUNT};

/* What a page of claims is narrowed down to. */
struct claim_filter {
	char state[16], progress[16], profile_id[UUID_TEXT_LEN + 2], serial_number[65];
	int has_macs;
	uint64_t from; /* the first MAC, as a number */
	struct mac to;
};

static int take_mac_prefix(struct request *request, struct claim_filter *filter)
{
	char prefix[24];
	struct mac from;
	if (request_query_text(request, "mac_prefix", prefix, sizeof(prefix)))
		return -1;
	if (!prefix[0])
		return 0;
	if (mac_prefix_parse(prefix, strlen(prefix), &from, &filter->to) != ERR_OK) {
		request_fail_field(request, "mac_prefix", "bad_mac",
		    "This must be the beginning of a MAC, such as 001565 or 00:15:65:a.");
		return -1;
	}
	filter->has_macs = 1;
	filter->from = mac_to_uint(&from);
	return 0;
}

static int take_filter(struct request *request, struct claim_filter *filter)
{
	static const char *const states[] = {"live", "suspended", NULL};
	static const char *const progress[] = {"waiting", "contacted", "delivered", NULL};
	struct uuid id;
	if (request_query_word(request, "state", states, filter->state, sizeof(filter->state)) ||
	    request_query_word(
		request, "progress", progress, filter->progress, sizeof(filter->progress)) ||
	    take_mac_prefix(request, filter) ||
	    request_query_text(
		request, "profile_id", filter->profile_id, sizeof(filter->profile_id)) ||
	    request_query_text(
		request, "serial_number", filter->serial_number, sizeof(filter->serial_number)))
		return -1;
	if (filter->profile_id[0] &&
	    uuid_parse(filter->profile_id, strlen(filter->profile_id), &id) != ERR_OK) {
		request_fail_field(
		    request, "profile_id", "bad_uuid", "This must be a profile's id.");
		return -1;
	}
	if (filter->serial_number[0] && (filter->state[0] || filter->progress[0] ||
					    filter->profile_id[0] || filter->has_macs)) {
		request_fail_field(request, "serial_number", "not_together",
		    "A serial number is looked for alone, without other filters.");
		return -1;
	}
	return 0;
}

static void add_text(struct pg_params *params, const char *text)
{
	pg_param_text(params, text[0] ? text : NULL);
}

static void add_macs(struct pg_params *params, const struct claim_filter *filter)
{
	struct mac above;
	if (filter->has_macs && filter->from > 0) {
		CHECK(mac_from_uint(filter->from - 1, &above) == ERR_OK);
		pg_param_mac(params, &above);
	} else {
		pg_param_null(params);
	}
	if (filter->has_macs)
		pg_param_mac(params, &filter->to);
	else
		pg_param_null(params);
}

static void add_filter(struct pg_params *params, const struct claim_filter *filter)
{
	add_text(params, filter->state);
	add_macs(params, filter);
	add_text(params, filter->profile_id);
	add_text(params, filter->progress);
}

void claim_list(struct request *request)
{
	struct claim_filter filter = {0};
	if (take_filter(request, &filter))
		return;
	const struct list *list = filter.serial_number[0] ? &claims_by_serial : &claims;
	struct pg_params *params = list_params(request, list);
	if (!params)
		return;
	if (filter.serial_number[0])
		pg_param_text(params, filter.serial_number);
	else
		add_filter(params, &filter);
	list_run(request, list, params);
}

static struct pg_params *export_params(struct request *request, const char *place, unsigned limit)
{
	struct claim_filter filter = {0};
	if (take_filter(request, &filter))
		return NULL;
	if (filter.serial_number[0]) {
		request_fail_field(request, "serial_number", "not_together",
		    "An export is not of a serial number.");
		return NULL;
	}
	struct pg_params *params = pg_params_new();
	pg_param_text(params, place);
	pg_param_int(params, limit);
	add_filter(params, &filter);
	return params;
}

static void place_of(const struct pg_rows *rows, size_t row, char place[CURSOR_PLACE_MAX + 1])
{
	snprintf(place, CURSOR_PLACE_MAX + 1, "%s", row_text(rows, row, row_column(rows, "mac")));
}

void claim_export(struct request *request)
{
	static const struct export export = {.name = "claims",
	    .statement = &query_claim_list,
	    .fields = claim_fields,
	    .field_count = CLAIM_FIELD_COUNT,
	    .params = export_params,
	    .place_of = place_of};
	export_run(request, &export);
}

static void on_claim(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	if (row_count(results[0]) == 0)
		request_fail_outcome(request, "not_found");
	else
		claim_reply(request, 200, results[0], 0);
}

void claim_get(struct request *request)
{
	struct mac mac;
	if (request_mac(request, 0, &mac))
		return;
	const struct pg_call call = claim_read_call(&mac);
	request_query(request, &call, 1, on_claim);
}

static void on_released(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "released") == 0 || strcmp(outcome, "already_released") == 0)
		request_reply_empty(request);
	else
		request_fail_outcome(request, outcome);
}

void claim_release(struct request *request)
{
	struct mac mac;
	int version;
	if (request_mac(request, 0, &mac) || request_if_match(request, &version))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &mac);
	request_param_version(params, version);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){&query_claim_release, params}, 1, on_released);
}

/* --- Many at once --- */

static void on_all_released(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field released_fields[] = {
	    {"mac", "mac", ROW_MAC}, {"status", "outcome", ROW_TEXT}};
	CHECK(count == 1);
	request_reply_json(request, 200,
	    json_pack("{so}", "released", row_objects(results[0], SIZE_MAX, released_fields, 2)));
}

void claims_release(struct request *request)
{
	static const struct bind_field macs_fields[] = {
	    {.name = "macs", .type = BIND_MACS, .flags = BIND_REQUIRED, .min = 1, .max = MACS_MAX}};
	json_t *macs = NULL;
	struct mac mac;
	if (bind_object(request->document, macs_fields, 1, &macs, &request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_array_begin(params, PG_ARRAY_MACADDR);
	for (size_t i = 0; i < json_array_size(macs); i++) {
		const json_t *text = json_array_get(macs, i);
		CHECK(mac_parse(json_string_value(text), json_string_length(text), &mac) == ERR_OK);
		pg_param_mac(params, &mac);
	}
	pg_param_array_end(params);
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_claims_release, params}, 1, on_all_released);
}
