/* Pages for people; see web.h. Runs in a portal worker. */
#include "portal-api/http/web.h"

#include <string.h>

#include "portal-api/http/request.h"

static const struct operation PAGE = {.id = "getPage", .method = "GET"};

const struct web_file *web_find(struct span path)
{
	for (size_t i = 0; i < web_file_count; i++)
		if (span_equal(path, web_files[i].path))
			return &web_files[i];
	return NULL;
}

void web_answer(struct request *request, const struct web_file *file)
{
	const struct http1_head *head = exchange_head(request->exchange);
	struct span tag;
	if (!span_equal(head->method, "GET") && !span_equal(head->method, "HEAD")) {
		strcpy(request->match.allow, "GET, HEAD");
		request_fail(request, PROBLEM_METHOD_NOT_ALLOWED, "Allowed here: GET, HEAD.");
		return;
	}
	request->operation = &PAGE;
	request->page = file;
	if (http1_field(head, "if-none-match", &tag) == ERR_OK && span_equal(tag, file->etag))
		request_reply_text(request, 304, NULL, "", 0);
	else
		request_reply_text(
		    request, 200, file->type, file->bytes, (size_t)(file->end - file->bytes));
}
