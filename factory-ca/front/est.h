/*
 * What EST (RFC 7030, clarified by RFC 8951) puts on the wire. Pure: bytes in, bytes out.
 *
 * Reads the bodies of stock clients, which differ in framing and line breaks; writes the certs-only
 * messages that they all read. Does not decide who may enrol and does not talk to the signer.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_EST_H
#define FIRSTRING_FACTORY_CA_FRONT_EST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "factory-ca/front/enrolment.h"

#define EST_CACERTS_TYPE "application/pkcs7-mime"
#define EST_ENROLL_TYPE "application/pkcs7-mime; smime-type=certs-only"
/* Followed by the boundary. */
#define EST_KEYGEN_TYPE "multipart/mixed; boundary="
#define EST_REASON_TYPE "text/plain; charset=utf-8"

enum { EST_BODY_MAX = 2 * ENROLMENT_CSR_MAX };

/* One certificate's DER. */
struct est_certificate {
	const uint8_t *der;
	size_t len;
};

/* 1 when a Content-Type field value names application/pkcs10, whatever its parameters and case. */
int est_is_pkcs10(const char *value, size_t len);

/*
 * Reads a simpleenroll body. The phone is who the CSR's subject says: one CN, its MAC in any usual
 * spelling, and one serialNumber. On anything wrong the enrolment becomes an error (bad_csr) with a
 * detail that tells the station what to change. PoP and key are the signer's to check.
 */
void est_read_enroll(const char *body, size_t len, struct enrolment *enrolment);

/* The same for serverkeygen: subject and, where the order has it, the kind of the CSR's key are
 * what is asked for; the CSR's key and signature do not count (RFC 7030 section 4.4.1). */
void est_read_keygen(
    const char *body, size_t len, uint32_t order_key_types, struct enrolment *enrolment);

/*
 * Appends the base64, in lines, of a certs-only message: a SignedData (RFC 5652 section 5.1) of
 * version 1 with certificates and no signer (RFC 7030 section 4.1.3).
 */
void est_write_certs_only(
    const struct est_certificate *certificates, size_t count, struct buf *out);

/* The same of every CERTIFICATE in a PEM file's text; ERR_SYNTAX when one does not read or there is
 * none. */
MUST_CHECK enum err est_write_pem_chain(const char *pem, size_t len, struct buf *out);

enum { EST_BOUNDARY_LEN = 32 };
/* Appends serverkeygen's two parts (RFC 7030 section 4.4.2): the private key, encrypted to the
 * client, then the certificate. `boundary` is random: it stands in no base64. */
void est_write_keygen(const struct est_certificate *certificate, const struct buf *encrypted_key,
    const char *boundary, struct buf *out);

#endif
