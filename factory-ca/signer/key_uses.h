/*
 * How often each key was used, in a file of the state folder that several processes share.
 *
 * A process takes uses in blocks of KEY_USES_BLOCK, on disk before the first of them, and gives
 * back what it did not use when it ends. One of them, which is the signer, tells in the file what
 * it has in hand, under a lock that ends with it. So the count is exact while it runs and when
 * nobody runs, and after a crash too high by less than a block for each process that died: never
 * too low. The file is the signer's own; the count is for people, and decides nothing.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_KEY_USES_H
#define FIRSTRING_FACTORY_CA_SIGNER_KEY_USES_H

#include <stdint.h>

#include "common/base/err.h"
#include "factory-ca/signer/keystore.h"

enum { KEY_USES_BLOCK = 1000 };

struct key_uses;

/* Opens the file, or makes it (mode 0600). Errors with `why` (KEYSTORE_WHY_LEN). */
MUST_CHECK enum err key_uses_open(const char *path, struct key_uses **uses, char *why);
/* Gives back what was taken and not used. NULL is fine. */
void key_uses_free(struct key_uses *uses);
/* One more use, on any thread. What cannot be written is logged, and the key is used all the same.
 */
void key_uses_add(struct key_uses *uses, enum ca_key key);
/* How often each was used by now; zeros when there is no file. */
MUST_CHECK enum err key_uses_read(const char *path, uint64_t counts[CA_KEY_COUNT], char *why);

#endif
