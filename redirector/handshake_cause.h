/*
 * Why a handshake failed, in words few enough to count by. Pure.
 */
#ifndef FIRSTRING_REDIRECTOR_HANDSHAKE_CAUSE_H
#define FIRSTRING_REDIRECTOR_HANDSHAKE_CAUSE_H

enum handshake_cause {
	HANDSHAKE_OTHER,
	HANDSHAKE_NOT_TLS, /* HTTP, or noise */
	HANDSHAKE_VERSION, /* older than TLS 1.2 */
	HANDSHAKE_NOTHING_SHARED, /* no suite, group or signature that both have */
	HANDSHAKE_ALERT_TRUST, /* the peer does not know who signed our certificate */
	HANDSHAKE_ALERT_CERTIFICATE, /* the peer does not like our certificate otherwise */
	HANDSHAKE_ALERT_OTHER,
	HANDSHAKE_NO_CERTIFICATE,
	HANDSHAKE_UNKNOWN_ISSUER, /* none of the pinned CAs */
	HANDSHAKE_NOT_VALID_NOW, /* expired, or not yet valid */
	HANDSHAKE_BAD_SIGNATURE, /* of the certificate, or of the handshake */
	HANDSHAKE_BAD_CERTIFICATE, /* purpose, weak key or digest, CA where none may be */
	HANDSHAKE_PROFILE, /* it verifies and is no phone's: certificates_refused_total says why */
	HANDSHAKE_CAUSE_COUNT,
};

const char *handshake_cause_name(enum handshake_cause cause);

/* From what the server tells of a refusal: OpenSSL's words for its own reason or the peer's alert,
 * X.509's for a certificate that does not verify. NULL is HANDSHAKE_OTHER. */
enum handshake_cause handshake_cause_of(const char *detail);

#endif
