/*
 * The OpenSSL library context of TLS: OpenSSL's own default provider, of which only that is offered
 * that a handshake of ours can meet.
 *
 * For each public key that it parses, OpenSSL 3.0 asks every decoder and key manager of a context
 * whether the key is its own, and walks all algorithms that the context knows to find them: a third
 * of what a first boot costs. Of DSA, DH, Ed448, SM2, MD5 and the like none may be used here
 * anyway. What is offered is the default provider's, untouched.
 */
#ifndef FIRSTRING_PKI_TLS_LIBRARY_H
#define FIRSTRING_PKI_TLS_LIBRARY_H

#include <openssl/types.h>

/* Made at the first call and never freed; shared by all contexts of the process, also after a fork.
 */
OSSL_LIB_CTX *tls_library(void);

#endif
