/* The pool of threads that hash people's passwords: right and wrong, its bound, its end. */
#include <string.h>

#include "portal-api/metrics.h"
#include "portal-api/people/hasher.h"
#include "tests/lib/unit.h"

static struct event_base *base;
static struct hasher *hasher;
static char hash[HASHER_HASH_MAX];
static int calls, matched;

static void begin(void)
{
	base = event_base_new();
	hasher = hasher_new(base, 2, 4);
	calls = matched = 0;
}

static void end(void)
{
	hasher_free(hasher);
	event_base_free(base);
}

static void on_hash(int matches, const char *made, void *ctx)
{
	(void)matches;
	(void)ctx;
	calls++;
	ck_assert_uint_lt(strlen(made), sizeof hash);
	memcpy(hash, made, strlen(made) + 1);
}

static void on_verified(int matches, const char *made, void *ctx)
{
	(void)ctx;
	ck_assert_ptr_null(made);
	calls++;
	matched += matches;
}

/* Turns the loop until there were so many callbacks; each wait has its end. */
static void until(int count)
{
	struct timeval long_enough = {60, 0};
	event_base_loopexit(base, &long_enough);
	while (calls < count && !event_base_got_exit(base))
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(calls, count);
}

static int verify(const char *against, const char *password)
{
	int before = calls;
	matched = 0;
	ck_assert_int_eq(
	    hasher_verify(hasher, against, password, strlen(password), on_verified, NULL), ERR_OK);
	until(before + 1);
	return matched;
}

START_TEST(a_password_matches_its_own_hash_alone)
{
	ck_assert_int_eq(hasher_hash(hasher, "correct horse", 13, on_hash, NULL), ERR_OK);
	until(1);
	char first[HASHER_HASH_MAX];
	memcpy(first, hash, sizeof first);
	ck_assert_int_eq(strncmp(first, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
	ck_assert_int_eq(verify(first, "correct horse"), 1);
	ck_assert_int_eq(verify(first, "correct horsf"), 0);
	ck_assert_int_eq(verify(first, ""), 0);
	/* Salted: the same again is another. */
	ck_assert_int_eq(hasher_hash(hasher, "correct horse", 13, on_hash, NULL), ERR_OK);
	until(5);
	ck_assert_str_ne(first, hash);
	ck_assert_int_eq(verify(hash, "correct horse"), 1);
}
END_TEST

START_TEST(what_is_no_hash_matches_nothing)
{
	char cut[HASHER_HASH_MAX];
	ck_assert_int_eq(hasher_hash(hasher, "x", 1, on_hash, NULL), ERR_OK);
	until(1);
	memcpy(cut, hash, sizeof cut);
	cut[strlen(cut) - 4] = '\0';
	ck_assert_int_eq(verify(NULL, "x"), 0);
	ck_assert_int_eq(verify("", "x"), 0);
	ck_assert_int_eq(verify("x", "x"), 0);
	ck_assert_int_eq(verify("$argon2i$v=19$m=65536,t=2,p=1$c2FsdA$eA", "x"), 0);
	ck_assert_int_eq(verify(cut, "x"), 0);
}
END_TEST

START_TEST(past_its_bound_it_says_so_and_goes_on)
{
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(hasher_verify(hasher, NULL, "x", 1, on_verified, NULL), ERR_OK);
	ck_assert_int_eq(hasher_verify(hasher, NULL, "x", 1, on_verified, NULL), ERR_FULL);
	ck_assert_int_eq(hasher_hash(hasher, "x", 1, on_hash, NULL), ERR_FULL);
	/* Never from within the call. */
	ck_assert_int_eq(calls, 0);
	until(4);
	ck_assert_int_eq(hasher_verify(hasher, NULL, "x", 1, on_verified, NULL), ERR_OK);
	until(5);
}
END_TEST

START_TEST(it_ends_with_work_in_hand)
{
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(hasher_verify(hasher, NULL, "x", 1, on_verified, NULL), ERR_OK);
	/* The fixture frees it now; no callback comes. */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hasher");
	TCase *tests = tcase_create("hasher");
	portal_metrics_init();
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, a_password_matches_its_own_hash_alone);
	tcase_add_test(tests, what_is_no_hash_matches_nothing);
	tcase_add_test(tests, past_its_bound_it_says_so_and_goes_on);
	tcase_add_test(tests, it_ends_with_work_in_hand);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
