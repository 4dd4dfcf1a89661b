/*
 * What the certificates of CAs, stations, operators and the OCSP responder look like, and CRLs.
 *
 * Device certificates chain issuing CA -> root. Stations and operators are under a CA of their own
 * that no device chain leads to: else an ITSP that trusts the factory's root would take a station
 * for a phone, and the front a phone for a station. Used by the ceremony; CRLs by the signer too.
 * Pure but for the key store that signs.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_CA_PROFILE_H
#define FIRSTRING_FACTORY_CA_SIGNER_CA_PROFILE_H

#include <openssl/x509.h>

#include "common/base/buf.h"
#include "factory-ca/signer/x509_write.h"

enum ca_certificate {
	CA_CERTIFICATE_ROOT, /* self-signed */
	CA_CERTIFICATE_ISSUING, /* by the root; of a generation; pathlen 0; EKU clientAuth,
				   OCSPSigning */
	CA_CERTIFICATE_LINE_ACCESS, /* self-signed; pathlen 0 */
};

struct ca_request {
	enum ca_certificate kind;
	const char *organisation, *common_name; /* of the new CA */
	enum ca_key issuing_key; /* issuing CA only; CA_KEY_ROOT (0): the first generation's */
	struct oid policy; /* issuing CA only, as are the next two */
	const char *crl_url, *issuer_url; /* of the root's CRL and certificate */
	const uint8_t *issuer; /* the root's subject: a whole Name */
	size_t issuer_len;
	int64_t not_before_unix_s;
	/* Issuing CA only: its public key when the key itself is on another machine; else NULL. */
	const uint8_t *spki;
	size_t spki_len;
};
/* Appends the certificate of the key that `kind` belongs to. All keys concerned are loaded. */
MUST_CHECK enum err ca_certificate_make(
    struct keystore *store, const struct ca_request *request, struct buf *out);
/* Appends the issuing CA's PKCS#10 request (RFC 2986): organisation, common name and key, signed
 * with it; the root's machine makes all else. */
MUST_CHECK enum err ca_csr_make(
    struct keystore *store, const struct ca_request *request, struct buf *out);
/* Whether the certificate of an issuing CA is `root`'s and, byte for byte but for serial number and
 * notBefore, what `request` with its spki describes. ERR_SYNTAX, ERR_SIGNATURE, ERR_REFUSED: it
 * differs. */
MUST_CHECK enum err ca_issuing_check(
    const struct ca_request *request, X509 *root, X509 *certificate);

/* A station's or an operator's certificate, by the line-access key. */
struct access_request {
	const char *organisation, *name; /* O, CN */
	const uint8_t *issuer; /* the line-access CA's subject: a whole Name */
	size_t issuer_len;
	const uint8_t *spki;
	size_t spki_len;
	struct oid usage; /* station or operator EKU; clientAuth stands beside it */
	int may_agree_keys; /* keyAgreement: keys of phones may be encrypted to it */
	int64_t not_before_unix_s, not_after_unix_s;
};
MUST_CHECK enum err access_certificate_make(
    struct keystore *store, const struct access_request *request, struct buf *out);

/* The OCSP responder's certificate, by the issuing key: a delegated responder (RFC 6960 section
 * 4.2.2.2) that is not looked up itself (section 4.2.2.2.1), hence short-lived. */
struct responder_request {
	const char *organisation;
	const uint8_t *issuer; /* the issuing CA's subject: a whole Name */
	size_t issuer_len;
	enum ca_key issuing_key;
	const uint8_t *spki;
	size_t spki_len;
	int64_t not_before_unix_s, not_after_unix_s;
};
MUST_CHECK enum err responder_certificate_make(
    struct keystore *store, const struct responder_request *request, struct buf *out);

/* A CRL v2 (RFC 5280 section 5) with nothing revoked but what `entries` holds. */
struct crl_entry {
	uint8_t serial[X509_SERIAL_LEN];
	int64_t revoked_unix_s;
	uint8_t reason; /* CRLReason; 0 (unspecified) is not encoded */
};
struct crl_request {
	enum ca_key key; /* CA_KEY_ROOT or an issuing CA's */
	const uint8_t *issuer; /* the CA's subject: a whole Name */
	size_t issuer_len;
	uint64_t number; /* cRLNumber: grows from one CRL to the next */
	int64_t this_update_unix_s, next_update_unix_s;
	/* An issuing CA's CRL takes those of its own generation alone. */
	const struct crl_entry *entries;
	size_t entry_count;
};
MUST_CHECK enum err crl_make(
    struct keystore *store, const struct crl_request *request, struct buf *out);

/* The subject of a certificate, a whole Name, borrowed from its DER. ERR_SYNTAX. */
MUST_CHECK enum err certificate_subject(
    const void *der, size_t len, const uint8_t **subject, size_t *subject_len);

#endif
