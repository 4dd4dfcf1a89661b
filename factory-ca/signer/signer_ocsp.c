/*
 * The OCSP responder's certificate. For which key is told by a file of the signer's own
 * configuration, read at start, and not by whoever asks: else a front that was taken over could
 * call any revoked phone good. Runs in the signer.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/protocol_certify.h"
#include "factory-ca/signer/signer_state.h"

enum { DAY_S = 24 * 60 * 60, LIFETIME_S = 30 * DAY_S, RENEW_BEFORE_S = 15 * DAY_S };

enum err signer_read_responder_key(struct signer *signer, char why[LEDGER_WHY_LEN])
{
	const char *path = signer->config->ocsp_public_key;
	EVP_PKEY *key = NULL;
	unsigned char *der = NULL;
	FILE *file;
	int len;

	if (!*path)
		return ERR_OK;
	file = fopen(path, "re");
	if (file) {
		key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
		fclose(file);
	}
	len = key ? i2d_PUBKEY(key, &der) : 0;
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (len <= 0) {
		snprintf(why, LEDGER_WHY_LEN, "pki.ocsp_public_key: %s %s", path,
		    file ? "is no public key in PEM (openssl pkey -pubout)" : "cannot be read");
		return file ? ERR_SYNTAX : ERR_IO;
	}
	buf_put(&signer->responder_spki, der, (size_t)len);
	OPENSSL_free(der);
	return ERR_OK;
}

static int is_of_our_key(const struct signer *signer, unsigned generation, X509 *certificate)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	int same = len > 0 && (size_t)len == signer->responder_spki.len &&
		   memcmp(der, signer->responder_spki.bytes, (size_t)len) == 0;

	OPENSSL_free(der);
	return same && X509_verify(certificate, keystore_public_key(signer->authority.store,
						    generation_key(generation))) == 1;
}

/* Whether the published one need not be replaced yet. */
static int will_do(const struct signer *signer, unsigned generation,
    const struct signer_blob *known, int64_t now_unix_s)
{
	const unsigned char *next = known->bytes;
	X509 *certificate = known->len ? d2i_X509(NULL, &next, (long)known->len) : NULL;
	time_t until = (time_t)(now_unix_s + RENEW_BEFORE_S);
	int good;

	if (!certificate)
		return 0;
	good = is_of_our_key(signer, generation, certificate) &&
	       X509_cmp_time(X509_get0_notAfter(certificate), &until) > 0;
	X509_free(certificate);
	ERR_clear_error();
	return good;
}

static enum err make(
    struct signer *signer, unsigned generation, int64_t now_unix_s, struct buf *certificate)
{
	const struct profile *profile = &signer->issuer.profiles[generation - 1];
	const struct responder_request request = {.organisation = signer->config->organisation,
	    .issuer = profile->issuer,
	    .issuer_len = profile->issuer_len,
	    .issuing_key = generation_key(generation),
	    .spki = signer->responder_spki.bytes,
	    .spki_len = signer->responder_spki.len,
	    .not_before_unix_s = now_unix_s,
	    .not_after_unix_s = now_unix_s + LIFETIME_S};

	if (ledger_clock_behind_s(signer->issuer.ledger, now_unix_s))
		return ERR_UNAVAILABLE;
	return responder_certificate_make(signer->authority.store, &request, certificate);
}

enum err signer_on_ocsp_certificate(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	int64_t now_unix_s = clock_unix_s();
	struct signer_blob known, answer = {0};
	struct buf made = {0}, frame = {0};
	uint8_t generation = 0;
	enum err err;

	if (signer_ocsp_certificate_decode(payload, &generation, &known) ||
	    !signer_has(signer, generation))
		return ERR_SYNTAX;
	if (!signer->responder_spki.len)
		return signer_reply_failed(
		    peer, id, SIGNER_FAILURE_UNAVAILABLE, "the signer has no pki.ocsp_public_key");
	if (!will_do(signer, generation, &known, now_unix_s)) {
		if (make(signer, generation, now_unix_s, &made)) {
			buf_free(&made);
			return signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE,
			    "no responder certificate can be signed now");
		}
		LOG_INFO("responder_certified", log_int("lifetime_s", LIFETIME_S),
		    log_uint("generation", generation));
		answer = (struct signer_blob){made.bytes, made.len};
	}
	signer_ocsp_certificate_encode(&frame, generation, &answer);
	err = signer_reply(peer, SIGNER_OCSP_CERTIFICATE_IS, id, &frame);
	buf_free(&made);
	buf_free(&frame);
	return err;
}
