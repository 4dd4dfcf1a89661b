/* OCSP by OpenSSL's types, within bounds of our own. Its input is hostile. Pure but for the key. */
#include "portal-api/ocsp/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

struct ocsp_request {
	OCSP_REQUEST *asked;
	size_t count;
	int has_nonce;
};

/* 0: none; -1: one that is too long or too short. */
static int nonce_of(OCSP_REQUEST *asked)
{
	int at = OCSP_REQUEST_get_ext_by_NID(asked, NID_id_pkix_OCSP_Nonce, -1);
	const ASN1_OCTET_STRING *value;
	int len;

	if (at < 0)
		return 0;
	/* The extension's value is an OCTET STRING in an OCTET STRING: two octets more. */
	value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(asked, at));
	len = value ? ASN1_STRING_length(value) : 0;
	return len > 2 && len <= OCSP_NONCE_MAX + 3 ? 1 : -1;
}

/* OpenSSL reads an AlgorithmIdentifier whose parameters it cannot write again: such a CertID cannot
 * be answered. */
static int can_be_answered(OCSP_REQUEST *asked, int count)
{
	OCSP_CERTID *copy;
	int good = 1;

	for (int i = 0; i < count && good; i++) {
		copy = OCSP_CERTID_dup(OCSP_onereq_get0_id(OCSP_request_onereq_get0(asked, i)));
		good = copy != NULL;
		OCSP_CERTID_free(copy);
	}
	ERR_clear_error();
	return good;
}

enum err ocsp_request_read(const void *der, size_t len, struct ocsp_request **request)
{
	const unsigned char *next = der;
	OCSP_REQUEST *asked = NULL;
	struct ocsp_request *made;
	int count, nonce;

	if (len == 0 || len > OCSP_REQUEST_MAX)
		return ERR_SYNTAX;
	asked = d2i_OCSP_REQUEST(NULL, &next, (long)len);
	ERR_clear_error();
	if (!asked)
		return ERR_SYNTAX;
	count = OCSP_request_onereq_count(asked);
	nonce = nonce_of(asked);
	if (next != (const unsigned char *)der + len || count < 1 ||
	    count > OCSP_CERTIFICATES_MAX || nonce < 0 || !can_be_answered(asked, count)) {
		OCSP_REQUEST_free(asked);
		return ERR_SYNTAX;
	}
	made = calloc(1, sizeof *made);
	CHECK(made);
	*made = (struct ocsp_request){asked, (size_t)count, nonce};
	*request = made;
	return ERR_OK;
}

void ocsp_request_free(struct ocsp_request *request)
{
	if (!request)
		return;
	OCSP_REQUEST_free(request->asked);
	free(request);
}

size_t ocsp_request_count(const struct ocsp_request *request)
{
	return request->count;
}

int ocsp_request_has_nonce(const struct ocsp_request *request)
{
	return request->has_nonce;
}

static OCSP_CERTID *id_of(const struct ocsp_request *request, size_t i)
{
	return OCSP_onereq_get0_id(OCSP_request_onereq_get0(request->asked, (int)i));
}

/* SHA-1 is what most clients still name issuers by; it protects nothing here. */
static const EVP_MD *digest_of(const ASN1_OBJECT *algorithm)
{
	switch (OBJ_obj2nid(algorithm)) {
	case NID_sha1:
		return EVP_sha1();
	case NID_sha256:
		return EVP_sha256();
	case NID_sha384:
		return EVP_sha384();
	default:
		return NULL;
	}
}

static void copy_serial(const ASN1_INTEGER *number, uint8_t serial[OCSP_SERIAL_LEN])
{
	const int len = ASN1_STRING_length(number);

	memset(serial, 0, OCSP_SERIAL_LEN);
	if (len == OCSP_SERIAL_LEN && ASN1_STRING_type(number) == V_ASN1_INTEGER)
		memcpy(serial, ASN1_STRING_get0_data(number), OCSP_SERIAL_LEN);
}

