/*
 * Ship notices: these phones were sold to that ITSP. The manufacturer makes them, lists them and
 * takes back what is still waiting (/v1/admin/shipments); an ITSP sees its own (/v1/shipments).
 */
#include <stdio.h>
#include <string.h>

#include "portal-api/http/list.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

enum { SHIPMENT_MACS_MAX = 10000 };

struct shipment_body {
	const char *itsp_id;
	json_t *macs;
};

static const struct bind_field body_fields[] = {
    {.name = "itsp_id",
	.type = BIND_UUID,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct shipment_body, itsp_id)},
    {.name = "macs",
	.type = BIND_MACS,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct shipment_body, macs),
	.min = 1,
	.max = SHIPMENT_MACS_MAX},
};

static const struct row_field made_fields[] = {
    {"mac", "mac", ROW_MAC},
    {"status", "outcome", ROW_TEXT},
};
enum { MADE_FIELDS = sizeof(made_fields) / sizeof(made_fields[0]) };

/* The tenant's part comes first: it gets no name but its own. */
static const struct row_field fields[] = {
    {"mac", "mac", ROW_MAC},
    {"model", "model", ROW_TEXT},
    {"serial_number", "serial_number", ROW_TEXT},
    {"state", "state", ROW_TEXT},
    {"shipped_at", "shipped_at", ROW_TIME},
    {"ended_at", "ended_at", ROW_TIME},
    {"itsp_id", "itsp_id", ROW_TEXT},
    {"itsp", "itsp", ROW_TEXT},
};
enum { TENANT_FIELDS = 6, ALL_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static const struct list own_shipments = {.name = "shipments",
    .statement = &query_shipment_list,
    .place_column = "number",
    .fields = fields,
    .field_count = TENANT_FIELDS};

static const struct list all_shipments = {.name = "shipments",
    .statement = &query_admin_shipment_list,
    .place_column = "number",
    .fields = fields,
    .field_count = ALL_FIELDS};

enum { STATE_SIZE = 16 };

/* Which notices: those that wait, unless others are asked for. */
static int take_state(struct request *request, char state[STATE_SIZE])
{
	static const char *const states[] = {"live", "consumed", "cancelled", NULL};
	if (request_query_word(request, "state", states, state, STATE_SIZE))
		return -1;
	if (!state[0])
		strcpy(state, states[0]);
	return 0;
}

void shipment_list(struct request *request)
{
	char state[STATE_SIZE];
	struct pg_params *params;
	if (take_state(request, state) || !(params = list_params(request, &own_shipments)))
		return;
	pg_param_text(params, state);
	list_run(request, &own_shipments, params);
}

void shipment_list_all(struct request *request)
{
	char state[STATE_SIZE], itsp_id[UUID_TEXT_LEN + 2];
	struct pg_params *params;
	struct uuid id;
	if (take_state(request, state) ||
	    request_query_text(request, "itsp_id", itsp_id, sizeof(itsp_id)))
		return;
	if (itsp_id[0] && uuid_parse(itsp_id, strlen(itsp_id), &id) != ERR_OK) {
		request_fail_field(request, "itsp_id", "bad_uuid", "This must be an ITSP's id.");
		return;
	}
	params = list_params(request, &all_shipments);
	if (!params)
		return;
	pg_param_text(params, itsp_id[0] ? itsp_id : NULL);
	pg_param_text(params, state);
	list_run(request, &all_shipments, params);
}

/* Nothing was noted, and nothing is: the MACs that are not on record are named. */
static void refuse_unknown(struct request *request, const struct pg_rows *rows)
{
	for (size_t i = 0; i < row_count(rows); i++) {
		char path[32];
		snprintf(path, sizeof(path), "macs[%zu]", i);
		field_error_add(&request->problem.errors, path, "unknown_device",
		    "There is no such phone on record.");
	}
	request_fail_fields(request);
}

static void on_created(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	int outcome = row_column(rows, "outcome");
	size_t created = 0, known = 0;
	CHECK(count == 1 && row_count(rows) > 0);
	if (strcmp(row_text(rows, 0, outcome), "unknown_itsp") == 0) {
		request_fail_outcome(request, "unknown_itsp");
		return;
	}
	for (size_t i = 0; i < row_count(rows); i++) {
		const char *word = row_text(rows, i, outcome);
		known += strcmp(word, "unknown_device") != 0;
		if ((strcmp(word, "created") == 0 || strcmp(word, "replaced") == 0) &&
		    created++ == 0) {
			char mac_text[MAC_TEXT_LEN + 1];
			struct mac mac;
			row_mac(rows, i, row_column(rows, "mac"), &mac);
			mac_format(&mac, mac_text);
			request_set_location(request, "/v1/admin/devices/%s", mac_text);
		}
	}
	if (known == 0)
		refuse_unknown(request, rows);
	else
		request_reply_json(request, created ? 201 : 200,
		    json_pack("{so}", "shipments",
			row_objects(rows, SIZE_MAX, made_fields, MADE_FIELDS)));
}

void shipment_create(struct request *request)
{
	struct shipment_body body = {0};
	if (bind_object(request->document, body_fields,
		sizeof(body_fields) / sizeof(body_fields[0]), &body, &request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_text(params, body.itsp_id);
	pg_param_array_begin(params, PG_ARRAY_MACADDR);
	for (size_t i = 0; i < json_array_size(body.macs); i++) {
		const json_t *text = json_array_get(body.macs, i);
		struct mac mac;
		CHECK(mac_parse(json_string_value(text), json_string_length(text), &mac) == ERR_OK);
		pg_param_mac(params, &mac);
	}
	pg_param_array_end(params);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){&query_shipment_create, params}, 1, on_created);
}

static void on_withdrawn(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "withdrawn") == 0)
		request_reply_empty(request);
	else
		request_fail_outcome(request, outcome);
}

void shipment_withdraw(struct request *request)
{
	struct mac mac;
	if (request_mac(request, 0, &mac))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &mac);
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_shipment_withdraw, params}, 1, on_withdrawn);
}
