/*
 * The certificate of a phone, field by field. Its input was checked by csr.c, statement.c and the
 * ledger; pure. Runs in the signer only. Order and contents of the extensions are a promise to
 * ITSPs: see the table in the unit test.
 */
#include "factory-ca/signer/profile.h"

#include <string.h>

#include "common/pki/der.h"
#include "factory-ca/signer/public_key.h"

int profile_name_is_valid(const char *text)
{
	size_t i, len = strlen(text);

	if (len == 0 || len > 64 || text[0] == ' ' || text[len - 1] == ' ')
		return 0;
	for (i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e || strchr(",/+\\=", text[i]))
			return 0;
	return 1;
}

static void put_subject(
    struct buf *out, const struct profile *profile, const struct profile_device *device)
{
	char mac[MAC_TEXT_LEN + 1];
	size_t mark = der_begin(out, DER_SEQUENCE);

	mac_format(&device->mac, mac);
	x509_put_rdn(out, X509_O, profile->organisation);
	x509_put_rdn(out, X509_OU, device->model);
	x509_put_rdn(out, X509_SERIAL_NUMBER, device->serial_number);
	x509_put_rdn(out, X509_CN, mac);
	der_end(out, mark);
}

/* otherName [0] { type-id under id-on, [0] EXPLICIT value }: begin and end around the value. */
struct other_name {
	size_t name, value;
};

static struct other_name begin_other_name(struct buf *out, uint8_t id_on)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, id_on};
	struct other_name marks;

	marks.name = der_begin(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put_oid(out, oid, sizeof(oid));
	marks.value = der_begin(out, DER_CONTEXT_CONSTRUCTED(0));
	return marks;
}

static void end_other_name(struct buf *out, struct other_name marks)
{
	der_end(out, marks.value);
	der_end(out, marks.name);
}

/* RFC 9039 section 3.1: a MAC-48 in its EUI-64 form. */
static void put_device_urn(struct buf *out, const struct mac *mac)
{
	char hex[MAC_TEXT_LEN + 1], urn[sizeof("urn:dev:mac:") + 16];

	mac_format_lower(mac, hex);
	memcpy(urn, "urn:dev:mac:", 12);
	memcpy(urn + 12, hex, 6);
	memcpy(urn + 18, "fffe", 4);
	memcpy(urn + 22, hex + 6, 6);
	der_put(out, DER_CONTEXT(6), urn, 28);
}

static void put_other_names(
    struct buf *out, const struct profile *profile, const struct profile_device *device)
{
	enum { ID_ON_HARDWARE_MODULE_NAME = 4, ID_ON_MAC_ADDRESS = 12 };
	struct other_name name;
	size_t hardware;

	name = begin_other_name(out, ID_ON_HARDWARE_MODULE_NAME);
	hardware = der_begin(out, DER_SEQUENCE);
	der_put_oid(out, profile->hardware_type.bytes, profile->hardware_type.len);
	der_put(out, DER_OCTET_STRING, device->serial_number, strlen(device->serial_number));
	der_end(out, hardware);
	end_other_name(out, name);
	name = begin_other_name(out, ID_ON_MAC_ADDRESS);
	der_put(out, DER_OCTET_STRING, device->mac.octets, MAC_LEN);
	end_other_name(out, name);
}

static void put_subject_alt_name(
    struct buf *out, const struct profile *profile, const struct profile_device *device)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x11};
	struct x509_extension marks = x509_extension_begin(out, oid, sizeof(oid), 0);
	size_t names = der_begin(out, DER_SEQUENCE);

	/* The compatibility profile is for ITSPs whose parsers stumble over otherNames. */
	if (device->kind != CERTIFICATE_DEVICE_1_COMPAT)
		put_other_names(out, profile, device);
	put_device_urn(out, &device->mac);
	der_end(out, names);
	x509_extension_end(out, marks);
}

/* What the phone's key may be used for. Answers are encrypted to an EC key by agreement (RFC 5753),
 * to an RSA key by encipherment (RFC 5652 section 6.2.1). */
static enum err key_usage(const struct profile_device *device, unsigned *usage)
{
	struct public_key key;
	const char *why;

	*usage = X509_USAGE_DIGITAL_SIGNATURE;
	if (device->kind != CERTIFICATE_DEVICE_1_ENCRYPT)
		return ERR_OK;
	enum err err = public_key_parse(device->spki, device->spki_len, &key, &why);
	if (!err)
		*usage |= key.type == KEY_P256 || key.type == KEY_P384
			      ? X509_USAGE_KEY_AGREEMENT
			      : X509_USAGE_KEY_ENCIPHERMENT;
	return err;
}

static enum err put_extensions(
    struct buf *out, const struct profile *profile, const struct profile_device *device)
{
	uint8_t key_id[X509_KEY_ID_LEN];
	unsigned usage = 0;
	enum err err = x509_key_id_of_spki(device->spki, device->spki_len, key_id);

	if (!err)
		err = key_usage(device, &usage);
	if (err)
		return err;
	x509_put_basic_constraints(out, 0, -1);
	x509_put_key_usage(out, usage);
	x509_put_extended_key_usage(out, &x509_eku_client_auth, 1);
	x509_put_subject_key_id(out, key_id);
	x509_put_authority_key_id(out, profile->issuer_key_id);
	x509_put_policy(out, &profile->policy);
	x509_put_crl_distribution_point(out, profile->crl_url);
	x509_put_authority_info_access(out, profile->issuer_url, profile->ocsp_url);
	put_subject_alt_name(out, profile, device);
	return ERR_OK;
}

enum err profile_put_tbs(
    struct buf *out, const struct profile *profile, const struct profile_device *device)
{
	struct buf subject = {0}, extensions = {0};
	enum err err;

	put_subject(&subject, profile, device);
	err = put_extensions(&extensions, profile, device);
	if (!err) {
		const struct x509_tbs tbs = {
		    .serial = device->serial,
		    .algorithm = profile->issuer_algorithm,
		    .issuer = profile->issuer,
		    .issuer_len = profile->issuer_len,
		    .not_before_unix_s = device->not_before_unix_s,
		    .not_after_unix_s = X509_NO_END,
		    .subject = subject.bytes,
		    .subject_len = subject.len,
		    .spki = device->spki,
		    .spki_len = device->spki_len,
		    .extensions = extensions.bytes,
		    .extensions_len = extensions.len,
		};

		x509_put_tbs(out, &tbs);
		err = out->err;
	}
	buf_free(&subject);
	buf_free(&extensions);
	return err;
}
