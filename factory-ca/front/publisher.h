/*
 * The front's process that publishes what the signer signs on its own account: the issuing CA's
 * CRL, within seconds of a change and once a day, and the OCSP responder's certificate. Into the
 * database for the status worker, and the CRL into published_dir for web servers where it may write
 * there.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_PUBLISHER_H
#define FIRSTRING_FACTORY_CA_FRONT_PUBLISHER_H

#include "common/net/workers.h"

/* A worker of the front; `state` is a struct front_state. */
int publisher_run(const struct worker *worker, void *state);

#endif
