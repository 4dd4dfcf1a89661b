/*
 * OCSP (RFC 6960, and RFC 5019 for caches): requests read, answers built and signed.
 *
 * Requests come from the Internet: bounded here before OpenSSL's decoder sees them. What the status
 * of a certificate is, is the database's word; whether a request is about a certificate of our
 * issuing CA is told here by the hashes in it. Pure but for the key that signs.
 */
#ifndef FIRSTRING_PORTAL_OCSP_H
#define FIRSTRING_PORTAL_OCSP_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
	OCSP_REQUEST_MAX = 4096, /* octets of DER; a usual one has about 100 */
	OCSP_CERTIFICATES_MAX = 8, /* asked about in one request */
	OCSP_NONCE_MAX = 128, /* RFC 9654 section 2.1 */
	OCSP_SERIAL_LEN = 16,
	OCSP_VALID_S = 60 * 60, /* from thisUpdate to nextUpdate */
};

struct ocsp_request;

/* ERR_SYNTAX: malformed, empty, or past a bound above. */
MUST_CHECK enum err ocsp_request_read(const void *der, size_t len, struct ocsp_request **request);
void ocsp_request_free(struct ocsp_request *request);
size_t ocsp_request_count(const struct ocsp_request *request);
/* 1 when the certificate asked about in that place is, by the hashes of its issuer, one of
 * `issuer`'s. Its serial is then what to look up; one of another length than ours is all zeros,
 * which no certificate has. */
int ocsp_request_is_of(
    const struct ocsp_request *request, size_t i, X509 *issuer, uint8_t serial[OCSP_SERIAL_LEN]);
/* 1 when the same answer may be given to another client, too. */
int ocsp_request_has_nonce(const struct ocsp_request *request);

/* The base64 in the path of a GET (RFC 6960 appendix A.1): percent-encoded, or as it is. */
MUST_CHECK enum err ocsp_path_decode(const char *text, size_t len, struct buf *der);

enum ocsp_verdict { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };
struct ocsp_status {
	enum ocsp_verdict verdict;
	int64_t revoked_unix_s; /* OCSP_REVOKED */
	int reason; /* OCSP_REVOKED: CRLReason */
};

struct ocsp_signer {
	X509 *certificate; /* delegated by the issuing CA */
	EVP_PKEY *key;
};
/* Appends the whole OCSPResponse: one status for each certificate of the request, in its order,
 * and the request's nonce. ERR_CRYPTO. */
MUST_CHECK enum err ocsp_answer_write(const struct ocsp_request *request,
    const struct ocsp_status *statuses, const struct ocsp_signer *signer, int64_t now_unix_s,
    struct buf *out);

/* The same for a request that gets none: no signature (RFC 6960 section 2.3). */
enum ocsp_failure {
	OCSP_FAILED_MALFORMED = 1,
	OCSP_FAILED_INTERNAL = 2,
	OCSP_FAILED_TRY_LATER = 3,
	OCSP_FAILED_UNAUTHORIZED = 6, /* no certificate of ours (RFC 5019 section 2.2.3) */
};
void ocsp_failure_write(enum ocsp_failure failure, struct buf *out);

#endif
