/*
 * Who is this phone? From a verified certificate to a MAC and a fingerprint.
 *
 * OpenSSL's chain verification is not enough (see device_id_from_certificate), so the profile is
 * checked here. The certificate comes from the Internet. Pure: no I/O, no clock; chain, signature
 * and validity were checked in the handshake by the policy of tls_policy.h.
 */
#ifndef FIRSTRING_PKI_DEVICE_ID_H
#define FIRSTRING_PKI_DEVICE_ID_H

#include <openssl/x509.h>

#include "common/base/err.h"
#include "common/base/mac.h"
#include "common/pki/digest.h"

enum device_id_reason {
	DEVICE_ID_OK,
	DEVICE_ID_NO_CERTIFICATE,
	DEVICE_ID_NOT_VERIFIED, /* verify result is not X509_V_OK */
	DEVICE_ID_NOT_CLIENT, /* no extKeyUsage, or one without clientAuth */
	DEVICE_ID_IS_CA, /* basicConstraints absent or CA true */
	DEVICE_ID_KEY_USAGE, /* keyUsage absent or without digitalSignature */
	DEVICE_ID_SERIAL, /* not positive, or over 20 octets (RFC 5280 section 4.1.2.2) */
	DEVICE_ID_COMMON_NAME, /* not exactly one CN, or not 12 upper-case hex digits; or not what
				  the layout says */
	DEVICE_ID_WEAK_KEY, /* not one of enum key_type */
	DEVICE_ID_ISSUER, /* not signed by a pinned CA itself (the caller's check) */
	DEVICE_ID_REASON_COUNT,
};

/* Where the MAC stands in the subject of another maker's certificates. */
struct device_id_layout {
	int nid; /* of the attribute, of which there must be exactly one: NID_commonName, ... */
	/* What stands before the MAC, such as "SEP" of "CP-8841-SEP001122334455"; "": nothing. The
	 * MAC is the rest, in any usual spelling. */
	const char *prefix;
};

struct device_id {
	struct mac mac;
	struct fingerprint fingerprint;
};

/*
 * `certificate` may be NULL; `verify_result` is SSL_get_verify_result(). Checks, in the order of
 * the reasons above, what SSL_VERIFY_PEER leaves open: OpenSSL 3.0 accepts a client certificate
 * with no EKU at all, and zero or over-long serial numbers. On anything but DEVICE_ID_OK `id` is
 * untouched and the peer must get no answer.
 */
MUST_CHECK enum device_id_reason device_id_from_certificate(
    X509 *certificate, long verify_result, struct device_id *id);

/* The same for a certificate of another layout; NULL is our own. */
MUST_CHECK enum device_id_reason device_id_with_layout(X509 *certificate, long verify_result,
    const struct device_id_layout *layout, struct device_id *id);

/* A stable snake_case name for logs and counters, such as "not_client". */
const char *device_id_reason_name(enum device_id_reason reason);

/* SHA-256 over the certificate's DER. */
MUST_CHECK enum err fingerprint_of_certificate(X509 *certificate, struct fingerprint *fingerprint);

#endif
