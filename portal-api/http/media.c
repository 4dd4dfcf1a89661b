/* Media types of request bodies; see media.h. Pure. */
#include "portal-api/http/media.h"

#include <string.h>

static struct span trim(struct span text)
{
	while (text.len > 0 && (text.text[0] == ' ' || text.text[0] == '\t')) {
		text.text++;
		text.len--;
	}
	while (text.len > 0 && (text.text[text.len - 1] == ' ' || text.text[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Cuts off and returns what stands before the next ';'. */
static struct span take_part(struct span *rest)
{
	const char *end = rest->len ? memchr(rest->text, ';', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->text) : rest->len;
	struct span part = {rest->text, len};
	size_t used = end ? len + 1 : len;
	rest->text += used;
	rest->len -= used;
	return trim(part);
}

int media_type_is(struct span value, const char *type)
{
	if (!span_equal_nocase(take_part(&value), type))
		return 0;
	while (value.len > 0) {
		struct span parameter = take_part(&value);
		if (parameter.len > 0 && !span_equal_nocase(parameter, "charset=utf-8") &&
		    !span_equal_nocase(parameter, "charset=\"utf-8\"") &&
		    !span_equal_nocase(parameter, "header=present"))
			return 0;
	}
	return 1;
}

const char *operation_media_type(enum operation_body body)
{
	switch (body) {
	case BODY_NONE:
	case BODY_JSON:
		return "application/json";
	case BODY_MERGE_PATCH:
		return "application/merge-patch+json or application/json";
	case BODY_CSV:
		return "text/csv, in UTF-8";
	case BODY_ROWS:
		return "text/csv or application/x-ndjson, in UTF-8";
	}
	return "";
}
