/*
 * A station's certificate, renewed over the network (EST simplereenroll). The front says which
 * certificate authenticated the station; the signer cannot see that it did. So the renewed one can
 * do no more than be a station: with a new key it loses keyAgreement, without which no phone's key
 * is encrypted to it (generate.c). Runs in the signer.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/protocol_certify.h"
#include "factory-ca/signer/public_key.h"
#include "factory-ca/signer/signer_state.h"

/* The key's SubjectPublicKeyInfo; ERR_WEAK_KEY: of no kind that a station may have. */
static enum err read_key(X509_REQ *csr, struct buf *spki)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(csr), &der);
	struct public_key key;
	const char *why;
	enum err err = ERR_WEAK_KEY;

	if (len > 0) {
		buf_put(spki, der, (size_t)len);
		err = public_key_parse(spki->bytes, spki->len, &key, &why);
		if (!err && key.type != KEY_P256 && key.type != KEY_P384)
			err = ERR_WEAK_KEY;
	}
	OPENSSL_free(der);
	return err;
}

static int has_alternative_names(X509_REQ *csr)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
	int found = X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, -1) >= 0;

	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return found;
}

/* What is wrong with the request; NULL: nothing. */
static const char *fault_of(const struct signer *signer, X509 *certificate, X509_REQ *csr,
    int64_t now_unix_s, struct buf *spki, char why[SIGNER_DETAIL_MAX])
{
	if (!certificate || !line_certificate_has_usage(certificate, signer->station_eku))
		return "the certificate that authenticated is no station's";
	if (line_certificate_verify(certificate, signer->line_access_ca, now_unix_s, "station's",
		why, SIGNER_DETAIL_MAX))
		return why;
	if (!csr || X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)) != 1)
		return "this is no PKCS #10 request that is signed by its own key";
	/* RFC 7030 section 4.2.2 */
	if (X509_NAME_cmp(X509_REQ_get_subject_name(csr), X509_get_subject_name(certificate)) != 0)
		return "the request's subject is not that of the certificate to renew";
	if (has_alternative_names(csr))
		return "a station has no subjectAltName";
	if (read_key(csr, spki))
		return "a station's key is on P-256 or P-384";
	return NULL;
}

static enum err make(const struct signer *signer, X509 *certificate, const struct buf *spki,
    int64_t now_unix_s, struct buf *out)
{
	struct access_request request = {.organisation = signer->config->organisation,
	    .spki = spki->bytes,
	    .spki_len = spki->len,
	    .not_before_unix_s = now_unix_s,
	    .not_after_unix_s = now_unix_s + signer->config->station_lifetime_ms / 1000};
	const struct buf *ca = &signer->authority.line_access;
	char name[STATEMENT_NAME_MAX + 1] = "";
	unsigned char *old = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &old);
	int same_key =
	    len > 0 && (size_t)len == spki->len && memcmp(old, spki->bytes, spki->len) == 0;

	OPENSSL_free(old);
	X509_NAME_get_text_by_NID(
	    X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
	request.name = name;
	request.may_agree_keys = same_key && (X509_get_key_usage(certificate) & KU_KEY_AGREEMENT);
	CHECK(!oid_parse(signer->station_eku, &request.usage));
	CHECK(!certificate_subject(ca->bytes, ca->len, &request.issuer, &request.issuer_len));
	return access_certificate_make(signer->authority.store, &request, out);
}

enum err signer_on_station_renew(struct peer *peer, uint32_t id, struct cursor payload)
{
	const struct signer *signer = peer->signer;
	int64_t now_unix_s = clock_unix_s();
	struct signer_renewed answer = {0};
	struct signer_renew asked;
	char why[SIGNER_DETAIL_MAX] = "";
	struct buf spki = {0}, made = {0}, frame = {0};
	X509_REQ *csr;
	X509 *certificate;
	const unsigned char *next;
	const char *fault;
	enum err err;

	if (signer_renew_decode(payload, &asked))
		return ERR_SYNTAX;
	next = asked.certificate.bytes;
	certificate = d2i_X509(NULL, &next, (long)asked.certificate.len);
	next = asked.csr.bytes;
	csr = d2i_X509_REQ(NULL, &next, (long)asked.csr.len);
	fault = fault_of(signer, certificate, csr, now_unix_s, &spki, why);
	if (!fault && (ledger_clock_behind_s(signer->issuer.ledger, now_unix_s) ||
			  make(signer, certificate, &spki, now_unix_s, &made)))
		err = signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE,
		    "no station's certificate can be signed now");
	else {
		LOG_INFO("station_renewal", log_str("outcome", fault ? "refused" : "renewed"),
		    log_str("detail", fault ? fault : ""));
		snprintf(answer.detail, sizeof(answer.detail), "%s", fault ? fault : "");
		answer.certificate = (struct signer_blob){made.bytes, made.len};
		signer_renewed_encode(&frame, &answer);
		err = signer_reply(peer, SIGNER_STATION_RENEWED, id, &frame);
	}
	X509_free(certificate);
	X509_REQ_free(csr);
	ERR_clear_error();
	buf_free(&spki);
	buf_free(&made);
	buf_free(&frame);
	return err;
}
