/*
 * One phone's request, from its head to its answer: who asks (caller.h), a lookup, a decision, a
 * rendering. The request is the Internet's; only the certificate is believed, and only after
 * device_id.h has looked at it, or credentials that the lookup knows. Runs in workers.
 */
#ifndef FIRSTRING_REDIRECTOR_HANDLER_H
#define FIRSTRING_REDIRECTOR_HANDLER_H

#include "common/net/server.h"
#include "redirector/abuse/abuse.h"
#include "redirector/events.h"
#include "redirector/grant.h"
#include "redirector/lookup.h"
#include "redirector/state.h"

/* What a handler works with. */
struct handler {
	const struct state *state;
	struct lookup *lookup;
	struct grants *grants;
	struct events *events;
	struct abuse abuse;
};

/* Where a request came in: the ctx of redirector_handler. */
struct entrance {
	const struct handler *handler;
	const struct listener *listener;
};

extern const struct server_handler redirector_handler;

#endif
