/* Contested transfers as the manufacturer sees them, with both sides; it decides the contested ones
 * (/v1/admin/transfers). */
#include <string.h>

#include "portal-api/http/list.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static const struct row_field fields[] = {
    {"id", "id", ROW_TEXT},
    {"mac", "mac", ROW_MAC},
    {"model", "model", ROW_TEXT},
    {"serial_number", "serial_number", ROW_TEXT},
    {"from_itsp_id", "from_itsp_id", ROW_TEXT},
    {"from_itsp", "from_itsp", ROW_TEXT},
    {"to_itsp_id", "to_itsp_id", ROW_TEXT},
    {"to_itsp", "to_itsp", ROW_TEXT},
    {"state", "state", ROW_TEXT},
    {"proof", "proof", ROW_TEXT},
    {"requested_at", "requested_at", ROW_TIME},
    {"reset_seen_at", "reset_seen_at", ROW_TIME},
    {"owner_answered_at", "owner_answered_at", ROW_TIME},
    {"objection", "objection", ROW_TEXT},
    {"due_at", "due_at", ROW_TIME},
    {"decided_at", "decided_at", ROW_TIME},
    {"ended_because", "ended_because", ROW_TEXT},
    {"decision_note", "decision_note", ROW_TEXT},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const struct list transfers = {.name = "transfers",
    .statement = &query_admin_transfer_list,
    .place_column = "number",
    .fields = fields,
    .field_count = FIELD_COUNT};

void admin_transfer_list(struct request *request)
{
	list_run_by_state(request, &transfers);
}

static struct pg_call read_call(const struct uuid *id)
{
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id->bytes);
	return (struct pg_call){&query_admin_transfer_get, params};
}

static void on_read(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[count - 1];
	if (row_count(rows) == 0)
		request_fail_outcome(request, "not_found");
	else
		request_reply_json(request, 200, row_object(rows, 0, fields, FIELD_COUNT));
}

void admin_transfer_get(struct request *request)
{
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	const struct pg_call call = read_call(&id);
	request_query(request, &call, 1, on_read);
}

static void on_decided(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	if (strcmp(outcome, "decided") == 0 || strcmp(outcome, "same") == 0)
		on_read(request, results, count);
	else
		request_fail_outcome(request, outcome);
}

struct decision {
	const char *decision, *note;
};

void admin_transfer_decide(struct request *request)
{
	static const char *const words[] = {"transfer", "refuse", NULL};
	static const struct bind_field decision_fields[] = {
	    {.name = "decision",
		.type = BIND_WORD,
		.flags = BIND_REQUIRED,
		.offset = offsetof(struct decision, decision),
		.words = words},
	    {.name = "note",
		.type = BIND_LINES,
		.flags = BIND_NULLABLE,
		.offset = offsetof(struct decision, note),
		.min = 1,
		.max = 512},
	};
	struct decision decision = {0};
	struct uuid id;
	if (request_uuid(request, 0, &id))
		return;
	if (bind_object(
		request->document, decision_fields, 2, &decision, &request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, id.bytes);
	pg_param_bool(params, strcmp(decision.decision, words[0]) == 0);
	pg_param_text(params, decision.note);
	request_param_actor(request, params);
	const struct pg_call calls[] = {{&query_transfer_decide, params}, read_call(&id)};
	request_effect(request, calls, 2, on_decided);
}
