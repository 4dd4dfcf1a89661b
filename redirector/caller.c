/* Identities of phones, and their credit. See caller.h. */
#include "redirector/caller.h"

#include "common/base/log.h"
#include "common/net/metrics.h"
#include "redirector/metrics.h"

int caller_from_certificate(
    const struct issuers *issuers, const struct server_peer *peer, struct device_id *id)
{
	static struct log_gate gate;
	enum device_id_reason reason = DEVICE_ID_ISSUER;

	if (peer->certificate == NULL || peer->verify_result != X509_V_OK)
		reason = device_id_from_certificate(peer->certificate, peer->verify_result, id);
	else if (peer->issuer != NULL)
		reason = device_id_with_layout(peer->certificate, peer->verify_result,
		    issuers_layout(issuers, peer->issuer), id);
	if (reason == DEVICE_ID_OK)
		return 1;
	metrics_add(METRIC_CERTIFICATES_REFUSED, reason, 1);
	if (log_gate_open(&gate))
		LOG_WARN("certificate_refused", log_str("peer", peer->text),
		    log_str("reason", device_id_reason_name(reason)),
		    log_uint("suppressed", gate.suppressed));
	return 0;
}

enum decide_reason caller_from_credentials(const struct http1_head *head, struct caller *caller)
{
	struct span field = {"", 0};
	enum err err = http1_field(head, "Authorization", &field);

	if (err == ERR_NOT_FOUND)
		return DECIDE_NO_CREDENTIALS;
	if (err != ERR_OK || credentials_read(field, &caller->credentials) != ERR_OK)
		return DECIDE_WRONG_CREDENTIALS;
	caller->id.fingerprint = caller->credentials.key;
	caller->id.mac = caller->credentials.mac;
	return DECIDE_ANSWER;
}

const struct fingerprint *caller_fingerprint(const struct caller *caller)
{
	return caller->by_credentials ? NULL : &caller->id.fingerprint;
}

int caller_is_admitted(
    const struct caller *caller, const struct abuse *abuse, const struct server_peer *peer)
{
	const struct fingerprint *shown = caller_fingerprint(caller);

	return abuse_admits(abuse, peer) &&
	       (shown == NULL || abuse_admits_certificate(abuse, peer, shown));
}

void caller_note_outcome(const struct caller *caller, const struct abuse *abuse,
    const struct server_peer *peer, enum decide_reason reason, const struct mac *named)
{
	/* Its own MAC is what its certificate proves, and nothing that it tries. */
	int is_probe = named != NULL && !mac_equal(named, &caller->id.mac);

	switch (reason) {
	case DECIDE_METHOD: /* some phones upload by themselves */
	case DECIDE_NO_CREDENTIALS: /* many ask first and log in then */
	case DECIDE_WRONG_LISTENER: /* phones of ours, at the wrong door */
	case DECIDE_WEAK_LISTENER:
	case DECIDE_UNAVAILABLE:
		return;
	case DECIDE_WRONG_CREDENTIALS:
		abuse_note_guess(abuse, peer, &caller->credentials.user, &caller->credentials.mac);
		return;
	case DECIDE_OTHER_MAC:
	case DECIDE_NOT_LIVE:
	case DECIDE_DEAD_CERTIFICATE:
	case DECIDE_OTHER_DEVICE:
		abuse_note_failure(abuse, peer, caller_fingerprint(caller),
		    named != NULL ? named : &caller->id.mac, is_probe, decide_reason_name(reason));
		return;
	default:
		abuse_note_verified(abuse, peer, caller_fingerprint(caller), &caller->id.mac);
	}
}
