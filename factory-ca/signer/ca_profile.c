/*
 * Certificates of CAs, stations and operators, and CRLs, built like those of phones: field by
 * field, by our own writer. Input is configuration and keys of ours. Runs in the ceremony's
 * commands, and for CRLs in the signer.
 */
#include "factory-ca/signer/ca_profile.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "common/pki/der.h"
#include "factory-ca/signer/generation.h"

static void put_name(struct buf *out, const char *organisation, const char *common_name)
{
	size_t mark = der_begin(out, DER_SEQUENCE);

	x509_put_rdn(out, X509_O, organisation);
	x509_put_rdn(out, X509_CN, common_name);
	der_end(out, mark);
}

static enum err put_spki(struct buf *out, struct keystore *store, enum ca_key key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(keystore_public_key(store, key), &der);

	if (len <= 0)
		return ERR_CRYPTO;
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return ERR_OK;
}

static enum err key_id_of(struct keystore *store, enum ca_key key, uint8_t key_id[X509_KEY_ID_LEN])
{
	struct buf spki = {0};
	enum err err = put_spki(&spki, store, key);

	if (!err)
		err = x509_key_id_of_spki(spki.bytes, spki.len, key_id);
	buf_free(&spki);
	return err;
}

/* Fills in a random serial, builds and signs. */
static enum err make(
    struct keystore *store, enum ca_key signer, struct x509_tbs *fields, struct buf *out)
{
	uint8_t serial[X509_SERIAL_LEN];
	struct buf tbs = {0};
	enum err err;

	x509_serial_random(serial);
	fields->serial = serial;
	fields->algorithm = ca_key_algorithm(signer);
	x509_put_tbs(&tbs, fields);
	err = x509_sign(store, signer, &tbs, out);
	fields->serial = NULL;
	buf_free(&tbs);
	return err;
}

static void put_ca_extensions(struct buf *out, const struct ca_request *request,
    const uint8_t own_id[X509_KEY_ID_LEN], const uint8_t issuer_id[X509_KEY_ID_LEN])
{
	const struct oid usages[] = {x509_eku_client_auth, x509_eku_ocsp_signing};
	int is_issuing = request->kind == CA_CERTIFICATE_ISSUING;

	x509_put_basic_constraints(out, 1, request->kind == CA_CERTIFICATE_ROOT ? -1 : 0);
	x509_put_key_usage(out, X509_USAGE_CERT_SIGN | X509_USAGE_CRL_SIGN);
	if (is_issuing)
		x509_put_extended_key_usage(out, usages, 2);
	x509_put_subject_key_id(out, own_id);
	if (is_issuing) {
		x509_put_authority_key_id(out, issuer_id);
		x509_put_policy(out, &request->policy);
		x509_put_crl_distribution_point(out, request->crl_url);
		x509_put_authority_info_access(out, request->issuer_url, "");
	}
}

/* What is signed of a CA's certificate. `issuer` is a whole Name; the serial may be NULL: make()
 * fills it in. */
struct ca_fields {
	struct buf subject, extensions;
	struct x509_tbs tbs;
};

static void fill_ca_fields(struct ca_fields *fields, const struct ca_request *request,
    const struct buf *spki, const uint8_t own_id[X509_KEY_ID_LEN],
    const uint8_t issuer_id[X509_KEY_ID_LEN])
{
	int is_issuing = request->kind == CA_CERTIFICATE_ISSUING;

	memset(fields, 0, sizeof(*fields));
	put_name(&fields->subject, request->organisation, request->common_name);
	put_ca_extensions(&fields->extensions, request, own_id, issuer_id);
	fields->tbs = (struct x509_tbs){
	    .issuer = is_issuing ? request->issuer : fields->subject.bytes,
	    .issuer_len = is_issuing ? request->issuer_len : fields->subject.len,
	    .not_before_unix_s = request->not_before_unix_s,
	    .not_after_unix_s = X509_NO_END,
	    .subject = fields->subject.bytes,
	    .subject_len = fields->subject.len,
	    .spki = spki->bytes,
	    .spki_len = spki->len,
	    .extensions = fields->extensions.bytes,
	    .extensions_len = fields->extensions.len,
	};
}

