/* From a phone's verified certificate to its MAC and fingerprint. The certificate is hostile until
 * the last check. Pure. */
#include "common/pki/device_id.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { SERIAL_OCTETS_MAX = 20 };

/* Text inside a certificate. */
struct device_text {
	const char *text;
	size_t len;
};

static const char *const REASONS[DEVICE_ID_REASON_COUNT] = {
    [DEVICE_ID_OK] = "ok",
    [DEVICE_ID_NO_CERTIFICATE] = "no_certificate",
    [DEVICE_ID_NOT_VERIFIED] = "not_verified",
    [DEVICE_ID_NOT_CLIENT] = "not_client",
    [DEVICE_ID_IS_CA] = "is_ca",
    [DEVICE_ID_KEY_USAGE] = "key_usage",
    [DEVICE_ID_SERIAL] = "serial",
    [DEVICE_ID_COMMON_NAME] = "common_name",
    [DEVICE_ID_WEAK_KEY] = "weak_key",
    [DEVICE_ID_ISSUER] = "issuer",
};

const char *device_id_reason_name(enum device_id_reason reason)
{
	CHECK(reason < DEVICE_ID_REASON_COUNT);
	return REASONS[reason];
}

/* X509_get_extended_key_usage() answers UINT32_MAX when there is none: that is not a client. */
static int is_client(X509 *certificate)
{
	return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
	       (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) != 0;
}

static int is_end_entity(X509 *certificate)
{
	uint32_t flags = X509_get_extension_flags(certificate);

	return (flags & EXFLAG_BCONS) != 0 && (flags & (EXFLAG_CA | EXFLAG_INVALID)) == 0;
}

static int may_sign(X509 *certificate)
{
	return (X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) != 0 &&
	       (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0;
}

static int has_good_serial(X509 *certificate)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);

	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER) /* V_ASN1_NEG_INTEGER is negative */
		return 0;
	const unsigned char *octets = ASN1_STRING_get0_data(serial);
	int len = ASN1_STRING_length(serial);
	if (len < 1 || len > SERIAL_OCTETS_MAX || (len == SERIAL_OCTETS_MAX && octets[0] >= 0x80))
		return 0;
	for (int i = 0; i < len; i++) {
		if (octets[i] != 0)
			return 1;
	}
	return 0;
}

/* The one value of an attribute, in a string type that is what it looks like. */
static enum err only_value(X509 *certificate, int nid, struct device_text *value)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int place = X509_NAME_get_index_by_NID(subject, nid, -1);

	if (place < 0 || X509_NAME_get_index_by_NID(subject, nid, place) >= 0)
		return ERR_SYNTAX;
	const ASN1_STRING *name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place));
	if (ASN1_STRING_type(name) != V_ASN1_PRINTABLESTRING &&
	    ASN1_STRING_type(name) != V_ASN1_UTF8STRING)
		return ERR_SYNTAX;
	value->text = (const char *)ASN1_STRING_get0_data(name);
	value->len = (size_t)ASN1_STRING_length(name);
	return ERR_OK;
}

/* The MAC of the one CN, in its canonical spelling; or where the layout says. */
static enum err subject_mac(
    X509 *certificate, const struct device_id_layout *layout, struct mac *mac)
{
	struct device_text value;
	size_t prefix_len = layout != NULL ? strlen(layout->prefix) : 0;

	if (only_value(certificate, layout != NULL ? layout->nid : NID_commonName, &value) !=
	    ERR_OK)
		return ERR_SYNTAX;
	if (layout == NULL)
		return mac_parse_canonical(value.text, value.len, mac);
	if (prefix_len == 0)
		return mac_parse(value.text, value.len, mac);
	/* The last one: a model's name may hold it too. */
	for (size_t at = value.len; at >= prefix_len; at--) {
		if (memcmp(value.text + at - prefix_len, layout->prefix, prefix_len) == 0)
			return mac_parse(value.text + at, value.len - at, mac);
	}
	return ERR_SYNTAX;
}

static int has_accepted_key(X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	char group[32] = "";

	if (key == NULL)
		return 0;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) == 2048 || EVP_PKEY_get_bits(key) == 3072;
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    EVP_PKEY_get_utf8_string_param(
		key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) != 1)
		return 0;
	return strcmp(group, SN_X9_62_prime256v1) == 0 || strcmp(group, SN_secp384r1) == 0;
}

enum err fingerprint_of_certificate(X509 *certificate, struct fingerprint *fingerprint)
{
	return X509_digest(certificate, EVP_sha256(), fingerprint->bytes, NULL) == 1 ? ERR_OK
										     : ERR_CRYPTO;
}

static enum device_id_reason judge(X509 *certificate, long verify_result,
    const struct device_id_layout *layout, struct device_id *found)
{
	if (certificate == NULL)
		return DEVICE_ID_NO_CERTIFICATE;
	if (verify_result != X509_V_OK)
		return DEVICE_ID_NOT_VERIFIED;
	/* Parses and caches the extensions; fails when one is malformed. */
	if (X509_check_purpose(certificate, -1, 0) != 1)
		return DEVICE_ID_NOT_VERIFIED;
	if (!is_client(certificate))
		return DEVICE_ID_NOT_CLIENT;
	if (!is_end_entity(certificate))
		return DEVICE_ID_IS_CA;
	if (!may_sign(certificate))
		return DEVICE_ID_KEY_USAGE;
	if (!has_good_serial(certificate))
		return DEVICE_ID_SERIAL;
	if (subject_mac(certificate, layout, &found->mac) != ERR_OK)
		return DEVICE_ID_COMMON_NAME;
	if (!has_accepted_key(certificate))
		return DEVICE_ID_WEAK_KEY;
	if (fingerprint_of_certificate(certificate, &found->fingerprint) != ERR_OK)
		return DEVICE_ID_NOT_VERIFIED;
	return DEVICE_ID_OK;
}

enum device_id_reason device_id_with_layout(X509 *certificate, long verify_result,
    const struct device_id_layout *layout, struct device_id *id)
{
	struct device_id found;
	enum device_id_reason reason = judge(certificate, verify_result, layout, &found);

	/* What OpenSSL had to say would break the next connection's SSL_get_error(). */
	ERR_clear_error();
	if (reason == DEVICE_ID_OK)
		*id = found;
	return reason;
}

enum device_id_reason device_id_from_certificate(
    X509 *certificate, long verify_result, struct device_id *id)
{
	return device_id_with_layout(certificate, verify_result, NULL, id);
}
