/* GET /v1/me: who the token stands for. */
#include "common/base/clock.h"
#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

static json_t *token_document(const struct principal *principal)
{
	char expires_at[CLOCK_TEXT_LEN + 1];
	json_t *scopes = json_array();
	json_t *expires = json_null();
	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (principal->scopes & 1u << i)
			json_array_append_new(scopes, json_string(scope_name(i)));
	if (principal->expires_at_us != INT64_MIN && principal->expires_at_us != INT64_MAX) {
		clock_format_ms(principal->expires_at_us, expires_at);
		expires = json_string(expires_at);
	}
	return json_pack("{ss ss so so}", "id", principal->id, "name", principal->name, "scopes",
	    scopes, "expires_at", expires);
}

static void on_tenant(struct request *request, const struct pg_rows *const *results, size_t count)
{
	static const struct row_field fields[] = {
	    {"id", "id", ROW_TEXT},
	    {"name", "name", ROW_TEXT},
	    {"suspended", "suspended", ROW_BOOL},
	    {"domains", "domains", ROW_TEXTS},
	};
	CHECK(count == 1);
	if (row_count(results[0]) == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	request_reply_json(request, 200,
	    json_pack("{ss so so}", "kind", "itsp", "token", token_document(&request->principal),
		"itsp", row_object(results[0], 0, fields, sizeof(fields) / sizeof(fields[0]))));
}

void me_get(struct request *request)
{
	if (request->principal.audience == AUDIENCE_ITSP)
		request_query(request, &(struct pg_call){&query_me, NULL}, 1, on_tenant);
	else
		request_reply_json(request, 200,
		    json_pack("{ss so so}", "kind", "manufacturer", "token",
			token_document(&request->principal), "itsp", json_null()));
}
