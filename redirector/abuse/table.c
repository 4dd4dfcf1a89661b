/* Sets of records in one shared mapping. Keys come from addresses and
 * fingerprints, and a random seed keeps anybody from choosing his neighbours. */
#include "redirector/abuse/table.h"

#include <string.h>
#include <sys/mman.h>

#include "common/base/err.h"
#include "common/base/text.h"

enum { WAYS = 8 };

/* Marks a record that is changing hands. */
static const uint64_t BUSY = UINT64_MAX;

struct set {
	struct abuse_record records[WAYS];
};

struct abuse_table {
	size_t mapped_len;
	uint64_t seed;
	size_t set_count; /* a power of two */
	_Atomic uint8_t *used; /* by set, so that a visit touches no page that nobody wrote */
	struct set sets[];
};

struct abuse_table *abuse_table_new(size_t records)
{
	size_t set_count = 1;

	while (set_count * WAYS < records)
		set_count *= 2;
	size_t len = sizeof(struct abuse_table) + set_count * (sizeof(struct set) + 1);
	struct abuse_table *table =
	    mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(table != MAP_FAILED);
	table->mapped_len = len;
	table->set_count = set_count;
	table->used = (_Atomic uint8_t *)(table->sets + set_count);
	random_fill(&table->seed, sizeof(table->seed));
	return table;
}

void abuse_table_free(struct abuse_table *table)
{
	if (table != NULL)
		munmap(table, table->mapped_len);
}

static size_t set_of(const struct abuse_table *table, uint64_t key)
{
	uint64_t hash = (key ^ table->seed) * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ (hash >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return (size_t)(hash >> 32) & (table->set_count - 1);
}

static struct abuse_record *find_in(struct set *set, uint64_t key)
{
	for (size_t i = 0; i < WAYS; i++) {
		if (atomic_load(&set->records[i].key) == key)
			return &set->records[i];
	}
	return NULL;
}

struct abuse_record *abuse_table_find(const struct abuse_table *table, uint64_t key)
{
	size_t at = set_of(table, key);

	if (key == 0 || !atomic_load(&table->used[at]))
		return NULL;
	return find_in((struct set *)(uintptr_t)&table->sets[at], key);
}

/* 1 when `a` is the better one to give up. */
static int is_poorer(struct abuse_record *a, struct abuse_record *b, int64_t now_ms)
{
	int a_banned = atomic_load(&a->banned_until_ms) > now_ms;
	int b_banned = atomic_load(&b->banned_until_ms) > now_ms;

	if (a_banned != b_banned)
		return b_banned;
	return atomic_load(&a->seen_ms) < atomic_load(&b->seen_ms);
}

static struct abuse_record *choose(struct set *set, int64_t now_ms)
{
	struct abuse_record *chosen = NULL; /* a poor one */

	for (size_t i = 0; i < WAYS; i++) {
		struct abuse_record *record = &set->records[i];
		uint64_t key = atomic_load(&record->key);
		if (key == 0)
			return record;
		if (key != BUSY && (chosen == NULL || is_poorer(record, chosen, now_ms)))
			chosen = record;
	}
	/* All are changing hands: one of those who were at it was killed. */
	return chosen != NULL ? chosen : &set->records[0];
}

static void reset(struct abuse_record *record)
{
	atomic_store(&record->full_at_ms, 0);
	atomic_store(&record->failures, 0);
	atomic_store(&record->banned_until_ms, 0);
	atomic_store(&record->verified_ms, 0);
	atomic_store(&record->scan_began_ms, 0);
	atomic_store(&record->scan_alarm_ms, 0);
	atomic_store(&record->scan_run, 0);
	atomic_store(&record->scan_set, 0);
	for (size_t family = 0; family < 2; family++) {
		atomic_store(&record->clone[family], 0);
		atomic_store(&record->clone_moved_ms[family], 0);
	}
	atomic_store(&record->alarm_ms, 0);
}

struct abuse_record *abuse_table_take(struct abuse_table *table, uint64_t key, int64_t now_ms)
{
	size_t at = set_of(table, key);
	struct set *set = &table->sets[at];
	struct abuse_record *record = find_in(set, key);

	CHECK(key != 0 && key != BUSY);
	while (record == NULL) {
		struct abuse_record *poorest = choose(set, now_ms);
		uint64_t old = atomic_load(&poorest->key);
		if (atomic_compare_exchange_strong(&poorest->key, &old, BUSY)) {
			reset(poorest);
			atomic_store(&poorest->seen_ms, now_ms);
			atomic_store(&table->used[at], 1);
			atomic_store(&poorest->key, key);
			return poorest;
		}
		record = find_in(set, key);
	}
	atomic_store(&record->seen_ms, now_ms);
	return record;
}

void abuse_table_each(const struct abuse_table *table,
    void (*visit)(struct abuse_record *record, void *ctx), void *ctx)
{
	for (size_t at = 0; at < table->set_count; at++) {
		if (!atomic_load(&table->used[at]))
			continue;
		struct set *set = (struct set *)(uintptr_t)&table->sets[at];
		for (size_t i = 0; i < WAYS; i++) {
			uint64_t key = atomic_load(&set->records[i].key);
			if (key != 0 && key != BUSY)
				visit(&set->records[i], ctx);
		}
	}
}
