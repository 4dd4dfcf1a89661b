/* Buckets, scans and clones, minute by minute. */
#include "redirector/abuse/rules.h"

#include <stdlib.h>

#include "tests/lib/unit.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

static const struct bucket_policy POLICY = {.burst = 10, .refill_ms = 5 * SECOND};

static struct mac mac_of(uint64_t number)
{
	struct mac mac;

	ck_assert_int_eq(mac_from_uint(number, &mac), ERR_OK);
	return mac;
}

START_TEST(a_bucket_takes_its_burst_and_no_more)
{
	int64_t full_at = 0, now = 1000 * MINUTE;

	for (int i = 0; i < 10; i++) {
		full_at = bucket_charge(full_at, now, &POLICY);
		ck_assert(!bucket_is_empty(full_at, now, &POLICY));
	}
	full_at = bucket_charge(full_at, now, &POLICY);
	ck_assert(bucket_is_empty(full_at, now, &POLICY));
}
END_TEST

START_TEST(a_bucket_fills_with_time)
{
	int64_t full_at = 0, now = MINUTE;

	for (int i = 0; i < 11; i++)
		full_at = bucket_charge(full_at, now, &POLICY);
	ck_assert(!bucket_is_empty(full_at, now + 5 * SECOND, &POLICY));
	/* One failure each refill time goes on for ever. */
	full_at = 0;
	for (int i = 0; i < 1000; i++, now += 5 * SECOND) {
		full_at = bucket_charge(full_at, now, &POLICY);
		ck_assert(!bucket_is_empty(full_at, now, &POLICY));
	}
}
END_TEST

START_TEST(debt_has_a_bottom)
{
	int64_t full_at = 0, now = MINUTE;

	for (int i = 0; i < 100000; i++)
		full_at = bucket_charge(full_at, now, &POLICY);
	ck_assert(bucket_is_empty(full_at, now, &POLICY));
	ck_assert(!bucket_is_empty(full_at, now + 10 * 5 * SECOND, &POLICY));
}
END_TEST

START_TEST(who_was_served_is_not_shut_out)
{
	int64_t now = 100 * MINUTE;

	ck_assert(source_is_shut_out(now + 1, 0, now));
	ck_assert(!source_is_shut_out(now, 0, now)); /* it has ended */
	ck_assert(!source_is_shut_out(0, 0, now));
	ck_assert(!source_is_shut_out(now + 1, now - 9 * MINUTE, now));
	ck_assert(source_is_shut_out(now + 1, now - 10 * MINUTE, now));
	ck_assert(source_may_be_banned(0, now));
	ck_assert(!source_may_be_banned(now - 1, now));
}
END_TEST

/* Feeds MACs; the index of the one that made it a scan, -1 when none did. */
static int scan(const uint64_t *numbers, int count, const char **why)
{
	uint64_t run = 0, set = 0;

	for (int i = 0; i < count; i++) {
		struct mac mac = mac_of(numbers[i]);
		run = scan_run_next(run, &mac);
		set = scan_set_add(set, &mac);
		*why = scan_judge(run, set);
		if (*why != NULL)
			return i;
	}
	return -1;
}

START_TEST(sequential_macs_are_a_scan)
{
	static const int STEPS[] = {1, 2, 16, -1, -16};
	uint64_t numbers[100];
	const char *why = NULL;

	for (size_t s = 0; s < COUNT(STEPS); s++) {
		for (int i = 0; i < 100; i++)
			numbers[i] = (uint64_t)(0x001565001000 + i * STEPS[s]);
		ck_assert_int_eq(scan(numbers, 100, &why), SCAN_RUN - 1);
		ck_assert_str_eq(why, "sequential_macs");
	}
}
END_TEST

START_TEST(many_macs_are_a_scan)
{
	uint64_t numbers[100];
	const char *why = NULL;

	for (uint64_t i = 0; i < 100; i++)
		numbers[i] = 0x001565000000 + (i * 7919 * 1000) % 0xffffff;
	int at = scan(numbers, 100, &why);
	ck_assert_msg(at > 25 && at < 70, "at %d", at);
	ck_assert_str_eq(why, "many_macs");
}
END_TEST

START_TEST(the_same_few_macs_are_none)
{
	uint64_t numbers[1000];
	const char *why = NULL;

	for (uint64_t i = 0; i < 1000; i++)
		numbers[i] = 0x001565000000 + i % 10 * 1000;
	ck_assert_int_eq(scan(numbers, 1000, &why), -1);
	/* One phone that asks for its neighbour again and again. */
	for (uint64_t i = 0; i < 1000; i++)
		numbers[i] = 0x001565000001;
	ck_assert_int_eq(scan(numbers, 1000, &why), -1);
}
END_TEST

/* Networks as letters, a minute apart; the index of the one that raised suspicion. */
static int walk(const char *networks, int64_t step_ms)
{
	uint64_t word = 0;
	int64_t moved_ms = 0, now = MINUTE;

	for (int i = 0; networks[i] != '\0'; i++, now += step_ms) {
		struct clone_step step = clone_see(word, moved_ms, (uint64_t)networks[i], now);
		word = step.word;
		if (step.moved)
			moved_ms = now;
		if (step.suspicious)
			return i;
	}
	return -1;
}

START_TEST(back_and_forth_is_two_phones)
{
	ck_assert_int_eq(walk("aaaa", MINUTE), -1);
	ck_assert_int_eq(walk("aaabbbb", MINUTE), -1); /* carried to another place */
	ck_assert_int_eq(walk("abcdefg", MINUTE), -1); /* on a journey */
	ck_assert_int_eq(walk("aba", MINUTE), 2);
	ck_assert_int_eq(walk("aabba", MINUTE), 4);
	ck_assert_int_eq(walk("aba", 20 * MINUTE), -1); /* taken home, and back */
	ck_assert_int_eq(walk("abcbc", MINUTE), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector/abuse/rules");
	TCase *tcase = tcase_create("rules");

	tcase_add_test(tcase, a_bucket_takes_its_burst_and_no_more);
	tcase_add_test(tcase, a_bucket_fills_with_time);
	tcase_add_test(tcase, debt_has_a_bottom);
	tcase_add_test(tcase, who_was_served_is_not_shut_out);
	tcase_add_test(tcase, sequential_macs_are_a_scan);
	tcase_add_test(tcase, many_macs_are_a_scan);
	tcase_add_test(tcase, the_same_few_macs_are_none);
	tcase_add_test(tcase, back_and_forth_is_two_phones);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
