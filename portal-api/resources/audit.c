/* What is only looked at: audit log and security events, of which an ITSP sees its own; orders and
 * stations, which are the manufacturer's. */
#include <stdio.h>
#include <string.h>

#include "portal-api/http/export.h"
#include "portal-api/http/list.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct row_field audit_fields[] = {
    {"id", "id", ROW_INT},
    {"at", "at", ROW_TIME},
    {"actor_kind", "actor_kind", ROW_TEXT},
    {"actor_id", "actor_id", ROW_TEXT},
    {"source_ip", "source_ip", ROW_TEXT},
    {"request_id", "request_id", ROW_TEXT},
    {"action", "action", ROW_TEXT},
    {"object_kind", "object_kind", ROW_TEXT},
    {"object_id", "object_id", ROW_TEXT},
    {"itsp_id", "itsp_id", ROW_TEXT},
    {"before", "before", ROW_JSON},
    {"after", "after", ROW_JSON},
    {"chain_seq", "chain_seq", ROW_INT},
};
static const struct list audit = {.name = "audit",
    .statement = &query_audit_list,
    .place_column = "id",
    .fields = audit_fields,
    .field_count = COUNT(audit_fields)};

/* What an ITSP sees of it. */
static const struct row_field own_fields[] = {
    {"id", "id", ROW_INT},
    {"at", "at", ROW_TIME},
    {"actor_kind", "actor_kind", ROW_TEXT},
    {"actor_id", "actor_id", ROW_TEXT},
    {"source_ip", "source_ip", ROW_TEXT},
    {"action", "action", ROW_TEXT},
    {"object_kind", "object_kind", ROW_TEXT},
    {"object_id", "object_id", ROW_TEXT},
    {"before", "before", ROW_JSON},
    {"after", "after", ROW_JSON},
};
static const struct list own_audit = {.name = "audit",
    .statement = &query_audit_of_tenant,
    .place_column = "id",
    .fields = own_fields,
    .field_count = COUNT(own_fields)};

static const struct row_field security_fields[] = {
    {"id", "id", ROW_INT},
    {"at", "at", ROW_TIME},
    {"kind", "kind", ROW_TEXT},
    {"mac", "mac", ROW_MAC},
    {"itsp_id", "itsp_id", ROW_TEXT},
    {"fingerprint", "fingerprint", ROW_HEX},
    {"source_ip", "source_ip", ROW_TEXT},
    {"detail", "detail", ROW_JSON},
};
static const struct list security_events = {.name = "security_events",
    .statement = &query_security_events_list,
    .place_column = "id",
    .fields = security_fields,
    .field_count = COUNT(security_fields)};
static const struct list own_security_events = {.name = "security_events",
    .statement = &query_security_events_of_tenant,
    .place_column = "id",
    .fields = security_fields,
    .field_count = COUNT(security_fields)};

static const struct row_field order_fields[] = {
    {"reference", "reference", ROW_TEXT},
    {"model", "model", ROW_TEXT},
    {"first_mac", "first_mac", ROW_MAC},
    {"quantity", "quantity", ROW_INT},
    {"issued", "issued", ROW_INT},
    {"state", "state", ROW_TEXT},
    {"opens_at", "opens_at", ROW_TIME},
    {"closes_at", "closes_at", ROW_TIME},
    {"stations", "stations", ROW_TEXTS},
    {"created_at", "created_at", ROW_TIME},
};
static const struct list orders = {.name = "orders",
    .statement = &query_admin_orders_list,
    .place_column = "id",
    .fields = order_fields,
    .field_count = COUNT(order_fields)};

static const struct row_field station_fields[] = {
    {"name", "name", ROW_TEXT},
    {"fingerprint", "fingerprint", ROW_HEX},
    {"state", "state", ROW_TEXT},
    {"not_after", "not_after", ROW_TIME},
    {"created_at", "created_at", ROW_TIME},
    {"revoked_at", "revoked_at", ROW_TIME},
};

static void add_filter(struct pg_params *params, const char *text)
{
	pg_param_text(params, text[0] ? text : NULL);
}

static int is_own(const struct request *request)
{
	return request->operation->audience == OPERATION_ITSP;
}

/* The filters of the list and of the export. */
struct audit_filter {
	char kind[64], id[256 + 1];
};