static void free_ca_fields(struct ca_fields *fields)
{
	buf_free(&fields->subject);
	buf_free(&fields->extensions);
}

enum err ca_certificate_make(
    struct keystore *store, const struct ca_request *request, struct buf *out)
{
	static const struct {
		enum ca_key own, signer;
	} keys[] = {
	    [CA_CERTIFICATE_ROOT] = {CA_KEY_ROOT, CA_KEY_ROOT},
	    [CA_CERTIFICATE_ISSUING] = {CA_KEY_ISSUING, CA_KEY_ROOT},
	    [CA_CERTIFICATE_LINE_ACCESS] = {CA_KEY_LINE_ACCESS, CA_KEY_LINE_ACCESS},
	};
	enum ca_key signer = keys[request->kind].signer, own = keys[request->kind].own;
	uint8_t own_id[X509_KEY_ID_LEN], issuer_id[X509_KEY_ID_LEN];
	struct ca_fields fields;
	struct buf spki = {0};
	enum err err = ERR_OK;

	if (request->kind == CA_CERTIFICATE_ISSUING && request->issuing_key)
		own = request->issuing_key;
	if (request->spki)
		buf_put(&spki, request->spki, request->spki_len);
	else
		err = put_spki(&spki, store, own);
	if (!err)
		err = x509_key_id_of_spki(spki.bytes, spki.len, own_id);
	if (!err)
		err = key_id_of(store, signer, issuer_id);
	if (!err) {
		fill_ca_fields(&fields, request, &spki, own_id, issuer_id);
		err = make(store, signer, &fields.tbs, out);
		free_ca_fields(&fields);
	}
	buf_free(&spki);
	return err;
}

enum err ca_csr_make(struct keystore *store, const struct ca_request *request, struct buf *out)
{
	static const uint8_t version_1[] = {0};
	struct buf information = {0};
	size_t whole = der_begin(&information, DER_SEQUENCE);
	enum ca_key key = request->issuing_key ? request->issuing_key : CA_KEY_ISSUING;
	enum err err;

	der_put_uint(&information, version_1, sizeof(version_1));
	put_name(&information, request->organisation, request->common_name);
	err = put_spki(&information, store, key);
	der_put(&information, DER_CONTEXT_CONSTRUCTED(0), "", 0); /* no attributes */
	der_end(&information, whole);
	if (!err)
		err = x509_sign(store, key, &information, out);
	buf_free(&information);
	return err;
}

/* The TBS that `request` gives with the certificate's own serial number and notBefore. */
static enum err put_expected(
    const struct ca_request *request, X509 *root, X509 *certificate, struct buf *out)
{
	const ASN1_OCTET_STRING *root_id = X509_get0_subject_key_id(root);
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	const struct buf spki = {
	    .bytes = (uint8_t *)(uintptr_t)request->spki, .len = request->spki_len};
	struct ca_request described = *request;
	uint8_t own_id[X509_KEY_ID_LEN];
	struct ca_fields fields;
	struct tm tm = {0};

	if (!root_id || ASN1_STRING_length(root_id) != X509_KEY_ID_LEN ||
	    ASN1_STRING_type(serial) != V_ASN1_INTEGER ||
	    ASN1_STRING_length(serial) != X509_SERIAL_LEN ||
	    ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &tm) != 1 ||
	    x509_key_id_of_spki(request->spki, request->spki_len, own_id))
		return ERR_SYNTAX;
	described.not_before_unix_s = (int64_t)timegm(&tm);
	fill_ca_fields(&fields, &described, &spki, own_id, ASN1_STRING_get0_data(root_id));
	fields.tbs.serial = ASN1_STRING_get0_data(serial);
	fields.tbs.algorithm = ca_key_algorithm(CA_KEY_ROOT);
	x509_put_tbs(out, &fields.tbs);
	free_ca_fields(&fields);
	return ERR_OK;
}

