/*
 * Sealing: AES-256-GCM under a ring of keys, for admin passwords and second factors at rest.
 *
 * A sealed value is bound to its associated data (MAC and claim), so that a row copied to another
 * phone does not open. The ring is a credential file; the newest key seals, every key opens. Used
 * by portal-api (seals, opens) and redirector (opens). NIST SP 800-38D: 96-bit random nonces, at
 * most 2^32 values under one key.
 */
#ifndef FIRSTRING_PKI_SEAL_H
#define FIRSTRING_PKI_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mac.h"
#include "common/base/secret.h"

struct seal_ring;

/*
 * Loads a ring: lines "<id> <64 hex digits>", id 1..65535, newest (sealing) key last, '#' comments.
 * The file must be owner-only (secret_read_file). Owner: caller, seal_ring_free. Keys are locked
 * in memory and survive fork.
 */
MUST_CHECK enum err seal_ring_load(
    const char *path, struct seal_ring **ring, char *why, size_t why_len);
/*
 * A ring of other keys under the same ids, HMAC-SHA256(key, purpose): for a process that must open
 * what is sealed for its purpose and nothing else. Owner: caller.
 */
struct seal_ring *seal_ring_derive(const struct seal_ring *ring, const char *purpose);
void seal_ring_free(struct seal_ring *ring);
/* The id of the key that seals. */
uint16_t seal_ring_current(const struct seal_ring *ring);

/* What a sealed value is bound to: the words of its purpose, then a MAC (zero for a person's second
 * factor), then the id (16 bytes) of the claim or the person. A value for one purpose does not open
 * for another. */
enum seal_purpose {
	SEAL_ADMIN_PASSWORD, /* "firstring admin password v1" */
	SEAL_SECOND_FACTOR, /* "firstring second factor v1" */
};
struct seal_binding {
	enum seal_purpose purpose;
	struct mac mac;
	uint8_t claim_id[16]; /* or the person's */
};

enum { SEAL_OVERHEAD = 2 + 12 + 16 }; /* key id, nonce, tag; then the ciphertext */

/* Appends key id (2 bytes, big-endian), nonce, ciphertext and tag to `sealed`. */
MUST_CHECK enum err seal(const struct seal_ring *ring, const struct seal_binding *binding,
    const struct secret *plain, struct buf *sealed);
/* ERR_NOT_FOUND: the ring lacks the key; ERR_SIGNATURE: altered, or bound to something else. */
MUST_CHECK enum err seal_open(const struct seal_ring *ring, const struct seal_binding *binding,
    const void *sealed, size_t sealed_len, struct secret *plain);

#endif
