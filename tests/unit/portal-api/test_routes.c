/* The routes and the OpenAPI document tell the same story, in both directions. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "portal-api/auth/scope.h"
#include "portal-api/routes.h"
#include "tests/lib/unit.h"

static json_t *document;

static void load(void)
{
	json_error_t error;
	document = json_load_file("portal-api/openapi.json", JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(document != NULL, "line %d: %s", error.line, error.text);
}

static void unload(void)
{
	json_decref(document);
}

static void lower(const char *text, char out[16])
{
	size_t i = 0;
	for (; text[i] && i < 15; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[i] = '\0';
}

static const json_t *told(const struct operation *operation)
{
	char method[16];
	lower(operation->method, method);
	return json_object_get(
	    json_object_get(json_object_get(document, "paths"), operation->pattern), method);
}

/* The scopes that the document names: of several entries any one suffices, of one entry each is
 * needed. A person's own account needs a session and no scope. */
static uint32_t told_scopes(const struct operation *operation, const json_t *security)
{
	size_t names_max = operation->flags & OPERATION_ALL_SCOPES ? 2 : 1;
	uint32_t scopes = 0;
	ck_assert(names_max == 1 || json_array_size(security) == 1);
	for (size_t i = 0; i < json_array_size(security); i++) {
		const json_t *names = json_object_get(json_array_get(security, i),
		    operation->audience == OPERATION_PERSON ? "session" : "bearer");
		ck_assert(json_is_array(names));
		ck_assert_uint_le(json_array_size(names), names_max);
		for (size_t j = 0; j < json_array_size(names); j++) {
			const char *name = json_string_value(json_array_get(names, j));
			enum scope scope;
			ck_assert_int_eq(scope_parse(name, strlen(name), &scope), ERR_OK);
			scopes |= scope;
		}
	}
	return scopes;
}

static void check_body(const struct operation *operation, const json_t *told_body)
{
	static const char *const types[][2] = {
	    [BODY_NONE] = {NULL, NULL},
	    [BODY_JSON] = {"application/json", NULL},
	    [BODY_MERGE_PATCH] = {"application/merge-patch+json", "application/json"},
	    [BODY_CSV] = {"text/csv", NULL},
	    [BODY_ROWS] = {"text/csv", "application/x-ndjson"},
	};
	const json_t *content = json_object_get(told_body, "content");
	size_t count = 0;
	for (; count < 2 && types[operation->body][count]; count++)
		ck_assert_ptr_nonnull(json_object_get(content, types[operation->body][count]));
	ck_assert_uint_eq(json_object_size(content), count);
	ck_assert_int_eq(operation->body_max > 0, operation->body != BODY_NONE);
}

static const json_t *parameter_of(const json_t *entry)
{
	const char *ref = json_string_value(json_object_get(entry, "$ref"));
	const json_t *parameter =
	    json_object_get(json_object_get(json_object_get(document, "components"), "parameters"),
		strrchr(ref, '/') + 1);
	ck_assert_ptr_nonnull(parameter);
	return parameter;
}

/* Every {name} of the pattern is a path parameter of the document. */
static void check_path_parameters(const struct operation *operation, const json_t *parameters)
{
	size_t count = 0, named = 0;
	for (const char *c = operation->pattern; *c; c++)
		count += *c == '{';
	for (size_t i = 0; i < json_array_size(parameters); i++) {
		const json_t *parameter = parameter_of(json_array_get(parameters, i));
		if (strcmp(json_string_value(json_object_get(parameter, "in")), "path") == 0) {
			char braces[64];
			snprintf(braces, sizeof braces, "{%s}",
			    json_string_value(json_object_get(parameter, "name")));
			ck_assert_ptr_nonnull(strstr(operation->pattern, braces));
			named++;
		}
	}
	ck_assert_uint_eq(named, count);
}

