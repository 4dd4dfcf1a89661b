/*
 * The last look at what is to be signed. Input was built by profile.c a moment ago from a checked
 * CSR, a signed order and the ledger; this file believes none of it. Pure; runs in the signer.
 */
#include "factory-ca/signer/profile_lint.h"

#include <string.h>

#include "common/pki/der.h"

/* What is read, and the first thing that is wrong. */
struct lint {
	const struct profile *profile;
	const struct profile_device *device;
	const char *why; /* NULL while all is well */
};

static void demand(struct lint *lint, int holds, const char *why)
{
	if (!holds && !lint->why)
		lint->why = why;
}

static int content_is(const struct der_element *element, const void *bytes, size_t len)
{
	return element->content_len == len && memcmp(element->content, bytes, len) == 0;
}

static int whole_is(const struct der_element *element, const void *bytes, size_t len)
{
	return element->whole_len == len && memcmp(element->whole, bytes, len) == 0;
}

/* Nothing failed to parse and nothing is left. */
static int is_at_end(const struct cursor *in)
{
	return !in->err && cursor_left(in) == 0;
}

static void check_version_and_serial(struct lint *lint, struct cursor *tbs)
{
	static const uint8_t version_3 = 2;
	struct der_element outer = der_read(tbs, DER_CONTEXT_CONSTRUCTED(0)), serial;
	struct cursor in = der_enter(&outer);
	struct der_element version = der_read(&in, DER_INTEGER);

	demand(lint, is_at_end(&in) && content_is(&version, &version_3, 1), "version is not v3");
	serial = der_read(tbs, DER_INTEGER);
	demand(lint,
	    !tbs->err && serial.content_len == X509_SERIAL_LEN && serial.content[0] > 0 &&
		serial.content[0] <= 0x7f &&
		memcmp(serial.content, lint->device->serial, X509_SERIAL_LEN) == 0,
	    "the serial is not the ledger's 16 octets, the first of them 0x01 to 0x7f");
}

static void check_algorithm(struct lint *lint, struct cursor *tbs)
{
	static const uint8_t sha256_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
	static const uint8_t sha384_p384[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
	int is_p384 = lint->profile->issuer_algorithm == CA_ALGORITHM_P384;
	struct der_element algorithm = der_read(tbs, DER_SEQUENCE), oid;
	struct cursor in = der_enter(&algorithm);

	oid = der_read(&in, DER_OID);
	demand(lint, is_at_end(&in) && content_is(&oid, is_p384 ? sha384_p384 : sha256_p256, 8),
	    "the signature algorithm is not that of the issuing key");
}

static void check_validity(struct lint *lint, struct cursor *tbs)
{
	static const char never[] = "99991231235959Z";
	struct der_element validity = der_read(tbs, DER_SEQUENCE), not_after;
	struct cursor in = der_enter(&validity);
	struct buf expected = {0};
	struct der_element not_before = der_read_any(&in);

	der_put_time(&expected, lint->device->not_before_unix_s);
	demand(lint, !in.err && whole_is(&not_before, expected.bytes, expected.len),
	    "notBefore is not the ledger's");
	buf_free(&expected);
	not_after = der_read(&in, DER_GENERALIZED_TIME);
	demand(lint, is_at_end(&in) && content_is(&not_after, never, sizeof(never) - 1),
	    "notAfter is not 99991231235959Z");
}

/* One RDN with one attribute of id-at-`number`. */
static void check_rdn(struct lint *lint, struct cursor *name, uint8_t number, uint8_t tag,
    const char *text, const char *why)
{
	const uint8_t oid[] = {0x55, 0x04, number};
	struct der_element set = der_read(name, DER_SET), pair, type, value;
	struct cursor in = der_enter(&set), fields;

	pair = der_read(&in, DER_SEQUENCE);
	fields = der_enter(&pair);
	type = der_read(&fields, DER_OID);
	value = der_read(&fields, tag);
	demand(lint,
	    is_at_end(&in) && is_at_end(&fields) && content_is(&type, oid, sizeof(oid)) &&
		content_is(&value, text, strlen(text)) && strcspn(text, ",/+\\=") == strlen(text),
	    why);
}

static void check_subject(struct lint *lint, struct cursor *tbs)
{
	struct der_element subject = der_read(tbs, DER_SEQUENCE);
	struct cursor in = der_enter(&subject);
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&lint->device->mac, mac);
	check_rdn(lint, &in, 10, DER_UTF8_STRING, lint->profile->organisation,
	    "the subject's O is not the organisation");
	check_rdn(lint, &in, 11, DER_UTF8_STRING, lint->device->model,
	    "the subject's OU is not the order's model");
	check_rdn(lint, &in, 5, DER_PRINTABLE_STRING, lint->device->serial_number,
	    "the subject's serialNumber is not the device's");
	check_rdn(lint, &in, 3, DER_UTF8_STRING, mac, "the subject's CN is not the MAC");
	demand(lint, is_at_end(&in), "the subject has more than O, OU, serialNumber and CN");
}

