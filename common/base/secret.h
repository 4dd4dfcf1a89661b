/*
 * Bytes that must not leak: locked in memory, excluded from core dumps, wiped on free.
 *
 * The logger has no field for it, so printing one takes a deliberate copy. mlock failing
 * (RLIMIT_MEMLOCK) is logged once and not fatal, except in the signer, which checks
 * secret_locking_works() at start.
 */
#ifndef FIRSTRING_BASE_SECRET_H
#define FIRSTRING_BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct secret {
	uint8_t *bytes; /* NULL when empty; one spare NUL byte follows the last */
	size_t len;
};

/* Makes room for len zero bytes. Aborts out of memory. The struct must be empty. */
void secret_alloc(struct secret *secret, size_t len);
/* Copies bytes in. */
void secret_set(struct secret *secret, const void *bytes, size_t len);
/* Wipes, unlocks and frees; an empty one is fine. */
void secret_free(struct secret *secret);
/* Compares in time that depends on the lengths only. */
int secret_equal(const struct secret *a, const struct secret *b);
/* The same for plain bytes of one length. */
int bytes_equal_constant_time(const void *a, const void *b, size_t len);
/* Wipes memory in a way that the compiler keeps. */
void bytes_wipe(void *bytes, size_t len);
/* 1 when a page can be locked in memory by this process. */
int secret_locking_works(void);

/*
 * Reads a credential file whole (at most max bytes; one trailing newline is dropped). It must be
 * a regular file that nobody but its owner (us or root) can read or write: ERR_DENIED, with the
 * reason logged as "credential_refused" with path. ERR_IO with errno when it cannot be opened.
 */
MUST_CHECK enum err secret_read_file(const char *path, size_t max, struct secret *secret);

#endif
