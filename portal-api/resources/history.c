/* What became of a phone: for the manufacturer across its owners, for an ITSP of its own time. */
#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

/* The tenant's part comes first: it gets no name but its own. */
static const struct row_field fields[] = {
    {"at", "at", ROW_TIME},
    {"kind", "kind", ROW_TEXT},
    {"source", "source", ROW_TEXT},
    {"detail", "detail", ROW_JSON},
    {"itsp_id", "itsp_id", ROW_TEXT},
    {"itsp", "itsp", ROW_TEXT},
};
enum { TENANT_FIELDS = 4, ALL_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void on_states(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	if (row_count(results[0]) == 0)
		request_fail_outcome(request, "not_found");
	else
		request_reply_json(request, 200,
		    json_pack("{so}", "states",
			row_objects(results[0], SIZE_MAX, fields,
			    request->principal.audience == AUDIENCE_ITSP ? TENANT_FIELDS
									 : ALL_FIELDS)));
}

static void read_states(struct request *request, const struct pg_statement *statement)
{
	struct mac mac;
	if (request_mac(request, 0, &mac))
		return;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &mac);
	request_query(request, &(struct pg_call){statement, params}, 1, on_states);
}

void claim_timeline(struct request *request)
{
	read_states(request, &query_claim_timeline);
}

void device_history(struct request *request)
{
	read_states(request, &query_admin_device_history);
}
