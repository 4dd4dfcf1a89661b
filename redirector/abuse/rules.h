/*
 * When somebody asks too much: buckets of failures, scans for MACs, one certificate in two places.
 *
 * Pure: states are single words, so that the table of shared memory can swap each without a lock;
 * the caller tells the time. Failures alone are charged: a street of phones that are served empties
 * no bucket.
 */
#ifndef FIRSTRING_REDIRECTOR_ABUSE_RULES_H
#define FIRSTRING_REDIRECTOR_ABUSE_RULES_H

#include <stdint.h>

#include "common/base/mac.h"

/* A token bucket as the one moment at which it will be full again (the "generic cell rate
 * algorithm"): 0, or any time past, is a full bucket. */
struct bucket_policy {
	int64_t burst; /* failures that it takes at once */
	int64_t refill_ms; /* the time that gives one back */
};

/* Takes one token out; the bucket's new word. */
int64_t bucket_charge(int64_t full_at_ms, int64_t now_ms, const struct bucket_policy *policy);
/* 1 when more was taken than it held. */
int bucket_is_empty(int64_t full_at_ms, int64_t now_ms, const struct bucket_policy *policy);

/* A source that was given a verified answer within this time is somebody's office: it is not shut
 * out before the handshake, where its phones cannot be told apart. */
enum { VERIFIED_GRACE_MS = 10 * 60 * 1000 };

/* `banned_until_ms` and `verified_ms` are 0 when it never was. */
int source_is_shut_out(int64_t banned_until_ms, int64_t verified_ms, int64_t now_ms);
int source_may_be_banned(int64_t verified_ms, int64_t now_ms);

/*
 * Scans: MACs that were asked for and are not the asker's. Two words, both 0 at the start of each
 * window: the last MAC with the length of the run of near ones, and a 64-bit set of hashes from
 * whose fullness the number of different MACs follows (linear counting).
 */
enum { SCAN_WINDOW_MS = 10 * 60 * 1000, SCAN_RUN = 16, SCAN_STEP_MAX = 16, SCAN_SET_BITS = 30 };

/* The run's word after this MAC; up or down by at most SCAN_STEP_MAX goes on with it. */
uint64_t scan_run_next(uint64_t run, const struct mac *mac);
unsigned scan_run_length(uint64_t run);
/* The set's word with this MAC in it. */
uint64_t scan_set_add(uint64_t set, const struct mac *mac);
/* NULL, "sequential_macs" or "many_macs" (about forty). */
const char *scan_judge(uint64_t run, uint64_t set);

/*
 * Clones: one certificate from two networks in turn. The word holds 32-bit hashes of the network
 * that it was seen in last and of the one before. Networks of IPv4 and IPv6 are followed apart: a
 * phone that has both uses both.
 */
enum { CLONE_WINDOW_MS = 15 * 60 * 1000 };

struct clone_step {
	uint64_t word; /* as it is from now on */
	int moved; /* to another network than the last one */
	int suspicious; /* back, soon, to the one before */
};
/* `moved_ms`: when it came to the network that it was seen in last. A phone that is carried from
 * one network to another moves once; one that goes back and forth is two. */
struct clone_step clone_see(uint64_t word, int64_t moved_ms, uint64_t network, int64_t now_ms);

#endif