enum err ca_issuing_check(const struct ca_request *request, X509 *root, X509 *certificate)
{
	struct buf expected = {0};
	unsigned char *tbs = NULL;
	int len;
	enum err err = put_expected(request, root, certificate, &expected);

	if (err)
		return err;
	len = i2d_re_X509_tbs(certificate, &tbs);
	if (len <= 0 || expected.len != (size_t)len ||
	    memcmp(expected.bytes, tbs, expected.len) != 0)
		err = ERR_REFUSED;
	else if (X509_verify(certificate, X509_get0_pubkey(root)) != 1)
		err = ERR_SIGNATURE;
	OPENSSL_free(tbs);
	buf_free(&expected);
	return err;
}

enum err access_certificate_make(
    struct keystore *store, const struct access_request *request, struct buf *out)
{
	const struct oid usages[] = {x509_eku_client_auth, request->usage};
	uint8_t own_id[X509_KEY_ID_LEN], issuer_id[X509_KEY_ID_LEN];
	struct buf subject = {0}, extensions = {0};
	enum err err;

	put_name(&subject, request->organisation, request->name);
	err = x509_key_id_of_spki(request->spki, request->spki_len, own_id);
	if (!err)
		err = key_id_of(store, CA_KEY_LINE_ACCESS, issuer_id);
	if (!err) {
		struct x509_tbs fields = {
		    .issuer = request->issuer,
		    .issuer_len = request->issuer_len,
		    .not_before_unix_s = request->not_before_unix_s,
		    .not_after_unix_s = request->not_after_unix_s,
		    .subject = subject.bytes,
		    .subject_len = subject.len,
		    .spki = request->spki,
		    .spki_len = request->spki_len,
		};

		x509_put_basic_constraints(&extensions, 0, -1);
		x509_put_key_usage(
		    &extensions, X509_USAGE_DIGITAL_SIGNATURE |
				     (request->may_agree_keys ? X509_USAGE_KEY_AGREEMENT : 0));
		x509_put_extended_key_usage(&extensions, usages, 2);
		x509_put_subject_key_id(&extensions, own_id);
		x509_put_authority_key_id(&extensions, issuer_id);
		fields.extensions = extensions.bytes;
		fields.extensions_len = extensions.len;
		err = make(store, CA_KEY_LINE_ACCESS, &fields, out);
	}
	buf_free(&subject);
	buf_free(&extensions);
	return err;
}

static void put_no_check(struct buf *out)
{
	/* id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1), whose value is NULL */
	static const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05};
	struct x509_extension extension = x509_extension_begin(out, oid, sizeof(oid), 0);

	der_put(out, DER_NULL, "", 0);
	x509_extension_end(out, extension);
}

enum err responder_certificate_make(
    struct keystore *store, const struct responder_request *request, struct buf *out)
{
	uint8_t own_id[X509_KEY_ID_LEN], issuer_id[X509_KEY_ID_LEN];
	struct buf subject = {0}, extensions = {0};
	struct x509_tbs fields = {.issuer = request->issuer,
	    .issuer_len = request->issuer_len,
	    .not_before_unix_s = request->not_before_unix_s,
	    .not_after_unix_s = request->not_after_unix_s,
	    .spki = request->spki,
	    .spki_len = request->spki_len};
	enum err err;

	put_name(&subject, request->organisation, "OCSP responder");
	err = x509_key_id_of_spki(request->spki, request->spki_len, own_id);
	if (!err)
		err = key_id_of(store, request->issuing_key, issuer_id);
	if (!err) {
		x509_put_basic_constraints(&extensions, 0, -1);
		x509_put_key_usage(&extensions, X509_USAGE_DIGITAL_SIGNATURE);
		x509_put_extended_key_usage(&extensions, &x509_eku_ocsp_signing, 1);
		x509_put_subject_key_id(&extensions, own_id);
		x509_put_authority_key_id(&extensions, issuer_id);
		put_no_check(&extensions);
		fields.subject = subject.bytes;
		fields.subject_len = subject.len;
		fields.extensions = extensions.bytes;
		fields.extensions_len = extensions.len;
		err = make(store, request->issuing_key, &fields, out);
	}
	buf_free(&subject);
	buf_free(&extensions);
	return err;
}

