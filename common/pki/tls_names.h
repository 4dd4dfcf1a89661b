/*
 * Several server certificates on one listener, chosen by the name that the client asks for (SNI,
 * RFC 6066 section 3).
 */
#ifndef FIRSTRING_PKI_TLS_NAMES_H
#define FIRSTRING_PKI_TLS_NAMES_H

#include <openssl/ssl.h>

#include "common/base/err.h"

enum { TLS_NAMES_MAX = 16 };

/* The certificates of one name: up to one EC and one RSA. */
struct tls_named {
	SSL_CTX *context;
	X509 *leaves[2]; /* borrowed from the context */
	size_t leaf_count;
};

/* 1 when both certificates are made for the same names. */
int tls_names_are_same(X509 *a, X509 *b);

/* Makes the first context choose among all: a client that names none of them gets the first one's
 * certificates. The other contexts become the first one's own. */
void tls_names_install(const struct tls_named *named, size_t count);

#endif
