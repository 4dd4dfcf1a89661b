/*
 * Encrypting to a certificate's holder: CMS EnvelopedData (RFC 5652), for one recipient.
 *
 * AES-256-CBC under a random key, which an ephemeral ECDH agreement wraps for an EC key (RFC 5753,
 * with SHA-256), RSA (PKCS #1 v1.5, what every phone's library reads) for an RSA key. Secrecy only:
 * who sent it is told by the TLS connection that it comes over. It is
 * read by `openssl cms -decrypt -inform DER`. Pure but for the crypto library.
 */
#ifndef FIRSTRING_PKI_ENVELOPE_H
#define FIRSTRING_PKI_ENVELOPE_H

#include <openssl/x509.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Appends the DER of a ContentInfo. ERR_CRYPTO: the key is of a kind that cannot be encrypted to,
 * or the library failed; nothing is appended. ERR_TOO_LONG when `out` is full. */
MUST_CHECK enum err envelope_seal(X509 *recipient, const void *bytes, size_t len, struct buf *out);

#endif
