/*
 * What stations and operators read: an order, a model. Only reads; the caller was allowed by
 * call.c.
 */
#include <string.h>

#include "common/db/row.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/json_text.h"
#include "queries_factory-ca.h"

/* --- GET /v1/orders/{order} ----------------------------------------------------------------- */

static void answer_order(struct call *call)
{
	struct buf body = {0};

	order_write(&call->order, &body);
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

void handle_order_read(struct call *call)
{
	call_load_order(call, answer_order);
}

/* --- GET /v1/models/{model} ----------------------------------------------------------------- */

struct list {
	struct buf *out;
	size_t count;
};

static void put_item(const char *text, void *ctx)
{
	struct list *list = ctx;

	buf_printf(list->out, "%s\"%s\"", list->count++ ? "," : "", text);
}

static void on_model(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	struct buf body = {0};
	struct list key_types = {.out = &body};

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	if (row_count(rows[0]) == 0) {
		call_refuse(call, 404, "unknown_model", "there is no model of this name");
		return;
	}
	buf_put_u8(&body, '{');
	json_put_string(&body, "name", row_text(rows[0], 0, row_column(rows[0], "name")));
	buf_put_u8(&body, ',');
	json_put_string(&body, "format", row_text(rows[0], 0, row_column(rows[0], "format")));
	buf_put_str(&body, ",\"key_types\":[");
	row_strings(rows[0], 0, row_column(rows[0], "key_types"), put_item, &key_types);
	buf_put_str(&body, "],");
	json_put_string(
	    &body, "authentication", row_text(rows[0], 0, row_column(rows[0], "authentication")));
	buf_printf(&body, ",\"encrypt_answers\":%s}\n",
	    row_bool(rows[0], 0, row_column(rows[0], "encrypt_answers")) ? "true" : "false");
	call_answer_json(call, 200, &body);
	buf_free(&body);
}

void handle_model_read(struct call *call)
{
	struct pg_call query = {.statement = &query_model_get, .params = pg_params_new()};

	pg_param_text(query.params, call->match.params[0]);
	pg_submit(call->front->pg, &query, 1, on_model, call);
}
