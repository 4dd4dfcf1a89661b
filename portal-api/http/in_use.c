/*
 * 409 in_use, which says what stands in the way: how many, and the first of them.
 *
 * Runs in a portal worker, on rows that the tenant (or the manufacturer) may see.
 */
#include <string.h>

#include "portal-api/http/request.h"

enum { COUNTED_MAX = 1000 };

static void put_name(const char *name, void *ctx)
{
	struct buf *text = ctx;
	buf_printf(text, "%s%s", text->bytes[text->len - 1] == '(' ? "" : ", ", name);
}

static void put_dependents(struct buf *text, const struct pg_rows *rows, size_t row)
{
	long long total = row_int(rows, row, row_column(rows, "total"));
	buf_printf(text, "%s%s%lld %s%s (", row ? " and " : "",
	    total > COUNTED_MAX ? "more than " : "", total > COUNTED_MAX ? COUNTED_MAX : total,
	    row_text(rows, row, row_column(rows, "kind")), total == 1 ? "" : "s");
	row_strings(rows, row, row_column(rows, "first"), put_name, text);
	buf_put_str(text, total > 3 ? ", ...)" : ")");
}

void request_fail_in_use(struct request *request, const struct pg_rows *rows)
{
	struct buf text = {0};
	/* What stood in the way a moment ago may be gone by now. */
	if (row_count(rows) == 0) {
		request_fail_outcome(request, "in_use");
		return;
	}
	for (size_t i = 0; i < row_count(rows); i++)
		put_dependents(&text, rows, i);
	request_fail(
	    request, PROBLEM_IN_USE, "Used by %.*s.", (int)text.len, (const char *)text.bytes);
	buf_free(&text);
}
