/* Exports; see export.h. The pace is the reader's: the next page is asked for when the one before
 * has left. Runs in a portal worker. */
#include "portal-api/http/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/csv/write.h"
#include "portal-api/http/stream.h"

enum { PAGE_ROWS = 1000 };

struct exporting {
	const struct export *export;
	int as_csv, asked; /* asked: the database has yet to answer */
	int is_gone;
	char place[CURSOR_PLACE_MAX + 1];
	struct buf page;
};

static void exporting_free(void *state)
{
	struct exporting *exporting = state;
	buf_wipe(&exporting->page);
	free(exporting);
}

/* A value as a cell: text as it is, everything else as its JSON. */
static void put_value(struct buf *out, const json_t *value)
{
	if (json_is_null(value))
		return;
	if (json_is_string(value)) {
		csv_put_cell(out, json_string_value(value));
		return;
	}
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	CHECK(text);
	/* A negative number is one, not a formula. */
	if (json_is_number(value))
		buf_put_str(out, text);
	else
		csv_put_cell(out, text);
	free(text);
}

static void put_csv_row(struct exporting *exporting, const json_t *row)
{
	const struct export *export = exporting->export;
	for (size_t i = 0; i < export->field_count; i++) {
		put_value(&exporting->page, json_object_get(row, export->fields[i].name));
		buf_put_u8(&exporting->page, ',');
	}
	put_value(&exporting->page, json_object_get(row, "cursor"));
	buf_put_str(&exporting->page, "\r\n");
}

static void put_csv_header(struct exporting *exporting)
{
	const struct export *export = exporting->export;
	for (size_t i = 0; i < export->field_count; i++)
		buf_printf(&exporting->page, "%s,", export->fields[i].name);
	buf_put_str(&exporting->page, "cursor\r\n");
}

static void put_rows(struct request *request, const struct pg_rows *rows)
{
	struct exporting *exporting = request->state;
	const struct export *export = exporting->export;
	char cursor[CURSOR_TEXT_MAX + 1];
	for (size_t i = 0; i < row_count(rows); i++) {
		json_t *row = row_object(rows, i, export->fields, export->field_count);
		export->place_of(rows, i, exporting->place);
		cursor_format(export->name, request->principal.itsp_id, exporting->place, cursor);
		json_object_set_new(row, "cursor", json_string(cursor));
		if (exporting->as_csv) {
			put_csv_row(exporting, row);
		} else {
			char *text = json_dumps(row, JSON_COMPACT);
			CHECK(text);
			buf_put_str(&exporting->page, text);
			buf_put_u8(&exporting->page, '\n');
			free(text);
		}
		json_decref(row);
	}
}

static void on_failed(struct request *request)
{
	/* Cut, so that nobody takes a part for the whole. */
	request_stream_end(request, 0);
}

static void on_gone(struct request *request)
{
	struct exporting *exporting = request->state;
	exporting->is_gone = 1;
	if (!exporting->asked)
		request_stream_end(request, 0);
}

static void ask(struct request *request, struct pg_params *params);

static void on_sent(struct exchange *exchange, void *ctx)
{
	struct request *request = ctx;
	struct exporting *exporting = request->state;
	(void)exchange;
	if (exporting->asked || exporting->is_gone)
		return;
	request_stream_go_on(request);
	ask(request, exporting->export->params(request, exporting->place, PAGE_ROWS));
}

static void begin(struct request *request)
{
	struct exporting *exporting = request->state;
	char file_name[64];
	snprintf(file_name, sizeof(file_name), "%s.%s", exporting->export->name,
	    exporting->as_csv ? "csv" : "ndjson");
	request_stream_begin(request,
	    &(struct stream_begin){.content_type = exporting->as_csv ? "text/csv; charset=utf-8"
								     : "application/x-ndjson",
		.file_name = file_name,
		.failed = on_failed,
		.gone = on_gone});
	exchange_on_sent(request->exchange, on_sent, request);
	if (exporting->as_csv)
		put_csv_header(exporting);
}

static void on_page(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct exporting *exporting = request->state;
	CHECK(count == 1);
	exporting->asked = 0;
	if (exporting->is_gone) {
		request_stream_end(request, 0);
		return;
	}
	if (!request->stream_failed)
		begin(request);
	put_rows(request, results[0]);
	int is_last = row_count(results[0]) < PAGE_ROWS;
	if (exchange_write(request->exchange, exporting->page.bytes, exporting->page.len) !=
	    ERR_OK) {
		request_stream_end(request, 0);
		return;
	}
	buf_clear(&exporting->page);
	if (is_last)
		request_stream_end(request, 1);
}

static void ask(struct request *request, struct pg_params *params)
{
	struct exporting *exporting = request->state;
	exporting->asked = 1;
	request_query(request, &(struct pg_call){exporting->export->statement, params}, 1, on_page);
}

static int read_format(struct request *request, int *as_csv)
{
	char format[16];
	if (request_query_text(request, "format", format, sizeof(format)))
		return -1;
	*as_csv = strcmp(format, "csv") == 0;
	if (*as_csv || !format[0] || strcmp(format, "ndjson") == 0)
		return 0;
	request_fail_field(request, "format", "not_one_of", "This must be one of: csv, ndjson.");
	return -1;
}

void export_run(struct request *request, const struct export *export)
{
	struct page page;
	struct exporting *exporting = calloc(1, sizeof(*exporting));
	CHECK(exporting);
	request->state = exporting;
	request->state_free = exporting_free;
	exporting->export = export;
	if (read_format(request, &exporting->as_csv) || request_page(request, export->name, &page))
		return;
	struct pg_params *params =
	    export->params(request, page.has_cursor ? page.place : NULL, PAGE_ROWS);
	if (params)
		ask(request, params);
}
