/* Keys for phones: made, certified, encrypted to the station, forgotten. See generate.h. */
#include "factory-ca/signer/generate.h"

#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/pki/key_type.h"

struct made_key {
	EVP_PKEY *key;
	struct buf spki;
	enum issue_outcome outcome;
	struct ledger_grant grant;
	uint8_t spki_sha256[SHA256_LEN];
	char serial_number[SIGNER_SERIAL_NUMBER_MAX + 1];
	char detail[SIGNER_DETAIL_MAX + 1];
};

static enum err fail(struct signer_failed *failed, enum signer_failure failure, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static enum err fail(
    struct signer_failed *failed, enum signer_failure failure, const char *format, ...)
{
	va_list args;

	failed->failure = failure;
	va_start(args, format);
	vsnprintf(failed->detail, sizeof(failed->detail), format, args);
	va_end(args);
	return ERR_REFUSED;
}

/* --- the recipient -------------------------------------------------------------------------- */

static int is_named(X509 *certificate, const char *name)
{
	char text[STATEMENT_NAME_MAX + 1] = "";
	int len = X509_NAME_get_text_by_NID(
	    X509_get_subject_name(certificate), NID_commonName, text, sizeof(text));

	return len > 0 && strcmp(text, name) == 0;
}

/* The station's certificate, or NULL with the request refused. */
static X509 *read_recipient(const struct generator *generator,
    const struct signer_generate *request, int64_t now_unix_s, struct signer_failed *failed)
{
	const unsigned char *next = request->station_certificate.bytes;
	X509 *certificate = d2i_X509(NULL, &next, (long)request->station_certificate.len);
	char why[SIGNER_DETAIL_MAX] = "this is no station's certificate";
	enum err err = ERR_SIGNATURE;

	if (certificate && is_named(certificate, request->station) &&
	    line_certificate_has_usage(certificate, generator->station_eku))
		err = line_certificate_verify(certificate, generator->line_access_ca, now_unix_s,
		    "station's", why, sizeof(why));
	/* RFC 5753 section 2.2; what was renewed with a new key over the network lacks it. */
	if (!err && !(X509_get_key_usage(certificate) & KU_KEY_AGREEMENT)) {
		snprintf(why, sizeof(why),
		    "keys are encrypted only to a station's key that an officer "
		    "made: have the station added again");
		err = ERR_REFUSED;
	}
	ERR_clear_error();
	if (!err)
		return certificate;
	LOG_WARN("recipient_refused", log_str("station", request->station), log_str("detail", why));
	err = fail(failed, SIGNER_FAILURE_STATION_NOT_ALLOWED, "%s", why);
	(void)err;
	X509_free(certificate);
	return NULL;
}

/* EnvelopedData with AES-256; the key agreement's KDF with SHA-256 rather than SHA-1. */
static enum err encrypt(X509 *recipient, EVP_PKEY *key, struct buf *out)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
	CMS_RecipientInfo *to = NULL;
	BIO *plain = BIO_new(BIO_s_secmem());
	unsigned char *der = NULL;
	enum err err = ERR_CRYPTO;
	int len;

	if (cms)
		to = CMS_add1_recipient_cert(cms, recipient, CMS_KEY_PARAM);
	if (info && to && plain &&
	    EVP_PKEY_CTX_set_ecdh_kdf_md(CMS_RecipientInfo_get0_pkey_ctx(to), EVP_sha256()) > 0 &&
	    i2d_PKCS8_PRIV_KEY_INFO_bio(plain, info) == 1 &&
	    CMS_final(cms, plain, NULL, CMS_BINARY) == 1) {
		len = i2d_CMS_ContentInfo(cms, &der);
		if (len > 0 && len <= SIGNER_ENCRYPTED_KEY_MAX) {
			buf_put(out, der, (size_t)len);
			err = ERR_OK;
		}
	}
	OPENSSL_free(der);
	BIO_free(plain);
	CMS_ContentInfo_free(cms);
	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	return err;
}

/* --- the keys ------------------------------------------------------------------------------- */

static void refuse(struct made_key *made, enum issue_outcome outcome, const char *detail)
{
	made->outcome = outcome;
	snprintf(made->detail, sizeof(made->detail), "%s", detail);
}

static EVP_PKEY *make_key(enum key_type type)
{
	switch (type) {
	case KEY_P256:
		return EVP_EC_gen("P-256");
	case KEY_P384:
		return EVP_EC_gen("P-384");
	case KEY_RSA2048:
		return EVP_RSA_gen(2048);
	case KEY_RSA3072:
		return EVP_RSA_gen(3072);
	case KEY_TYPE_COUNT:
		break;
	}
	return NULL;
}

static enum key_type type_of(
    const struct signer_generate_row *asked, const struct statement_order *order)
{
	unsigned type;

	if (asked->key_type < KEY_TYPE_COUNT)
		return (enum key_type)asked->key_type;
	for (type = 0; type < KEY_TYPE_COUNT; type++)
		if (order->key_types & 1U << type)
			break;
	return (enum key_type)type;
}

