/*
 * Certificates of CAs, stations and operators, and CRLs, built like those of phones: field by
 * field, by our own writer. Input is configuration and keys of ours. Runs in the ceremony's
 * commands, and for CRLs in the signer.
 */
#include "factory-ca/signer/ca_profile.h"

#include <openssl/x509.h>

#include "common/pki/der.h"

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
	enum ca_key own = keys[request->kind].own, signer = keys[request->kind].signer;
	uint8_t own_id[X509_KEY_ID_LEN], issuer_id[X509_KEY_ID_LEN];
	struct buf subject = {0}, spki = {0}, extensions = {0};
	enum err err;

	put_name(&subject, request->organisation, request->common_name);
	err = put_spki(&spki, store, own);
	if (!err)
		err = key_id_of(store, own, own_id);
	if (!err)
		err = key_id_of(store, signer, issuer_id);
	if (!err) {
		struct x509_tbs fields = {
		    .issuer = own == signer ? subject.bytes : request->issuer,
		    .issuer_len = own == signer ? subject.len : request->issuer_len,
		    .not_before_unix_s = request->not_before_unix_s,
		    .not_after_unix_s = X509_NO_END,
		    .subject = subject.bytes,
		    .subject_len = subject.len,
		    .spki = spki.bytes,
		    .spki_len = spki.len,
		};

		put_ca_extensions(&extensions, request, own_id, issuer_id);
		fields.extensions = extensions.bytes;
		fields.extensions_len = extensions.len;
		err = make(store, signer, &fields, out);
	}
	buf_free(&subject);
	buf_free(&spki);
	buf_free(&extensions);
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
		x509_put_key_usage(&extensions, X509_USAGE_DIGITAL_SIGNATURE);
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
		err = key_id_of(store, CA_KEY_ISSUING, issuer_id);
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
		err = make(store, CA_KEY_ISSUING, &fields, out);
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
	size_t whole, mark, list, i;
	struct buf tbs = {0};
	enum err err = key_id_of(store, request->key, key_id);

	if (err)
		return err;
	whole = der_begin(&tbs, DER_SEQUENCE);
	der_put_uint(&tbs, version_2, sizeof(version_2));
	x509_put_signature_algorithm(&tbs, ca_key_algorithm(request->key));
	buf_put(&tbs, request->issuer, request->issuer_len);
	der_put_time(&tbs, request->this_update_unix_s);
	der_put_time(&tbs, request->next_update_unix_s);
	if (request->entry_count > 0) {
		list = der_begin(&tbs, DER_SEQUENCE);
		for (i = 0; i < request->entry_count; i++)
			put_crl_entry(&tbs, &request->entries[i]);
		der_end(&tbs, list);
	}
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