static int read_audit_filter(struct request *request, struct audit_filter *filter)
{
	return request_query_text(request, "object_kind", filter->kind, sizeof(filter->kind)) ||
	       request_query_text(request, "object_id", filter->id, sizeof(filter->id));
}

static void add_audit_filter(struct pg_params *params, const struct audit_filter *filter)
{
	add_filter(params, filter->kind);
	add_filter(params, filter->id);
}

void audit_list(struct request *request)
{
	const struct list *list = is_own(request) ? &own_audit : &audit;
	struct audit_filter filter;
	if (read_audit_filter(request, &filter))
		return;
	struct pg_params *params = list_params(request, list);
	if (!params)
		return;
	add_audit_filter(params, &filter);
	list_run(request, list, params);
}

static struct pg_params *audit_export_params(
    struct request *request, const char *place, unsigned limit)
{
	struct audit_filter filter;
	if (read_audit_filter(request, &filter))
		return NULL;
	struct pg_params *params = pg_params_new();
	pg_param_text(params, place);
	pg_param_int(params, limit);
	add_audit_filter(params, &filter);
	return params;
}

static void audit_place(const struct pg_rows *rows, size_t row, char place[CURSOR_PLACE_MAX + 1])
{
	snprintf(place, CURSOR_PLACE_MAX + 1, "%s", row_text(rows, row, row_column(rows, "id")));
}

void audit_export(struct request *request)
{
	static const struct export all = {.name = "audit",
	    .statement = &query_audit_list,
	    .fields = audit_fields,
	    .field_count = COUNT(audit_fields),
	    .params = audit_export_params,
	    .place_of = audit_place};
	static const struct export own = {.name = "audit",
	    .statement = &query_audit_of_tenant,
	    .fields = own_fields,
	    .field_count = COUNT(own_fields),
	    .params = audit_export_params,
	    .place_of = audit_place};
	export_run(request, is_own(request) ? &own : &all);
}

static void on_state(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field state_fields[] = {
	    {"chained_to", "chained_to", ROW_INT},
	    {"unchained", "unchained", ROW_INT},
	    {"oldest_unchained_at", "oldest_unchained_at", ROW_TIME},
	};
	static const struct row_field head_fields[] = {
	    {"seq", "head_seq", ROW_INT},
	    {"signed_at", "head_signed_at", ROW_TIME},
	    {"key", "head_key", ROW_TEXT},
	    {"stored_at", "head_stored_at", ROW_TIME},
	    {"text", "head_text", ROW_TEXT},
	    {"signature", "head_signature", ROW_HEX},
	};
	const struct pg_rows *rows = results[0];
	CHECK(count == 1);
	json_t *state = row_object(rows, 0, state_fields, COUNT(state_fields));
	json_t *head = row_is_null(rows, 0, row_column(rows, "head_seq"))
			   ? json_null()
			   : row_object(rows, 0, head_fields, COUNT(head_fields));
	CHECK(json_object_set_new(state, "head", head) == 0);
	request_reply_json(request, 200, state);
}

void audit_state(struct request *request)
{
	request_query(request, &(struct pg_call){&query_audit_state, pg_params_new()}, 1, on_state);
}

void security_event_list(struct request *request)
{
	char kind[64], mac_text[32];
	struct mac mac;
	if (request_query_text(request, "kind", kind, sizeof(kind)) ||
	    request_query_text(request, "mac", mac_text, sizeof(mac_text)))
		return;
	if (mac_text[0] && mac_parse(mac_text, strlen(mac_text), &mac) != ERR_OK) {
		request_fail_field(request, "mac", "bad_mac", "This must be a phone's MAC.");
		return;
	}
	const struct list *list = is_own(request) ? &own_security_events : &security_events;
	struct pg_params *params = list_params(request, list);
	if (!params)
		return;
	add_filter(params, kind);
	if (mac_text[0])
		pg_param_mac(params, &mac);
	else
		pg_param_null(params);
	list_run(request, list, params);
}

void order_list(struct request *request)
{
	struct pg_params *params = list_params(request, &orders);
	if (params)
		list_run(request, &orders, params);
}

static void on_stations(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	request_reply_page(request, "stations",
	    row_objects(results[0], SIZE_MAX, station_fields, COUNT(station_fields)), "stations",
	    NULL);
}

void station_list(struct request *request)
{
	struct page page;
	if (request_page(request, "stations", &page))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_int(params, page.limit);
	request_query(
	    request, &(struct pg_call){&query_admin_stations_list, params}, 1, on_stations);
}
