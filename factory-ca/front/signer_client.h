/*
 * The front's end of the socket to the signer: requests with deadlines over one connection that
 * comes back by itself.
 *
 * Runs in each worker of the front. It moves frames and knows nothing of what they mean, but for
 * the greeting: a signer of another protocol version or another CA is not worked with. The signer
 * is trusted with keys; its frames are decoded strictly all the same.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_SIGNER_CLIENT_H
#define FIRSTRING_FACTORY_CA_FRONT_SIGNER_CLIENT_H

#include <event2/event.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/pki/digest.h"
#include "factory-ca/signer/generation.h"
#include "factory-ca/signer/protocol.h"

struct signer_client;

struct signer_client_config {
	struct event_base *base;
	const char *socket_path; /* borrowed for life */
	struct fingerprint issuing_ca; /* of the CA whose chain we publish */
	unsigned deadline_ms; /* of one request; 5,000 */
	size_t pending_max; /* requests in flight; past it ERR_FULL; 256 */
	void (*on_state)(int ready, void *ctx); /* optional */
	void *ctx;
};

struct signer_client *signer_client_new(const struct signer_client_config *config);
/* Fails what is waiting with ERR_CLOSED through its callbacks. */
void signer_client_free(struct signer_client *client);
int signer_client_is_ready(const struct signer_client *client);
/* The generation of the issuing CA, of those whose keys the signer has, that comes after that one;
 * 0: none does. The first one comes after 0. */
unsigned signer_client_next_generation(const struct signer_client *client, unsigned generation);

/*
 * A frame of the answer (err is ERR_OK), or the end of it all: ERR_UNAVAILABLE (no connection, or
 * lost: the request may have been done), ERR_TIMEOUT, ERR_FULL, ERR_CLOSED. After a frame
 * return ERR_OK: the answer is complete; ERR_MORE: another frame follows; anything else: the
 * frame is malformed, the connection is dropped, and this callback is called once more with
 * ERR_UNAVAILABLE. Never called from within signer_client_call().
 */
typedef enum err signer_answer_fn(enum err err, uint16_t type, struct cursor payload, void *ctx);

/* Sends one request; `payload` is copied. */
void signer_client_call(struct signer_client *client, enum signer_message type,
    const struct buf *payload, signer_answer_fn *on_answer, void *ctx);

#endif
