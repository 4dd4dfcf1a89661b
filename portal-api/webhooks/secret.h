/*
 * A webhook's secret: made, sealed for its webhook, and what it signs with. The secrets are sealed
 * under a derived ring (portal_state.webhook_ring), so that the courier needs no other.
 */
#ifndef FIRSTRING_PORTAL_WEBHOOKS_SECRET_H
#define FIRSTRING_PORTAL_WEBHOOKS_SECRET_H

#include "common/pki/seal.h"
#include "portal-api/http/uuid.h"

/* "whsec_" and 64 hex digits, from the CSPRNG. */
void webhook_secret_make(struct secret *secret);
void webhook_secret_seal(const struct seal_ring *ring, const struct uuid *webhook,
    const struct secret *secret, struct buf *sealed);
MUST_CHECK enum err webhook_secret_open(const struct seal_ring *ring, const struct uuid *webhook,
    const void *sealed, size_t len, struct secret *secret);

/*
 * The signature field: "t=<seconds since 1970>" and for each secret
 * ",v1=<hex of HMAC-SHA256(secret, "<seconds>.<body>")>". The key is the secret's text whole.
 */
void webhook_sign(const struct secret *const *secrets, size_t count, int64_t unix_s,
    const void *body, size_t body_len, struct buf *field);

#endif