static void put_crl_entry(struct buf *out, const struct crl_entry *entry)
{
	static const uint8_t oid_reason[] = {0x55, 0x1d, 0x15};
	size_t mark = der_begin(out, DER_SEQUENCE), list;
	struct x509_extension extension;

	der_put_uint(out, entry->serial, X509_SERIAL_LEN);
	der_put_time(out, entry->revoked_unix_s);
	if (entry->reason) {
		list = der_begin(out, DER_SEQUENCE);
		extension = x509_extension_begin(out, oid_reason, sizeof(oid_reason), 0);
		der_put(out, DER_ENUMERATED, &entry->reason, 1);
		x509_extension_end(out, extension);
		der_end(out, list);
	}
	der_end(out, mark);
}

static void put_crl_number(struct buf *out, uint64_t number)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x14};
	struct x509_extension extension = x509_extension_begin(out, oid, sizeof(oid), 0);
	uint8_t bytes[8];
	int i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	der_put_uint(out, bytes, sizeof(bytes));
	x509_extension_end(out, extension);
}

enum err crl_make(struct keystore *store, const struct crl_request *request, struct buf *out)
{
	static const uint8_t version_2[] = {1};
	uint8_t key_id[X509_KEY_ID_LEN];
	unsigned generation = generation_of_key(request->key);
	size_t whole, mark, list, i;
	struct buf tbs = {0};
	int has_entries = 0;
	enum err err = key_id_of(store, request->key, key_id);

	if (err)
		return err;
	whole = der_begin(&tbs, DER_SEQUENCE);
	der_put_uint(&tbs, version_2, sizeof(version_2));
	x509_put_signature_algorithm(&tbs, ca_key_algorithm(request->key));
	buf_put(&tbs, request->issuer, request->issuer_len);
	der_put_time(&tbs, request->this_update_unix_s);
	der_put_time(&tbs, request->next_update_unix_s);
	list = 0;
	for (i = 0; i < request->entry_count; i++) {
		if (generation_of_serial(request->entries[i].serial) != generation)
			continue;
		if (!has_entries)
			list = der_begin(&tbs, DER_SEQUENCE);
		has_entries = 1;
		put_crl_entry(&tbs, &request->entries[i]);
	}
	if (has_entries)
		der_end(&tbs, list);
	mark = der_begin(&tbs, DER_CONTEXT_CONSTRUCTED(0));
	list = der_begin(&tbs, DER_SEQUENCE);
	x509_put_authority_key_id(&tbs, key_id);
	put_crl_number(&tbs, request->number);
	der_end(&tbs, list);
	der_end(&tbs, mark);
	der_end(&tbs, whole);
	err = x509_sign(store, request->key, &tbs, out);
	buf_free(&tbs);
	return err;
}

enum err certificate_subject(
    const void *der, size_t len, const uint8_t **subject, size_t *subject_len)
{
	struct cursor in = cursor_of(der, len), fields, tbs;
	struct der_element whole = der_read(&in, DER_SEQUENCE), first, name;

	fields = der_enter(&whole);
	first = der_read(&fields, DER_SEQUENCE);
	tbs = der_enter(&first);
	der_read(&tbs, DER_CONTEXT_CONSTRUCTED(0));
	der_read(&tbs, DER_INTEGER);
	der_read(&tbs, DER_SEQUENCE); /* signature */
	der_read(&tbs, DER_SEQUENCE); /* issuer */
	der_read(&tbs, DER_SEQUENCE); /* validity */
	name = der_read(&tbs, DER_SEQUENCE);
	if (in.err || cursor_left(&in) || fields.err || tbs.err)
		return ERR_SYNTAX;
	*subject = name.whole;
	*subject_len = name.whole_len;
	return ERR_OK;
}
