/*
 * Bans, for the people of the machine: GET /bans lists them, DELETE /bans/{source} lifts one; and
 * the gauges of what the tables hold. On the health listener, in its worker.
 */
#ifndef FIRSTRING_REDIRECTOR_ABUSE_ADMIN_H
#define FIRSTRING_REDIRECTOR_ABUSE_ADMIN_H

#include "common/net/health.h"
#include "redirector/abuse/abuse.h"

/* What the redirector adds to the health listener. `shared` lives as long as the worker. */
struct health_more abuse_admin(struct abuse_shared *shared);

#endif
