/*
 * What all workers know of sources and certificates: fixed tables in shared memory, without locks.
 *
 * Mapped by the parent before its first fork, kept by all generations. A record is found by its
 * 64-bit key in one small set of neighbours; where the set is full the one that was quiet longest
 * makes room, banned ones last. Every member is an atomic word that is right by itself; when a
 * record changes hands between two words of one call a failure may be counted for the newcomer:
 * that costs a token, never a ban (see abuse.c).
 */
#ifndef FIRSTRING_REDIRECTOR_ABUSE_TABLE_H
#define FIRSTRING_REDIRECTOR_ABUSE_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Of a source, a network or a certificate; which members are used is abuse.c's matter. Times are
 * monotonic milliseconds, 0 is never. */
struct abuse_record {
	_Atomic uint64_t key; /* 0: free; never UINT64_MAX */
	_Atomic int64_t seen_ms;
	_Atomic int64_t full_at_ms; /* the bucket: rules.h */
	_Atomic int64_t failures;
	_Atomic int64_t banned_until_ms;
	_Atomic int64_t verified_ms;
	_Atomic int64_t scan_began_ms, scan_alarm_ms;
	_Atomic uint64_t scan_run, scan_set;
	_Atomic uint64_t clone[2]; /* by family: IPv4, IPv6 */
	_Atomic int64_t clone_moved_ms[2];
	_Atomic int64_t alarm_ms;
};

struct abuse_table;

/* Room for at least `records`. Aborts when there is no memory. */
struct abuse_table *abuse_table_new(size_t records);
void abuse_table_free(struct abuse_table *table);

/* NULL: nothing is known of it. */
struct abuse_record *abuse_table_find(const struct abuse_table *table, uint64_t key);
/* Finds it or makes room for it; marks it seen now. */
struct abuse_record *abuse_table_take(struct abuse_table *table, uint64_t key, int64_t now_ms);
/* Visits every record in use. */
void abuse_table_each(const struct abuse_table *table,
    void (*visit)(struct abuse_record *record, void *ctx), void *ctx);

#endif
