/*
 * Finds the route of a request in a daemon's table.
 *
 * Pure. The path comes from the Internet: each segment is percent-decoded strictly, once, before
 * it is compared, so that no spelling of a path reaches a route that its plain spelling would not.
 * There is no normalisation: "..", "." and empty segments are segments like any other.
 */
#include "common/net/router.h"

#include <string.h>

enum { SEGMENTS_MAX = 12 };

struct segments {
	char text[SEGMENTS_MAX][ROUTER_PARAM_LEN];
	size_t count;
};

/* 0 when the path fits no pattern whatever it says. */
static int split_path(struct span path, struct segments *segments)
{
	const char *next = path.text, *end = path.text + path.len;
	segments->count = 0;
	if (path.len == 0 || *next != '/')
		return 0;
	while (next < end) {
		const char *from = next + 1;
		const char *slash = memchr(from, '/', (size_t)(end - from));
		next = slash != NULL ? slash : end;
		struct span segment = {from, (size_t)(next - from)};
		if (segments->count == SEGMENTS_MAX ||
		    http1_decode(segment, segments->text[segments->count], ROUTER_PARAM_LEN) !=
			ERR_OK)
			return 0;
		segments->count++;
	}
	return 1;
}

/* Whether the path fits the pattern; notes which segments are parameters. */
static int fits(
    const char *pattern, const struct segments *segments, size_t *params, size_t *param_count)
{
	*param_count = 0;
	for (size_t i = 0; i < segments->count; i++) {
		if (*pattern != '/')
			return 0;
		const char *from = pattern + 1;
		size_t len = strcspn(from, "/");
		pattern = from + len;
		const char *segment = segments->text[i];
		if (len > 0 && from[0] == '{') {
			CHECK(*param_count < ROUTER_PARAMS_MAX);
			if (segment[0] == '\0')
				return 0;
			params[(*param_count)++] = i;
		} else if (strlen(segment) != len || memcmp(segment, from, len) != 0) {
			return 0;
		}
	}
	return *pattern == '\0';
}

static int method_fits(const char *method, struct span asked)
{
	return span_equal(asked, method) ||
	       (strcmp(method, "GET") == 0 && span_equal(asked, "HEAD"));
}

static void add_allowed(char *allow, size_t allow_len, const char *method)
{
	size_t len = strlen(allow);
	const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
	CHECK(len + strlen(more) + 3 <= allow_len);
	if (len > 0) {
		memcpy(allow + len, ", ", 3);
		len += 2;
	}
	memcpy(allow + len, more, strlen(more) + 1);
}

enum router_result router_match(const struct route *routes, size_t count,
    const struct http1_head *head, struct router_match *match)
{
	struct segments segments;
	size_t params[ROUTER_PARAMS_MAX], param_count;
	match->route = NULL;
	match->param_count = 0;
	match->allow[0] = '\0';
	if (!split_path(head->path, &segments))
		return ROUTER_PATH;
	for (size_t i = 0; i < count; i++) {
		if (!fits(routes[i].pattern, &segments, params, &param_count))
			continue;
		if (!method_fits(routes[i].method, head->method)) {
			add_allowed(match->allow, sizeof(match->allow), routes[i].method);
			continue;
		}
		match->route = &routes[i];
		match->param_count = param_count;
		for (size_t p = 0; p < param_count; p++)
			memcpy(match->params[p], segments.text[params[p]], ROUTER_PARAM_LEN);
		match->allow[0] = '\0';
		return ROUTER_FOUND;
	}
	return match->allow[0] != '\0' ? ROUTER_METHOD : ROUTER_PATH;
}
