/*
 * People's passwords: argon2id (RFC 9106, by libsodium) on a few threads of their own, so that no
 * callback of the loop waits for it.
 *
 * Runs in a portal worker. A thread sees one password and one hash, nothing else of the process;
 * it does not log. The queue is bounded: past it the caller is told at once.
 */
#ifndef FIRSTRING_PORTAL_PEOPLE_HASHER_H
#define FIRSTRING_PORTAL_PEOPLE_HASHER_H

#include <event2/event.h>
#include <stddef.h>

#include "common/base/err.h"

struct hasher;

enum { HASHER_HASH_MAX = 128 /* with the NUL */ };

/* Called from the loop. Verifying: `matches`; hashing: `hash`, lives until the callback returns. */
typedef void hasher_done_fn(int matches, const char *hash, void *ctx);

/* Starts the threads. Aborts when there are none to be had. */
struct hasher *hasher_new(struct event_base *base, unsigned threads, size_t queue_max);
/* Waits for what the threads have in hand; callbacks that are still to come do not come. */
void hasher_free(struct hasher *hasher);

/* The password is copied, and wiped. ERR_FULL: no callback comes. A NULL or strange hash takes as
 * long as a good one and does not match. */
MUST_CHECK enum err hasher_verify(struct hasher *hasher, const char *hash, const char *password,
    size_t len, hasher_done_fn *done, void *ctx);
MUST_CHECK enum err hasher_hash(
    struct hasher *hasher, const char *password, size_t len, hasher_done_fn *done, void *ctx);

#endif
