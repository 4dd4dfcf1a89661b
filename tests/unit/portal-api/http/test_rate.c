/* Token buckets by principal: a burst, then a rate; nobody pays for another. */
#include <stdio.h>

#include "portal-api/http/rate.h"
#include "tests/lib/unit.h"

static const struct rate_limit LIMIT = {.per_s = 10, .burst = 5};

/* How many of `count` requests at one moment pass. */
static unsigned pass(struct rates *rates, const char *id, unsigned count, uint64_t now_ms)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++)
		passed += rates_take(rates, id, now_ms) == 0;
	return passed;
}

START_TEST(a_burst_and_then_the_rate)
{
	struct rates *rates = rates_new(&LIMIT);
	ck_assert_uint_eq(pass(rates, "a", 100, 1000), 5);
	ck_assert_uint_eq(pass(rates, "a", 100, 1099), 0);
	ck_assert_uint_eq(pass(rates, "a", 100, 1100), 1);
	ck_assert_uint_eq(pass(rates, "a", 100, 1400), 3);
	/* Never more than a burst, however long it was away. */
	ck_assert_uint_eq(pass(rates, "a", 100, UINT64_C(1) << 40), 5);
	rates_free(rates);
}
END_TEST

START_TEST(each_has_its_own)
{
	struct rates *rates = rates_new(&LIMIT);
	ck_assert_uint_eq(pass(rates, "a", 100, 1000), 5);
	ck_assert_uint_eq(pass(rates, "b", 100, 1000), 5);
	rates_free(rates);
}
END_TEST

START_TEST(the_wait_is_told_in_whole_seconds)
{
	const struct rate_limit slow = {.per_s = 1, .burst = 1};
	struct rates *rates = rates_new(&slow);
	ck_assert_uint_eq(rates_take(rates, "a", 1000), 0);
	ck_assert_uint_eq(rates_take(rates, "a", 1001), 1);
	ck_assert_uint_eq(rates_take(rates, "a", 2001), 0);
	rates_free(rates);
}
END_TEST

START_TEST(more_principals_than_places_are_all_served)
{
	struct rates *rates = rates_new(&LIMIT);
	char id[37];
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(id, sizeof id, "00000000-0000-4000-8000-%012u", i);
		ck_assert_uint_eq(rates_take(rates, id, 1000 + i), 0);
	}
	rates_free(rates);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rate");
	TCase *tests = tcase_create("rate");
	tcase_add_test(tests, a_burst_and_then_the_rate);
	tcase_add_test(tests, each_has_its_own);
	tcase_add_test(tests, the_wait_is_told_in_whole_seconds);
	tcase_add_test(tests, more_principals_than_places_are_all_served);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
