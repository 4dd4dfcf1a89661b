/*
 * The pieces that certificates and CRLs of RFC 5280 are made of, written as DER.
 *
 * Each function appends one piece; which pieces make a device, a CA or a CRL is told in profile.h
 * and ca_profile.h. Values are ours (configuration, signed orders, checked CSRs). Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_X509_WRITE_H
#define FIRSTRING_FACTORY_CA_SIGNER_X509_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "factory-ca/signer/keystore.h"

enum { X509_SERIAL_LEN = 16, X509_KEY_ID_LEN = 20, X509_OID_MAX = 64 };

/* notAfter of what never ends: 99991231235959Z (RFC 5280 section 4.1.2.5). */
#define X509_NO_END INT64_C(253402300799)

/* The content octets of an object identifier. */
struct oid {
	uint8_t bytes[X509_OID_MAX];
	size_t len;
};
/* From "1.3.6.1..."; ERR_SYNTAX. */
MUST_CHECK enum err oid_parse(const char *dotted, struct oid *oid);
/* The identifier with one or two more arcs below it, each < 128. */
struct oid oid_below(const struct oid *arc, uint8_t first, uint8_t second);

/* 16 octets, the first 0x40..0x7f, the others random: always positive, always of one length. */
void x509_serial_random(uint8_t serial[X509_SERIAL_LEN]);

enum x509_attribute { X509_O, X509_OU, X509_CN, X509_SERIAL_NUMBER };
/* One RDN of a Name: the name is a DER_SEQUENCE of these. */
void x509_put_rdn(struct buf *out, enum x509_attribute attribute, const char *text);

/* AlgorithmIdentifier of what keystore_sign() makes with such a key. */
void x509_put_signature_algorithm(struct buf *out, enum ca_key_algorithm algorithm);

/* Key identifier: the leftmost 160 bits of SHA-256 over the subjectPublicKey bits (RFC 7093
 * section 2, method 1). */
void x509_key_id(const void *bits, size_t len, uint8_t key_id[X509_KEY_ID_LEN]);
/* The same of a whole SubjectPublicKeyInfo; ERR_SYNTAX when it is none. */
MUST_CHECK enum err x509_key_id_of_spki(
    const void *spki, size_t len, uint8_t key_id[X509_KEY_ID_LEN]);

/* What all certificates have; the rest is in the extensions, written by the profile. */
struct x509_tbs {
	const uint8_t *serial; /* X509_SERIAL_LEN */
	enum ca_key_algorithm algorithm; /* of the issuing key */
	const uint8_t *issuer; /* a whole Name */
	size_t issuer_len;
	int64_t not_before_unix_s, not_after_unix_s;
	const uint8_t *subject; /* a whole Name */
	size_t subject_len;
	const uint8_t *spki; /* a whole SubjectPublicKeyInfo */
	size_t spki_len;
	const uint8_t *extensions; /* Extension after Extension */
	size_t extensions_len;
};
void x509_put_tbs(struct buf *out, const struct x509_tbs *tbs);

/* Bits of keyUsage, as their numbers in RFC 5280 section 4.2.1.3. */
enum x509_key_usage {
	X509_USAGE_DIGITAL_SIGNATURE = 1 << 0,
	X509_USAGE_KEY_ENCIPHERMENT = 1 << 2,
	X509_USAGE_KEY_AGREEMENT = 1 << 4,
	X509_USAGE_CERT_SIGN = 1 << 5,
	X509_USAGE_CRL_SIGN = 1 << 6,
};

/* Extensions, whole. path_len < 0: none. */
void x509_put_basic_constraints(struct buf *out, int is_ca, int path_len);
void x509_put_key_usage(struct buf *out, unsigned usage);
void x509_put_extended_key_usage(struct buf *out, const struct oid *usages, size_t count);
void x509_put_subject_key_id(struct buf *out, const uint8_t key_id[X509_KEY_ID_LEN]);
void x509_put_authority_key_id(struct buf *out, const uint8_t key_id[X509_KEY_ID_LEN]);
void x509_put_policy(struct buf *out, const struct oid *policy);
void x509_put_crl_distribution_point(struct buf *out, const char *url);
/* `ocsp_url` may be "". */
void x509_put_authority_info_access(struct buf *out, const char *issuer_url, const char *ocsp_url);
/* Phones: see profile.c. Begin, write the value, end. */
struct x509_extension {
	size_t extension, value;
};
struct x509_extension x509_extension_begin(
    struct buf *out, const uint8_t *oid, size_t oid_len, int critical);
void x509_extension_end(struct buf *out, struct x509_extension marks);

extern const struct oid x509_eku_client_auth, x509_eku_ocsp_signing;

/* Wraps what is to be signed and its signature as certificate or CRL: SEQUENCE { tbs, algorithm,
 * BIT STRING }. Signs with the key and verifies the signature with the key's public half before
 * anything is appended. ERR_CRYPTO, ERR_SIGNATURE. */
MUST_CHECK enum err x509_sign(
    struct keystore *store, enum ca_key key, const struct buf *tbs, struct buf *out);
/* The same for several, which costs less: all are verified before anything is appended to any. */
enum { X509_SIGNINGS_MAX = KEYSTORE_SIGNATURES_MAX };
struct x509_signing {
	enum ca_key key;
	const struct buf *tbs;
	struct buf *out;
};
MUST_CHECK enum err x509_sign_all(
    struct keystore *store, const struct x509_signing *signings, size_t count);

#endif
