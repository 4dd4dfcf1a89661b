/*
 * The TLS that Firstring speaks: one place that makes every SSL_CTX.
 *
 * TLS 1.2 and 1.3, ECDHE with AEAD (enum tls_floor says where it is less), groups X25519, P-256,
 * P-384; no renegotiation, compression,
 * tickets or session cache: a resumed session would carry an identity without its certificate
 * being shown (see tests/integration). Files are read here and nowhere later, so that a worker
 * that dropped its privileges needs none of them.
 */
#ifndef FIRSTRING_PKI_TLS_POLICY_H
#define FIRSTRING_PKI_TLS_POLICY_H

#include <openssl/ssl.h>

#include "common/base/err.h"

enum tls_client_auth {
	TLS_CLIENT_NONE, /* portal: bearer tokens */
	TLS_CLIENT_OPTIONAL, /* factory front: cacerts needs none; a bad one still ends the
				handshake */
	TLS_CLIENT_REQUIRED, /* redirector */
};

struct tls_key_pair {
	const char *certificate_path; /* PEM, leaf first, then intermediates */
	const char *key_path; /* PEM, not encrypted, owner-only like any credential */
};

enum tls_floor {
	TLS_FLOOR_MODERN,
	/* For phones of old: TLS 1.2 still, ECDHE still; with CBC suites as well. */
	TLS_FLOOR_COMPATIBLE,
};

struct tls_server_policy {
	/* For each set of names one RSA and one ECDSA may stand side by side; the client's SNI
	 * chooses, and one that names nobody gets the first pair's. */
	const struct tls_key_pair *pairs;
	size_t pair_count;
	enum tls_floor floor;
	enum tls_client_auth client_auth;
	const char *client_ca_path; /* PEM of issuing CAs; each is a trust anchor of its own
				     * (X509_V_FLAG_PARTIAL_CHAIN). NULL: none of its own. */
	const char *const *more_client_ca_paths; /* the same */
	size_t more_client_ca_count;
	int check_client_purpose; /* 1: clientAuth EKU by OpenSSL as well as by our own checks */
};

/* A new SSL_CTX owned by the caller (SSL_CTX_free). On failure `why` (>= 256 bytes) holds a
 * sentence with the file that is wrong and what about it. */
MUST_CHECK enum err tls_server_context(
    const struct tls_server_policy *policy, SSL_CTX **context, char *why, size_t why_len);

/* For our own clients (command line to front, tests): verifies the server against ca_path. pair
 * may be NULL. */
MUST_CHECK enum err tls_client_context(const char *ca_path, const struct tls_key_pair *pair,
    SSL_CTX **context, char *why, size_t why_len);

#endif
