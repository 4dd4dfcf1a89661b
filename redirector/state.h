/*
 * What the parent reads from files and every worker of a generation shares: configuration, TLS
 * contexts, sealing keys, formats. Made before the fork, never changed after it.
 */
#ifndef FIRSTRING_REDIRECTOR_STATE_H
#define FIRSTRING_REDIRECTOR_STATE_H

#include <openssl/ssl.h>

#include "common/answer/format_set.h"
#include "common/pki/seal.h"
#include "redirector/abuse/abuse.h"
#include "redirector/config.h"
#include "redirector/issuers.h"

/* The sockets of the process: bound with the first state, shared by all generations. */
struct sockets {
	int listeners[REDIRECTOR_LISTENERS_MAX];
	int health;
	int are_bound;
};

/* A listener as it is served. */
struct listener {
	const struct listener_config *config;
	const char *public_url; /* "": none, and nothing is staged */
	SSL_CTX *tls;
	struct networks balancers;
};

struct state {
	struct redirector_config config;
	struct listener listeners[REDIRECTOR_LISTENERS_MAX]; /* as many as in the config */
	struct issuers *issuers;
	struct seal_ring *ring;
	struct format_set *formats;
	const struct sockets *sockets;
	struct abuse_policy abuse_policy;
	struct abuse_shared *abuse; /* the parent's; set by it */
};

/* Makes a state from the file; binds `sockets` if they are not. `previous` (may be NULL) is the one
 * in force: what cannot be reloaded must be as there. What is wrong is logged as
 * "configuration_refused" with file, line and column. */
MUST_CHECK enum err state_load(
    const char *path, struct sockets *sockets, const struct state *previous, struct state **state);
void state_free(struct state *state);

#endif
