/* POST /v1/admin/shipments: these phones were sold to that ITSP. */
#include <stdio.h>
#include <string.h>

#include "portal-api/http/request.h"
#include "portal-api/json/bind.h"
#include "portal-api/json/rows.h"
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

static const struct row_field fields[] = {
    {"mac", "mac", ROW_MAC},
    {"status", "outcome", ROW_TEXT},
};

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
			row_objects(rows, SIZE_MAX, fields, sizeof(fields) / sizeof(fields[0]))));
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
