/*
 * What a phone's certificate looks like: the IDevID profile (IEEE 802.1AR), and nothing but it.
 *
 * The signer builds the TBS itself from the signed order, the checked CSR and its ledger; no byte
 * of it is the front's choice beyond MAC, serial number and public key. Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_PROFILE_H
#define FIRSTRING_FACTORY_CA_SIGNER_PROFILE_H

#include "common/base/buf.h"
#include "common/base/mac.h"
#include "factory-ca/signer/x509_write.h"
#include "factory-ca/statement.h"

/* The same for all phones of an issuing CA. Borrowed texts. */
struct profile {
	const char *organisation;
	const uint8_t *issuer; /* the issuing CA's subject: a whole Name */
	size_t issuer_len;
	uint8_t issuer_key_id[X509_KEY_ID_LEN];
	enum ca_key_algorithm issuer_algorithm;
	struct oid policy;
	struct oid hardware_type; /* hwType of hardwareModuleName (RFC 4108 section 5) */
	const char *crl_url, *issuer_url, *ocsp_url;
};

/* One phone. Borrowed. */
struct profile_device {
	enum certificate_profile kind;
	const char *model;
	const char *serial_number; /* passed csr_serial_number_is_valid() */
	struct mac mac;
	const uint8_t *spki;
	size_t spki_len;
	uint8_t serial[X509_SERIAL_LEN];
	int64_t not_before_unix_s;
};

/* 1 when the text can be O or OU: 1 to 64 printable ASCII characters without comma, slash, plus,
 * backslash or equals sign (ITSPs parse the one-line subject with regular expressions). */
int profile_name_is_valid(const char *text);

/* Appends the TBSCertificate. The same input gives the same bytes. ERR_SYNTAX: the SPKI is none. */
MUST_CHECK enum err profile_put_tbs(
    struct buf *out, const struct profile *profile, const struct profile_device *device);

#endif
