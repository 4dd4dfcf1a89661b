/*
 * What a request's path, query and fields say, read strictly; each problem is answered here.
 *
 * All of it is the client's. Runs in a portal worker; the spellings themselves are pure files'.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "portal-api/http/etag.h"
#include "portal-api/http/outcome.h"
#include "portal-api/http/request.h"

enum { QUERY_NAME_MAX = 64 };

int request_mac(struct request *request, unsigned index, struct mac *mac)
{
	CHECK(index < request->match.param_count);
	const char *text = request->match.params[index];
	if (mac_parse(text, strlen(text), mac) == ERR_OK)
		return 0;
	request_fail_field(request, "mac", "bad_mac",
	    "This must be a phone's MAC such as 001565AABBCC or 00:15:65:aa:bb:cc.");
	return -1;
}

int request_uuid(struct request *request, unsigned index, struct uuid *uuid)
{
	CHECK(index < request->match.param_count);
	const char *text = request->match.params[index];
	if (uuid_parse(text, strlen(text), uuid) == ERR_OK)
		return 0;
	/* What is no id names nothing. */
	request_fail_outcome(request, "not_found");
	return -1;
}

static int has_field(const struct request *request, const char *name)
{
	struct span value;
	return http1_field(exchange_head(request->exchange), name, &value) != ERR_NOT_FOUND;
}

int request_has_if_match(const struct request *request)
{
	return has_field(request, "if-match");
}

int request_if_match(struct request *request, int *version)
{
	struct span value;
	enum err err = http1_field(exchange_head(request->exchange), "if-match", &value);
	if (err == ERR_NOT_FOUND) {
		*version = ETAG_ANY;
		return 0;
	}
	if (!err)
		err = etag_parse(value, version);
	if (!err)
		return 0;
	request_fail(request, PROBLEM_BAD_REQUEST,
	    "If-Match must be * or one entity tag such as \"3\", as an ETag field gave it.");
	return -1;
}

int request_check_conditions(struct request *request)
{
	const struct operation *operation = request->operation;
	const char *name = NULL;
	if (request_has_if_match(request) && !operation->heeds_if_match)
		name = "If-Match";
	/* With what only reads it is a matter of caches, and nothing of ours is kept in one. */
	else if (has_field(request, "if-none-match") && operation->flags & OPERATION_MUTATES)
		name = "If-None-Match";
	if (!name)
		return 0;
	request_fail(request, PROBLEM_PRECONDITION_NOT_SUPPORTED,
	    "This operation does not heed %s, so nothing was done: send it without.", name);
	return -1;
}

void request_param_version(struct pg_params *params, int version)
{
	if (version == ETAG_ANY)
		pg_param_null(params);
	else
		pg_param_int(params, version);
}

int request_query_text(struct request *request, const char *name, char *value, size_t value_max)
{
	enum err err = http1_query(exchange_head(request->exchange), name, value, value_max);
	if (err == ERR_NOT_FOUND) {
		value[0] = '\0';
		return 0;
	}
	if (!err && text_is_printable_utf8(value, strlen(value)))
		return 0;
	request_fail_field(request, name, "bad_parameter",
	    err == ERR_TOO_LONG ? "This query parameter is too long."
				: "This query parameter is given twice or badly encoded.");
	return -1;
}

int request_query_word(struct request *request, const char *name, const char *const *words,
    char *value, size_t value_max)
{
	char all[128] = "";
	if (request_query_text(request, name, value, value_max))
		return -1;
	for (size_t i = 0; words[i]; i++) {
		if (!value[0] || strcmp(value, words[i]) == 0)
			return 0;
		size_t len = strlen(all);
		snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", words[i]);
	}
	request_fail_field(request, name, "not_one_of", "This must be one of: %s.", all);
	return -1;
}