/* The next extension, which must be `oid`, and critical or not; a cursor over its value. */
static struct cursor enter_extension(struct lint *lint, struct cursor *extensions, const void *oid,
    size_t oid_len, int critical, const char *why)
{
	struct der_element extension = der_read(extensions, DER_SEQUENCE), id, flag = {0}, value;
	struct cursor in = der_enter(&extension);
	int is_critical;

	id = der_read(&in, DER_OID);
	is_critical = der_peek(&in) == DER_BOOLEAN;
	if (is_critical)
		flag = der_read(&in, DER_BOOLEAN);
	value = der_read(&in, DER_OCTET_STRING);
	demand(lint,
	    is_at_end(&in) && content_is(&id, oid, oid_len) && is_critical == critical &&
		(!is_critical || content_is(&flag, "\xff", 1)),
	    why);
	return der_enter(&value);
}

/* The same, of the arc id-ce, with the whole value known. */
static void check_value(struct lint *lint, struct cursor *extensions, uint8_t number, int critical,
    const void *value, size_t value_len, const char *why)
{
	const uint8_t oid[] = {0x55, 0x1d, number};
	struct cursor in = enter_extension(lint, extensions, oid, sizeof(oid), critical, why);

	demand(lint, cursor_left(&in) == value_len && memcmp(in.next, value, value_len) == 0, why);
}

static void check_key_ids(struct lint *lint, struct cursor *extensions)
{
	uint8_t subject[2 + X509_KEY_ID_LEN] = {DER_OCTET_STRING, X509_KEY_ID_LEN};
	uint8_t authority[4 + X509_KEY_ID_LEN] = {
	    DER_SEQUENCE, X509_KEY_ID_LEN + 2, DER_CONTEXT(0), X509_KEY_ID_LEN};

	demand(lint, !x509_key_id_of_spki(lint->device->spki, lint->device->spki_len, subject + 2),
	    "the SPKI is none");
	memcpy(authority + 4, lint->profile->issuer_key_id, X509_KEY_ID_LEN);
	check_value(lint, extensions, 14, 0, subject, sizeof(subject),
	    "subjectKeyIdentifier is not that of the phone's key");
	check_value(lint, extensions, 35, 0, authority, sizeof(authority),
	    "authorityKeyIdentifier is not the issuing CA's");
}

/* A URI [6] that must be `url`. */
static int is_url(const struct der_element *element, const char *url)
{
	return element->tag == DER_CONTEXT(6) && content_is(element, url, strlen(url));
}

static void check_policy(struct lint *lint, struct cursor *extensions)
{
	static const char why[] = "certificatePolicies is not our one policy";
	static const uint8_t oid[] = {0x55, 0x1d, 32};
	struct cursor in = enter_extension(lint, extensions, oid, sizeof(oid), 0, why), list, one;
	struct der_element policies = der_read(&in, DER_SEQUENCE), policy, id;

	list = der_enter(&policies);
	policy = der_read(&list, DER_SEQUENCE);
	one = der_enter(&policy);
	id = der_read(&one, DER_OID);
	demand(lint,
	    is_at_end(&in) && is_at_end(&list) && is_at_end(&one) &&
		content_is(&id, lint->profile->policy.bytes, lint->profile->policy.len),
	    why);
}

