/* Lets connections in, or not. See door.h. */
#include "redirector/door.h"

#include "common/net/metrics.h"
#include "redirector/caller.h"
#include "redirector/handler.h"
#include "redirector/handshake_cause.h"
#include "redirector/metrics.h"

int door_on_connect(const struct server_peer *peer, void *ctx)
{
	const struct entrance *entrance = ctx;

	return abuse_admits(&entrance->handler->abuse, peer);
}

enum server_verdict door_on_handshake(const struct server_peer *peer, void *ctx)
{
	const struct entrance *entrance = ctx;
	const struct handler *handler = entrance->handler;
	struct device_id id;

	if (entrance->listener->config->authentication == LISTENER_PASSWORD)
		return SERVER_LET_IN;
	if (!caller_from_certificate(handler->state->issuers, peer, &id))
		return SERVER_TURN_AWAY;
	return abuse_admits_certificate(&handler->abuse, peer, &id.fingerprint) ? SERVER_LET_IN
										: SERVER_BAN;
}

/* Whether a connection that came to nothing speaks against its source. Time may run out because we
 * are slow, a reset is a phone switched off, an alert says that the phone does not like us, and who
 * is banned pays no more: none of these may shut an office out. */
static int is_failure(enum server_refusal refusal, enum handshake_cause cause)
{
	switch (refusal) {
	case SERVER_REFUSED_HANDSHAKE:
	case SERVER_REFUSED_CERTIFICATE:
		return cause != HANDSHAKE_ALERT_TRUST && cause != HANDSHAKE_ALERT_CERTIFICATE &&
		       cause != HANDSHAKE_ALERT_OTHER;
	case SERVER_REFUSED_SYNTAX:
	case SERVER_REFUSED_PROXY:
		return 1;
	default:
		return 0;
	}
}

void door_on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx)
{
	const struct entrance *entrance = ctx;
	enum handshake_cause cause = handshake_cause_of(detail);

	metrics_add(METRIC_CONNECTIONS_REFUSED, refusal, 1);
	if (refusal == SERVER_REFUSED_HANDSHAKE || refusal == SERVER_REFUSED_CERTIFICATE)
		metrics_add(METRIC_HANDSHAKES_FAILED, cause, 1);
	if (is_failure(refusal, cause))
		abuse_note_failure(
		    &entrance->handler->abuse, peer, NULL, NULL, 0, server_refusal_name(refusal));
}
