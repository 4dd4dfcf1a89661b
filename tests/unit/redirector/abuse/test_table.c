/* The shared table: found again, bounded, banned records kept longest, four processes at once. */
#include "redirector/abuse/table.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"

START_TEST(finds_what_it_took)
{
	struct abuse_table *table = abuse_table_new(1000);

	ck_assert_ptr_null(abuse_table_find(table, 7));
	ck_assert_ptr_null(abuse_table_find(table, 0));
	struct abuse_record *record = abuse_table_take(table, 7, 100);
	ck_assert_uint_eq(record->key, 7);
	ck_assert_int_eq(record->seen_ms, 100);
	ck_assert_ptr_eq(abuse_table_find(table, 7), record);
	ck_assert_ptr_eq(abuse_table_take(table, 7, 200), record);
	ck_assert_int_eq(record->seen_ms, 200);
	abuse_table_free(table);
}
END_TEST

static void count(struct abuse_record *record, void *ctx)
{
	(void)record;
	++*(size_t *)ctx;
}

START_TEST(is_bounded_and_forgets_who_was_quiet_longest)
{
	enum { ROOM = 1024, KEYS = 100 * ROOM };
	struct abuse_table *table = abuse_table_new(ROOM);
	size_t records = 0;

	for (uint64_t key = 1; key <= KEYS; key++) {
		struct abuse_record *record = abuse_table_take(table, key, (int64_t)key);
		ck_assert_int_eq(record->failures, 0);
		record->failures = 5;
	}
	abuse_table_each(table, count, &records);
	ck_assert_uint_eq(records, ROOM);
	ck_assert_ptr_nonnull(abuse_table_find(table, KEYS));
	ck_assert_ptr_null(abuse_table_find(table, 1));
	abuse_table_free(table);
}
END_TEST

START_TEST(a_banned_one_stays_while_others_can_go)
{
	struct abuse_table *table = abuse_table_new(64);

	abuse_table_take(table, 7, 1)->banned_until_ms = 1000000;
	for (uint64_t key = 100; key < 10000; key++)
		abuse_table_take(table, key, (int64_t)key);
	ck_assert_ptr_nonnull(abuse_table_find(table, 7));
	for (uint64_t key = 100; key < 10000; key++)
		abuse_table_take(table, key, 2000000);
	ck_assert_ptr_null(abuse_table_find(table, 7));
	abuse_table_free(table);
}
END_TEST

START_TEST(processes_share_it)
{
	enum { PROCESSES = 4, ROUNDS = 50000, KEYS = 16 };
	struct abuse_table *table = abuse_table_new(4096);
	int64_t sum = 0;

	/* All at once on few keys (nothing is forgotten) and on many (a lot is). */
	for (uint64_t key = 1; key <= KEYS; key++)
		abuse_table_take(table, key, INT64_MAX);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (uint64_t round = 0; round < ROUNDS; round++) {
			uint64_t key = 1 + round % KEYS;
			atomic_fetch_add(&abuse_table_take(table, key, INT64_MAX)->failures, 1);
			struct abuse_record *other =
			    abuse_table_take(table, 1000 + (uint64_t)random() % 100000, 5);
			atomic_fetch_add(&other->verified_ms, 1);
		}
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status = 0;
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	for (uint64_t key = 1; key <= KEYS; key++)
		sum += abuse_table_find(table, key)->failures;
	ck_assert_int_eq(sum, PROCESSES * ROUNDS);
	abuse_table_free(table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector/abuse/table");
	TCase *tcase = tcase_create("table");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, finds_what_it_took);
	tcase_add_test(tcase, is_bounded_and_forgets_who_was_quiet_longest);
	tcase_add_test(tcase, a_banned_one_stays_while_others_can_go);
	tcase_add_test(tcase, processes_share_it);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
