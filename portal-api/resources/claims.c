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

/* The filter of the list and of the export. */
static int read_state(struct request *request, char state[16])
{
	if (request_query_text(request, "state", state, 16))
		return -1;
	if (!state[0] || strcmp(state, "live") == 0 || strcmp(state, "suspended") == 0)
		return 0;
	request_fail_field(request, "state", "not_one_of", "This must be one of: live, suspended.");
	return -1;
}

void claim_list(struct request *request)
{
	char state[16];
	if (read_state(request, state))
		return;
	struct pg_params *params = list_params(request, &claims);
	if (!params)
		return;
	pg_param_text(params, state[0] ? state : NULL);
	list_run(request, &claims, params);
}

static struct pg_params *export_params(struct request *request, const char *place, unsigned limit)
{
	char state[16];
	if (read_state(request, state))
		return NULL;
	struct pg_params *params = pg_params_new();
	pg_param_text(params, place);
	pg_param_int(params, limit);
	pg_param_text(params, state[0] ? state : NULL);
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
		claim_reply(request, 200, results[0]);
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