int request_query_bool(struct request *request, const char *name, int *value)
{
	char text[8];
	if (request_query_text(request, name, text, sizeof(text)))
		return -1;
	if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*value = 1;
	else if (!text[0] || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*value = 0;
	else {
		request_fail_field(request, name, "wrong_type", "This must be true or false.");
		return -1;
	}
	return 0;
}

/* Whether the name is one of the operation's; which one, counted from 0. */
static int find_parameter(const struct operation *operation, const char *name, unsigned *place)
{
	const char *next = operation->query ? operation->query : "";
	size_t len = strlen(name);
	for (*place = 0; *next; (*place)++) {
		size_t each = strcspn(next, " ");
		if (each == len && memcmp(next, name, len) == 0)
			return 1;
		next += each + strspn(next + each, " ");
	}
	return 0;
}

static void fail_unknown_parameter(struct request *request, const char *name)
{
	const char *known = request->operation->query ? request->operation->query : "(none)";
	field_error_add(&request->problem.errors, name, "unknown_parameter",
	    "The parameters here are: %s.", known);
	request_fail(request, PROBLEM_UNKNOWN_PARAMETER,
	    "There is no query parameter %s here, so nothing was done. The parameters here are: "
	    "%s.",
	    name, known);
}

/* Takes the next parameter's decoded name off the query; ERR_NOT_FOUND at the end. */
static enum err take_name(struct span *query, char name[QUERY_NAME_MAX])
{
	while (query->len > 0) {
		const char *text = query->text, *end = memchr(text, '&', query->len);
		size_t len = end ? (size_t)(end - text) : query->len;
		const char *equals = memchr(text, '=', len);
		*query = (struct span){text + len + !!end, query->len - len - !!end};
		if (len > 0)
			return http1_decode(
			    (struct span){text, equals ? (size_t)(equals - text) : len}, name,
			    QUERY_NAME_MAX);
	}
	return ERR_NOT_FOUND;
}

int request_check_query(struct request *request)
{
	struct span query = exchange_head(request->exchange)->query;
	char name[QUERY_NAME_MAX];
	unsigned seen = 0, place;
	enum err err;
	while (!(err = take_name(&query, name)) && text_is_printable_utf8(name, strlen(name))) {
		if (!find_parameter(request->operation, name, &place)) {
			fail_unknown_parameter(request, name);
			return -1;
		}
		if (seen & 1u << place) {
			request_fail_field(
			    request, name, "bad_parameter", "This query parameter is given twice.");
			return -1;
		}
		seen |= 1u << place;
	}
	if (err == ERR_NOT_FOUND)
		return 0;
	request_fail_field(request, "query", "bad_parameter",
	    "The name of a query parameter is too long or badly encoded.");
	return -1;
}

static int take_limit(struct request *request, struct page *page)
{
	char text[24];
	uint64_t number;
	page->limit = PAGE_LIMIT_DEFAULT;
	if (request_query_text(request, "limit", text, sizeof(text)))
		return -1;
	if (!text[0])
		return 0;
	if (number_parse(text, strlen(text), PAGE_LIMIT_MAX, &number) != ERR_OK || number == 0) {
		request_fail_field(request, "limit", "out_of_range",
		    "This must be a number from 1 to %d.", PAGE_LIMIT_MAX);
		return -1;
	}
	page->limit = (unsigned)number;
	return 0;
}

int request_page(struct request *request, const char *list, struct page *page)
{
	char cursor[CURSOR_TEXT_MAX + 1];
	page->place[0] = '\0';
	page->has_cursor = 0;
	if (take_limit(request, page) ||
	    request_query_text(request, "cursor", cursor, sizeof(cursor)) ||
	    (!cursor[0] && request_query_text(request, "after", cursor, sizeof(cursor))))
		return -1;
	if (!cursor[0])
		return 0;
	if (cursor_parse(list, request->principal.itsp_id, cursor, page->place) != ERR_OK) {
		request_fail(request, PROBLEM_BAD_CURSOR,
		    "Use the value of `next` as it was given, on the same list.");
		return -1;
	}
	page->has_cursor = 1;
	return 0;
}

void request_fail_outcome(struct request *request, const char *name)
{
	const struct outcome *outcome = outcome_find(name);
	CHECK(outcome);
	if (outcome->kind == PROBLEM_INVALID)
		request_fail_field(request, outcome->field, outcome->code, "%s", outcome->detail);
	else
		request_fail(request, outcome->kind, "%s", outcome->detail);
}
