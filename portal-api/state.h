/* What the parent makes of portal-api.yaml for its workers: keys, contexts, formats, sockets. */
#ifndef FIRSTRING_PORTAL_STATE_H
#define FIRSTRING_PORTAL_STATE_H

#include <openssl/ssl.h>

#include "common/answer/format_set.h"
#include "common/pki/seal.h"
#include "portal-api/config.h"

/* Bound once, at the first load; shared by all generations of workers. */
struct portal_sockets {
	int are_bound;
	int main, health, status; /* status: -1 where it is not enabled */
	int job_bell; /* jobs/bell.h */
};

struct portal_state {
	struct portal_config config;
	SSL_CTX *tls;
	struct seal_ring *ring;
	struct seal_ring *webhook_ring; /* derived: opens secrets of webhooks and nothing else */
	struct format_set *formats;
	const struct portal_sockets *sockets;
};

/* Reads configuration, keys and formats, and binds where that was not done yet. What is wrong is
 * logged as "configuration_refused". `previous` is the state in force, or NULL. */
MUST_CHECK enum err portal_state_load(const char *path, struct portal_sockets *sockets,
    const struct portal_state *previous, struct portal_state **state);
/* Wipes what only API and job workers may hold, in a worker that reads strangers' bytes without
 * needing it: the TLS keys and the sealing ring (webhook_ring stays). */
void portal_state_forget_keys(struct portal_state *state);
void portal_state_free(struct portal_state *state);

#endif
