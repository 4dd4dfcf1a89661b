/*
 * Who asks: by the certificate that the handshake proved, or by user and password where the
 * listener asks for those; and what the outcome says of it. Neither is believed before
 * common/pki/device_id.h, or the lookup, has looked at it. Runs in workers.
 */
#ifndef FIRSTRING_REDIRECTOR_CALLER_H
#define FIRSTRING_REDIRECTOR_CALLER_H

#include "common/answer/decide.h"
#include "common/net/server.h"
#include "redirector/abuse/abuse.h"
#include "redirector/credentials.h"
#include "redirector/issuers.h"

struct caller {
	int by_credentials;
	struct credentials credentials; /* then */
	/* The fingerprint is what it is looked up by. By credentials that is their key, and the MAC
	 * is only what the user name says until the lookup knows better. */
	struct device_id id;
};

/* 1 when the peer's certificate is a phone's; else the reason is logged and counted, and nothing
 * may be said to it. */
int caller_from_certificate(
    const struct issuers *issuers, const struct server_peer *peer, struct device_id *id);

/* DECIDE_ANSWER: it can be looked up. */
MUST_CHECK enum decide_reason caller_from_credentials(
    const struct http1_head *head, struct caller *caller);

/* Of the certificate that was shown; NULL: none was. */
const struct fingerprint *caller_fingerprint(const struct caller *caller);

/* 0 when its source, or the certificate that it showed, is banned. */
int caller_is_admitted(
    const struct caller *caller, const struct abuse *abuse, const struct server_peer *peer);

/* Charges a failure, or remembers a phone of ours. `named` is another phone's MAC that it asked
 * for; NULL: it asked for none. */
void caller_note_outcome(const struct caller *caller, const struct abuse *abuse,
    const struct server_peer *peer, enum decide_reason reason, const struct mac *named);

#endif