static void check_distribution_point(struct lint *lint, struct cursor *extensions)
{
	static const char why[] = "the CRL distribution point is not our one URL";
	static const uint8_t oid[] = {0x55, 0x1d, 31};
	struct cursor levels[5];
	static const uint8_t tags[] = {
	    DER_SEQUENCE, DER_SEQUENCE, DER_CONTEXT_CONSTRUCTED(0), DER_CONTEXT_CONSTRUCTED(0)};
	struct der_element element;
	size_t i;

	levels[0] = enter_extension(lint, extensions, oid, sizeof(oid), 0, why);
	for (i = 0; i < 4; i++) {
		element = der_read(&levels[i], tags[i]);
		levels[i + 1] = der_enter(&element);
	}
	element = der_read_any(&levels[4]);
	for (i = 0; i < 5; i++)
		demand(lint, is_at_end(&levels[i]), why);
	demand(lint, !lint->why && is_url(&element, lint->profile->crl_url), why);
}

static void check_access(
    struct lint *lint, struct cursor *list, uint8_t method, const char *url, const char *why)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, method};
	struct der_element description = der_read(list, DER_SEQUENCE), id, location;
	struct cursor in = der_enter(&description);

	id = der_read(&in, DER_OID);
	location = der_read_any(&in);
	demand(lint, is_at_end(&in) && content_is(&id, oid, sizeof(oid)) && is_url(&location, url),
	    why);
}

static void check_information_access(struct lint *lint, struct cursor *extensions)
{
	static const char why[] = "authorityInfoAccess is not our issuer URL and OCSP URL";
	static const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01};
	struct cursor in = enter_extension(lint, extensions, oid, sizeof(oid), 0, why), list;
	struct der_element sequence = der_read(&in, DER_SEQUENCE);

	list = der_enter(&sequence);
	check_access(lint, &list, 2, lint->profile->issuer_url, why);
	if (*lint->profile->ocsp_url)
		check_access(lint, &list, 1, lint->profile->ocsp_url, why);
	demand(lint, is_at_end(&in) && is_at_end(&list), why);
}

/* otherName [0] { id-on `number`, [0] value }; a cursor over what is in the value's brackets. */
static struct cursor enter_other_name(
    struct lint *lint, struct cursor *names, uint8_t number, const char *why)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, number};
	struct der_element name = der_read(names, DER_CONTEXT_CONSTRUCTED(0)), id, value;
	struct cursor in = der_enter(&name);

	id = der_read(&in, DER_OID);
	value = der_read(&in, DER_CONTEXT_CONSTRUCTED(0));
	demand(lint, is_at_end(&in) && content_is(&id, oid, sizeof(oid)), why);
	return der_enter(&value);
}

static void check_other_names(struct lint *lint, struct cursor *names)
{
	static const char hardware_why[] = "hardwareModuleName is not our type and the device's "
					   "serial number";
	static const char mac_why[] = "MACAddress is not the MAC";
	const struct profile_device *device = lint->device;
	struct cursor in = enter_other_name(lint, names, 4, hardware_why), fields;
	struct der_element sequence = der_read(&in, DER_SEQUENCE), type, text, mac;

	fields = der_enter(&sequence);
	type = der_read(&fields, DER_OID);
	text = der_read(&fields, DER_OCTET_STRING);
	demand(lint,
	    is_at_end(&in) && is_at_end(&fields) &&
		content_is(
		    &type, lint->profile->hardware_type.bytes, lint->profile->hardware_type.len) &&
		content_is(&text, device->serial_number, strlen(device->serial_number)),
	    hardware_why);
	in = enter_other_name(lint, names, 12, mac_why);
	mac = der_read(&in, DER_OCTET_STRING);
	demand(lint, is_at_end(&in) && content_is(&mac, device->mac.octets, MAC_LEN), mac_why);
}

static void check_alternative_names(struct lint *lint, struct cursor *extensions)
{
	static const char why[] = "subjectAltName is not what the profile has";
	static const uint8_t oid[] = {0x55, 0x1d, 17};
	struct cursor in = enter_extension(lint, extensions, oid, sizeof(oid), 0, why), names;
	struct der_element sequence = der_read(&in, DER_SEQUENCE), uri;
	const uint8_t *octets = lint->device->mac.octets;
	static const char hex[] = "0123456789abcdef";
	char urn[] = "urn:dev:mac:......fffe......";
	size_t i;

	names = der_enter(&sequence);
	if (lint->device->kind != CERTIFICATE_DEVICE_1_COMPAT)
		check_other_names(lint, &names);
	for (i = 0; i < MAC_LEN; i++) {
		urn[12 + 2 * i + (i >= 3 ? 4 : 0)] = hex[octets[i] >> 4];
		urn[13 + 2 * i + (i >= 3 ? 4 : 0)] = hex[octets[i] & 15];
	}
	uri = der_read_any(&names);
	demand(lint, is_at_end(&in) && is_at_end(&names) && is_url(&uri, urn), why);
}