/* The query parameters are the document's, in both directions. */
static void check_query_parameters(const struct operation *operation, const json_t *parameters)
{
	char told_names[256] = "";
	for (size_t i = 0; i < json_array_size(parameters); i++) {
		const json_t *parameter = parameter_of(json_array_get(parameters, i));
		if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0)
			continue;
		if (told_names[0])
			strcat(told_names, " ");
		strcat(told_names, json_string_value(json_object_get(parameter, "name")));
	}
	ck_assert_msg(strcmp(told_names, operation->query ? operation->query : "") == 0,
	    "%s: the document has the parameters \"%s\"", operation->id, told_names);
}

static int takes(const json_t *parameters, const char *name)
{
	int count = 0;
	for (size_t i = 0; i < json_array_size(parameters); i++)
		count +=
		    strcmp(name, json_string_value(json_object_get(
				     parameter_of(json_array_get(parameters, i)), "name"))) == 0;
	return count;
}

START_TEST(every_route_is_in_the_document_as_it_is)
{
	const struct operation *operation = &portal_operations[_i];
	const json_t *it = told(operation);
	ck_assert_msg(
	    it != NULL, "%s %s is not in openapi.json", operation->method, operation->pattern);
	ck_assert_str_eq(json_string_value(json_object_get(it, "operationId")), operation->id);
	const json_t *security = json_object_get(it, "security");
	ck_assert_uint_eq(told_scopes(operation, security), operation->scopes);
	ck_assert_int_eq(json_array_size(security) == 0, operation->audience == OPERATION_PUBLIC);
	check_body(operation, json_object_get(it, "requestBody"));
	check_path_parameters(operation, json_object_get(it, "parameters"));
	check_query_parameters(operation, json_object_get(it, "parameters"));
	ck_assert_int_eq(
	    takes(json_object_get(it, "parameters"), "If-Match"), operation->heeds_if_match);
}
END_TEST

START_TEST(nothing_else_is_in_the_document)
{
	json_t *paths = json_object_get(document, "paths"), *methods;
	size_t count = 0;
	const char *path;
	json_object_foreach(paths, path, methods)
		count += json_object_size(methods);
	ck_assert_uint_eq(count, portal_operation_count);
}
END_TEST

START_TEST(operations_make_sense)
{
	const struct operation *operation = &portal_operations[_i];
	int reads = strcmp(operation->method, "GET") == 0;
	ck_assert_int_eq(!(operation->flags & OPERATION_MUTATES), reads);
	ck_assert_ptr_nonnull(operation->handle);
	for (size_t i = 0; i < (size_t)_i; i++) {
		ck_assert_str_ne(portal_operations[i].id, operation->id);
		ck_assert(strcmp(portal_operations[i].method, operation->method) != 0 ||
			  strcmp(portal_operations[i].pattern, operation->pattern) != 0);
	}
	int is_admins = strncmp(operation->pattern, "/v1/admin/", 10) == 0;
	ck_assert_int_eq(operation->audience == OPERATION_MANUFACTURER, is_admins);
	uint32_t allowed = scopes_of_audience(is_admins ? AUDIENCE_MANUFACTURER : AUDIENCE_ITSP);
	ck_assert_uint_eq(operation->scopes & ~allowed, 0);
	if (is_admins)
		ck_assert_uint_eq(operation->scopes, reads ? SCOPE_ADMIN_READ : SCOPE_ADMIN_WRITE);
	if (operation->audience == OPERATION_ITSP)
		ck_assert_uint_ne(operation->scopes, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routes");
	TCase *tests = tcase_create("routes");
	tcase_add_checked_fixture(tests, load, unload);
	tcase_add_loop_test(
	    tests, every_route_is_in_the_document_as_it_is, 0, (int)portal_operation_count);
	tcase_add_test(tests, nothing_else_is_in_the_document);
	tcase_add_loop_test(tests, operations_make_sense, 0, (int)portal_operation_count);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