int ocsp_request_is_of(
    const struct ocsp_request *request, size_t i, X509 *issuer, uint8_t serial[OCSP_SERIAL_LEN])
{
	OCSP_CERTID *asked = id_of(request, i), *ours = NULL;
	ASN1_OBJECT *algorithm = NULL;
	ASN1_INTEGER *number = NULL;
	const EVP_MD *digest;
	int same = 0;

	if (OCSP_id_get0_info(NULL, &algorithm, NULL, &number, asked) != 1)
		return 0;
	digest = digest_of(algorithm);
	if (digest)
		ours = OCSP_cert_to_id(digest, NULL, issuer);
	if (ours)
		same = OCSP_id_issuer_cmp(ours, asked) == 0;
	OCSP_CERTID_free(ours);
	ERR_clear_error();
	if (same)
		copy_serial(number, serial);
	return same;
}

static int hex_of(char c)
{
	uint8_t value;
	const char pair[2] = {'0', c};

	return hex_decode(pair, 2, &value, 1) == ERR_OK ? value : -1;
}

enum err ocsp_path_decode(const char *text, size_t len, struct buf *der)
{
	char plain[2 * OCSP_REQUEST_MAX];
	size_t count = 0, i;
	int high, low;

	if (len > sizeof plain)
		return ERR_SYNTAX;
	for (i = 0; i < len; i++) {
		if (text[i] != '%') {
			plain[count++] = text[i];
			continue;
		}
		high = i + 2 < len ? hex_of(text[i + 1]) : -1;
		low = i + 2 < len ? hex_of(text[i + 2]) : -1;
		if (high < 0 || low < 0)
			return ERR_SYNTAX;
		plain[count++] = (char)(high << 4 | low);
		i += 2;
	}
	return base64_decode(plain, count, der);
}

static int add_status(OCSP_BASICRESP *basic, OCSP_CERTID *id, const struct ocsp_status *status,
    ASN1_TIME *this_update, ASN1_TIME *next_update)
{
	static const int verdicts[] = {[OCSP_GOOD] = V_OCSP_CERTSTATUS_GOOD,
	    [OCSP_REVOKED] = V_OCSP_CERTSTATUS_REVOKED,
	    [OCSP_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN};
	ASN1_TIME *revoked = NULL;
	/* RFC 6960 section 4.2.1 has no reason rather than "unspecified". */
	int reason = status->reason > 0 ? status->reason : OCSP_REVOKED_STATUS_NOSTATUS;
	int done;

	if (status->verdict == OCSP_REVOKED)
		revoked = ASN1_GENERALIZEDTIME_set(NULL, (time_t)status->revoked_unix_s);
	done = OCSP_basic_add1_status(basic, id, verdicts[status->verdict], reason, revoked,
		   this_update, next_update) != NULL;
	ASN1_TIME_free(revoked);
	return done;
}

static int sign(OCSP_BASICRESP *basic, const struct ocsp_signer *signer)
{
	return OCSP_basic_sign(
	    basic, signer->certificate, signer->key, EVP_sha256(), NULL, OCSP_RESPID_KEY);
}

static enum err put_response(int status, OCSP_BASICRESP *basic, struct buf *out)
{
	OCSP_RESPONSE *response = OCSP_response_create(status, basic);
	unsigned char *der = NULL;
	int len = response ? i2d_OCSP_RESPONSE(response, &der) : 0;

	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	if (len <= 0)
		return ERR_CRYPTO;
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return ERR_OK;
}

enum err ocsp_answer_write(const struct ocsp_request *request, const struct ocsp_status *statuses,
    const struct ocsp_signer *signer, int64_t now_unix_s, struct buf *out)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	ASN1_TIME *this_update = ASN1_GENERALIZEDTIME_set(NULL, (time_t)now_unix_s);
	ASN1_TIME *next_update =
	    ASN1_GENERALIZEDTIME_set(NULL, (time_t)(now_unix_s + OCSP_VALID_S));
	int good = basic && this_update && next_update;
	enum err err = ERR_CRYPTO;
	size_t i;

	for (i = 0; i < request->count && good; i++)
		good = add_status(basic, id_of(request, i), &statuses[i], this_update, next_update);
	if (good && request->has_nonce)
		good = OCSP_copy_nonce(basic, request->asked) == 1;
	if (good && sign(basic, signer) == 1)
		err = put_response(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic, out);
	ASN1_TIME_free(this_update);
	ASN1_TIME_free(next_update);
	OCSP_BASICRESP_free(basic);
	ERR_clear_error();
	return err;
}

void ocsp_failure_write(enum ocsp_failure failure, struct buf *out)
{
	CHECK(put_response((int)failure, NULL, out) == ERR_OK);
}