/* digitalSignature, and where answers are encrypted to the key: keyAgreement of an EC key,
 * keyEncipherment of another. */
static void check_key_usage(struct lint *lint, struct cursor *extensions)
{
	static const uint8_t ec_public_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
	static const uint8_t signature[] = {DER_BIT_STRING, 2, 7, 0x80};
	static const uint8_t agreement[] = {DER_BIT_STRING, 2, 3, 0x88};
	static const uint8_t encipherment[] = {DER_BIT_STRING, 2, 5, 0xa0};
	struct cursor in = cursor_of(lint->device->spki, lint->device->spki_len), fields;
	struct der_element spki = der_read(&in, DER_SEQUENCE), algorithm, oid;
	const uint8_t *usage = signature;

	if (lint->device->kind == CERTIFICATE_DEVICE_1_ENCRYPT) {
		fields = der_enter(&spki);
		algorithm = der_read(&fields, DER_SEQUENCE);
		fields = der_enter(&algorithm);
		oid = der_read(&fields, DER_OID);
		usage = content_is(&oid, ec_public_key, sizeof(ec_public_key)) ? agreement
									       : encipherment;
	}
	check_value(lint, extensions, 15, 1, usage, sizeof(signature),
	    usage == signature ? "keyUsage is not digitalSignature alone, critical"
			       : "keyUsage is not what encrypting to this key needs, critical");
}

static void check_extensions(struct lint *lint, struct cursor *tbs)
{
	static const uint8_t not_a_ca[] = {DER_SEQUENCE, 0};
	static const uint8_t client_auth[] = {
	    DER_SEQUENCE, 10, DER_OID, 8, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
	struct der_element outer = der_read(tbs, DER_CONTEXT_CONSTRUCTED(3)), list;
	struct cursor in = der_enter(&outer), extensions;

	list = der_read(&in, DER_SEQUENCE);
	extensions = der_enter(&list);
	check_value(lint, &extensions, 19, 1, not_a_ca, sizeof(not_a_ca),
	    "basicConstraints does not say, critically, that this is no CA");
	check_key_usage(lint, &extensions);
	check_value(lint, &extensions, 37, 0, client_auth, sizeof(client_auth),
	    "extKeyUsage is not clientAuth alone");
	check_key_ids(lint, &extensions);
	check_policy(lint, &extensions);
	check_distribution_point(lint, &extensions);
	check_information_access(lint, &extensions);
	check_alternative_names(lint, &extensions);
	demand(lint, is_at_end(&in) && is_at_end(&extensions),
	    "there is an extension that the profile does not have");
}

enum err profile_lint(const struct profile *profile, const struct profile_device *device,
    const void *tbs, size_t tbs_len, const char **why)
{
	struct lint lint = {.profile = profile, .device = device};
	struct cursor in = cursor_of(tbs, tbs_len), fields;
	struct der_element whole = der_read(&in, DER_SEQUENCE), issuer, spki;

	demand(&lint, is_at_end(&in), "it is not one SEQUENCE");
	fields = der_enter(&whole);
	check_version_and_serial(&lint, &fields);
	check_algorithm(&lint, &fields);
	issuer = der_read(&fields, DER_SEQUENCE);
	demand(&lint, !fields.err && whole_is(&issuer, profile->issuer, profile->issuer_len),
	    "the issuer is not the issuing CA's subject");
	check_validity(&lint, &fields);
	check_subject(&lint, &fields);
	spki = der_read(&fields, DER_SEQUENCE);
	demand(&lint, !fields.err && whole_is(&spki, device->spki, device->spki_len),
	    "the public key is not that of the CSR");
	check_extensions(&lint, &fields);
	demand(&lint, is_at_end(&fields), "something follows the extensions");
	if (!lint.why)
		return ERR_OK;
	*why = lint.why;
	return ERR_REFUSED;
}
