/* The table of problems, and the document of one. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/http/problem.h"
#include "tests/lib/unit.h"

START_TEST(every_kind_has_a_status_and_a_code_of_its_own)
{
	enum problem_kind kind = (enum problem_kind)_i;
	ck_assert_int_ge(problem_status(kind), 400);
	ck_assert_int_lt(problem_status(kind), 600);
	ck_assert_uint_eq(
	    strspn(problem_code(kind), "abcdefghijklmnopqrstuvwxyz_"), strlen(problem_code(kind)));
	ck_assert_str_eq(problem_codes()[kind], problem_code(kind));
	for (unsigned other = 0; other < (unsigned)_i; other++)
		ck_assert_str_ne(problem_code(kind), problem_code((enum problem_kind)other));
}
END_TEST

static json_t *written(const struct problem *problem, int status, const char *request_id)
{
	struct buf text = {0};
	problem_write(problem, status, request_id, &text);
	json_t *document = json_loadb((const char *)text.bytes, text.len, 0, NULL);
	ck_assert_ptr_nonnull(document);
	buf_free(&text);
	return document;
}

static const char *member(const json_t *document, const char *name)
{
	return json_string_value(json_object_get(document, name));
}

START_TEST(the_document)
{
	struct problem problem = {0};
	problem_set(&problem, PROBLEM_INVALID, "%d values are \"wrong\"", 2);
	field_error_add(&problem.errors, "a", "required", "This field is needed.");
	field_error_add(&problem.errors, "b[1]", "bad_mac", "%s", "No <MAC>\x01");
	json_t *document = written(&problem, 0, "0123456789abcdef");
	ck_assert_int_eq(json_integer_value(json_object_get(document, "status")), 422);
	ck_assert_str_eq(member(document, "code"), "invalid");
	ck_assert_str_eq(member(document, "type"), "urn:firstring:problem:invalid");
	ck_assert_str_eq(member(document, "title"), "A value is not acceptable");
	ck_assert_str_eq(member(document, "detail"), "2 values are \"wrong\"");
	ck_assert_str_eq(member(document, "request_id"), "0123456789abcdef");
	const json_t *errors = json_object_get(document, "errors");
	ck_assert_uint_eq(json_array_size(errors), 2);
	ck_assert_str_eq(member(json_array_get(errors, 1), "field"), "b[1]");
	ck_assert_str_eq(member(json_array_get(errors, 1), "detail"), "No <MAC>\x01");
	json_decref(document);
}
END_TEST

START_TEST(without_errors_and_request_id_they_are_not_there)
{
	struct problem problem = {0};
	problem_set(&problem, PROBLEM_BAD_REQUEST, "x");
	json_t *document = written(&problem, 431, NULL);
	ck_assert_ptr_null(json_object_get(document, "errors"));
	ck_assert_ptr_null(json_object_get(document, "request_id"));
	ck_assert_int_eq(json_integer_value(json_object_get(document, "status")), 431);
	json_decref(document);
}
END_TEST

START_TEST(what_is_too_long_is_cut_between_characters)
{
	struct problem problem = {0};
	char text[4 * PROBLEM_DETAIL_MAX];
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (size_t i = 0; i < PROBLEM_DETAIL_MAX; i++)
			memcpy(text + shift + 3 * i, "\xe2\x82\xac", 3);
		text[shift + 3 * (size_t)PROBLEM_DETAIL_MAX] = '\0';
		problem_set(&problem, PROBLEM_BAD_JSON, "%s", text);
		field_error_add(&problem.errors, text, "unknown_field", "%s", text);
	}
	json_decref(written(&problem, 0, NULL));
}
END_TEST

START_TEST(errors_are_bounded)
{
	struct problem problem = {0};
	problem_set(&problem, PROBLEM_INVALID, "many");
	for (int i = 0; i < 1000; i++)
		field_error_add(&problem.errors, "x", "required", "y");
	ck_assert_uint_eq(problem.errors.count, 1000);
	json_t *document = written(&problem, 0, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(document, "errors")), FIELD_ERRORS_MAX);
	json_decref(document);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("problem");
	TCase *tests = tcase_create("problem");
	tcase_add_loop_test(
	    tests, every_kind_has_a_status_and_a_code_of_its_own, 0, PROBLEM_KIND_COUNT);
	tcase_add_test(tests, the_document);
	tcase_add_test(tests, without_errors_and_request_id_they_are_not_there);
	tcase_add_test(tests, what_is_too_long_is_cut_between_characters);
	tcase_add_test(tests, errors_are_bounded);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