/* Makes the key and reserves for it; a refusal is the row's own. */
static void make_row(const struct generator *generator, const struct signer_generate *request,
    const struct signer_generate_row *asked, int64_t now_unix_s, struct made_key *made)
{
	const struct statement_order *order =
	    &ledger_find_order(generator->issuer->ledger, request->order)->order;
	enum key_type type = type_of(asked, order);
	struct ledger_claim claim = {.order = request->order,
	    .mac = asked->mac,
	    .serial_number = made->serial_number,
	    .spki_sha256 = made->spki_sha256,
	    .server_key_for = request->station};
	unsigned char *der = NULL;
	int len;

	if (!csr_serial_number_is_valid(asked->serial_number.text, asked->serial_number.len)) {
		refuse(made, ISSUE_BAD_ROW,
		    "serial_number: 1 to 64 letters, digits, spaces or '().-:?");
		return;
	}
	memcpy(made->serial_number, asked->serial_number.text, asked->serial_number.len);
	if (!(order->key_types & 1U << type)) {
		refuse(made, ISSUE_WEAK_KEY, "the order does not take keys of this type");
		return;
	}
	made->key = make_key(type);
	len = made->key ? i2d_PUBKEY(made->key, &der) : 0;
	CHECK(len > 0);
	buf_put(&made->spki, der, (size_t)len);
	OPENSSL_free(der);
	sha256(made->spki.bytes, made->spki.len, made->spki_sha256);
	made->outcome = issue_check_grant(generator->issuer, &made->grant,
	    ledger_reserve(
		generator->issuer->ledger, &claim, now_unix_s, &made->grant, made->detail),
	    made->detail);
}

static enum err put_row(const struct generator *generator, const struct signer_generate *request,
    const struct signer_generate_row *asked, X509 *recipient, const struct made_key *made,
    struct buf *out)
{
	const struct statement_order *order =
	    &ledger_find_order(generator->issuer->ledger, request->order)->order;
	struct signer_generated_row row = {.issued = {.mac = asked->mac,
					       .outcome = made->outcome,
					       .detail = {made->detail, strlen(made->detail)}}};
	struct issue_signing signing = {.answer = &row.issued};
	struct buf certificate = {0}, encrypted = {0};
	enum err err = ERR_OK;

	if (issue_outcome_is_success(made->outcome)) {
		signing.certificate = &certificate;
		signing.phone = (struct issue_phone){.kind = order->profile,
		    .model = order->model,
		    .mac = asked->mac,
		    .serial_number = made->serial_number,
		    .spki = made->spki.bytes,
		    .spki_len = made->spki.len,
		    .grant = made->grant};
		memcpy(signing.phone.spki_sha256, made->spki_sha256, SHA256_LEN);
		err = issue_sign(generator->issuer, &signing, 1);
		if (!err)
			err = encrypt(recipient, made->key, &encrypted);
		row.encrypted_key = (struct signer_blob){encrypted.bytes, encrypted.len};
	}
	if (!err)
		signer_generated_add(out, &row);
	buf_free(&certificate);
	buf_free(&encrypted);
	return err;
}

/* No key of a request that failed has left: asked for again they are no repetitions. */
static void mark_unsent(const struct generator *generator, const struct signer_generate *request,
    const struct made_key made[])
{
	size_t i;

	for (i = 0; i < request->row_count; i++)
		if (issue_outcome_is_success(made[i].outcome))
			ledger_mark_unsent(
			    generator->issuer->ledger, &request->rows[i].mac, made[i].grant.serial);
}

/* All rows, with one commit between making and certifying. */
static enum err run_rows(const struct generator *generator, const struct signer_generate *request,
    X509 *recipient, int64_t now_unix_s, struct buf *out, struct signer_failed *failed)
{
	struct made_key made[SIGNER_GENERATE_ROWS_MAX] = {0};
	enum err err;
	size_t i;

	for (i = 0; i < request->row_count; i++)
		make_row(generator, request, &request->rows[i], now_unix_s, &made[i]);
	err = ledger_commit(generator->issuer->ledger);
	signer_generated_begin(out);
	for (i = 0; i < request->row_count && !err; i++)
		err = put_row(generator, request, &request->rows[i], recipient, &made[i], out);
	for (i = 0; i < request->row_count; i++) {
		EVP_PKEY_free(made[i].key);
		buf_free(&made[i].spki);
	}
	if (!err)
		return ERR_OK;
	mark_unsent(generator, request, made);
	LOG_ERROR("generating_failed", log_str("order", request->order), log_err(err));
	return fail(failed, SIGNER_FAILURE_UNAVAILABLE,
	    "the signer's ledger or key store failed; ask again");
}

enum err generate_run(const struct generator *generator, const struct signer_generate *request,
    int64_t now_unix_s, struct buf *out, struct signer_failed *failed)
{
	const struct ledger_order *order =
	    ledger_find_order(generator->issuer->ledger, request->order);
	X509 *recipient;
	enum err err;

	if (ledger_clock_behind_s(generator->issuer->ledger, now_unix_s))
		return fail(failed, SIGNER_FAILURE_UNAVAILABLE,
		    "the signer's clock is behind its ledger; set it right");
	if (!order)
		return fail(failed, SIGNER_FAILURE_UNKNOWN_ORDER, "no operator opened an order %s",
		    request->order);
	if (!statement_allows_station(&order->order, request->station))
		return fail(failed, SIGNER_FAILURE_STATION_NOT_ALLOWED,
		    "order %s is not open to station %s", request->order, request->station);
	recipient = read_recipient(generator, request, now_unix_s, failed);
	if (!recipient)
		return ERR_REFUSED;
	/* Before keys are made and serials reserved that nothing could sign. */
	if (keystore_check(generator->issuer->store))
		err = fail(failed, SIGNER_FAILURE_UNAVAILABLE,
		    "the signer's key store is out of reach; no key was made");
	else
		err = run_rows(generator, request, recipient, now_unix_s, out, failed);
	X509_free(recipient);
	return err;
}
