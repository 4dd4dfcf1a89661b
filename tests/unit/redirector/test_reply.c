/* Each decision as HTTP: what stands in it, and that nobody may keep it. */
#include "redirector/reply.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

/* The value of a field, NULL when there is none; fails when there are two. */
static const char *field_of(const struct reply *reply, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < reply->answer.header_count; i++) {
		if (!span_equal(reply->answer.headers[i].name, name))
			continue;
		ck_assert_ptr_null(value);
		value = reply->answer.headers[i].value.text;
	}
	return value;
}

START_TEST(every_reason_has_an_answer)
{
	struct buf body = {0};
	struct reply reply;

	buf_put_str(&body, "file");
	reply_make(&reply, (enum decide_reason)_i, "text/xml", &body);
	int status = reply.answer.status;
	ck_assert_int_eq(status, decide_status((enum decide_reason)_i));
	ck_assert_str_eq(field_of(&reply, "Cache-Control"), "no-store");
	ck_assert_int_eq(field_of(&reply, "WWW-Authenticate") != NULL, status == 401);
	ck_assert_int_eq(field_of(&reply, "Allow") != NULL, status == 405);
	ck_assert_int_eq(field_of(&reply, "Retry-After") != NULL, status == 503);
	ck_assert_str_eq(reply.answer.content_type, status == 200 ? "text/xml" : "text/plain");
	ck_assert_int_eq(memcmp(reply.answer.body, "file", 4) == 0, status == 200);
	ck_assert_int_eq(reply.answer.close, 0);
	buf_free(&body);
}
END_TEST

START_TEST(refusals_of_one_status_are_the_same)
{
	struct reply first, other;

	reply_make(&first, DECIDE_UNCLAIMED, NULL, NULL);
	for (int reason = 0; reason < DECIDE_REASON_COUNT; reason++) {
		if (decide_status((enum decide_reason)reason) != 404)
			continue;
		reply_make(&other, (enum decide_reason)reason, "text/xml", NULL);
		ck_assert_str_eq(first.answer.content_type, other.answer.content_type);
		ck_assert_uint_eq(first.answer.header_count, other.answer.header_count);
		ck_assert_uint_eq(first.answer.body_len, other.answer.body_len);
		ck_assert_mem_eq(first.answer.body, other.answer.body, first.answer.body_len);
	}
}
END_TEST

START_TEST(a_storm_is_spread)
{
	int seen[60] = {0}, different = 0;

	for (int i = 0; i < 500; i++) {
		struct reply reply;
		reply_make(&reply, DECIDE_UNAVAILABLE, NULL, NULL);
		int seconds = atoi(field_of(&reply, "Retry-After"));
		ck_assert(seconds >= 5 && seconds < 30);
		different += seen[seconds]++ == 0;
	}
	ck_assert_int_gt(different, 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector/reply");
	TCase *tcase = tcase_create("reply");

	tcase_add_loop_test(tcase, every_reason_has_an_answer, 0, DECIDE_REASON_COUNT);
	tcase_add_test(tcase, refusals_of_one_status_are_the_same);
	tcase_add_test(tcase, a_storm_is_spread);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
