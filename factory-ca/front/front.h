/*
 * What one worker of the front holds: its loop, its database connection, its line to the signer.
 * Private to factory-ca/front.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_FRONT_H
#define FIRSTRING_FACTORY_CA_FRONT_FRONT_H

#include <event2/event.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/db/pg.h"
#include "common/pki/digest.h"
#include "factory-ca/config.h"
#include "factory-ca/front/signer_client.h"

struct batch;
struct lookups;
struct muster;

/* Read from files in the parent, at start and on reload; shared read-only by its workers. */
struct front_state {
	struct factory_config config;
	SSL_CTX *tls;
	struct buf cacerts; /* EST's answer, ready */
	struct fingerprint issuing_ca;
	ASN1_OBJECT *station_eku, *operator_eku;
};

struct front {
	struct event_base *base;
	const struct front_state *state;
	struct pg *pg;
	/* For storing certificates alone, so that nobody's lookups wait behind a commit. */
	struct pg *record;
	struct signer_client *signer;
	struct lookups *lookups; /* shared by requests that come together */
	struct muster *muster; /* of enrolments that come one by one */
	unsigned batches; /* in flight in this worker */
	unsigned batch_groups; /* groups of theirs that run */
	TAILQ_HEAD(, batch) waiting_batches; /* for a group of another to end */
};

#endif
