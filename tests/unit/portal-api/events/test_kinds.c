/* The kinds of events are those of the OpenAPI document, and fit where they are told. */
#include <jansson.h>
#include <string.h>

#include "portal-api/events/kinds.h"
#include "portal-api/http/problem.h"
#include "tests/lib/unit.h"

START_TEST(the_document_tells_the_same)
{
	json_error_t error;
	json_t *document = json_load_file("portal-api/openapi.json", 0, &error), *kinds = NULL;
	size_t count = 0;
	ck_assert_msg(document != NULL, "line %d: %s", error.line, error.text);
	ck_assert_int_eq(json_unpack(document, "{s{s{s{so}}}}", "components", "schemas",
			     "EventKind", "enum", &kinds),
	    0);
	for (; event_kinds[count]; count++)
		ck_assert_str_eq(
		    json_string_value(json_array_get(kinds, count)), event_kinds[count]);
	ck_assert_uint_eq(json_array_size(kinds), count);
	json_decref(document);
}
END_TEST

START_TEST(only_whole_names_are_known)
{
	ck_assert(event_kind_is_known("delivered"));
	ck_assert(event_kind_is_known(event_kinds[0]));
	ck_assert(!event_kind_is_known("nonsense"));
	ck_assert(!event_kind_is_known("deliver"));
	ck_assert(!event_kind_is_known("Delivered"));
	ck_assert(!event_kind_is_known(""));
}
END_TEST

START_TEST(a_refusal_names_all_of_them)
{
	struct field_errors errors = {0};
	const char *last = NULL;
	field_error_add(
	    &errors, "kinds[0]", "bad_kind", "This must be one of: %s.", event_kinds_text());
	for (const char *const *kind = event_kinds; *kind; kind++) {
		ck_assert_ptr_nonnull(strstr(errors.items[0].detail, *kind));
		last = *kind;
	}
	ck_assert_ptr_nonnull(last);
	const char *end = strchr(errors.items[0].detail, '\0') - 1;
	ck_assert_int_eq(*end, '.');
	ck_assert_ptr_eq(event_kinds_text(), event_kinds_text());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event kinds");
	TCase *tests = tcase_create("kinds");
	tcase_add_test(tests, the_document_tells_the_same);
	tcase_add_test(tests, only_whole_names_are_known);
	tcase_add_test(tests, a_refusal_names_all_of_them);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
