/* OCSP requests as clients send them and as attackers do; answers as OpenSSL's own client reads
 * them. */
#include <check.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "portal-api/ocsp/ocsp.h"

enum { NOW = 1800000000 };

static EVP_PKEY *ca_key, *key;
static X509 *ca, *other_ca, *responder;

static X509 *make(
    const char *name, EVP_PKEY *subject_key, X509 *issuer, EVP_PKEY *issuer_key, const char *usage)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
	ASN1_TIME_set(X509_getm_notBefore(certificate), NOW - 1000);
	ASN1_TIME_set(X509_getm_notAfter(certificate), NOW + 100000000);
	X509_set_pubkey(certificate, subject_key);
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(
	    NULL, &context, issuer ? NID_ext_key_usage : NID_basic_constraints, usage);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ck_assert_int_gt(X509_sign(certificate, issuer_key, EVP_sha256()), 0);
	return certificate;
}

static void set_up(void)
{
	ca_key = EVP_EC_gen("P-256");
	key = EVP_EC_gen("P-256");
	ca = make("issuing", ca_key, NULL, ca_key, "critical,CA:TRUE");
	other_ca = make("another", key, NULL, key, "critical,CA:TRUE");
	responder = make("responder", key, ca, ca_key, "OCSPSigning");
}

static void tear_down(void)
{
	X509_free(ca);
	X509_free(other_ca);
	X509_free(responder);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
}

static const uint8_t SERIAL[OCSP_SERIAL_LEN] = {
    0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* A client's request about `count` certificates of an issuer; serials end in their number. */
static OCSP_REQUEST *ask(X509 *issuer, const EVP_MD *digest, size_t count, int nonce_len)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	ASN1_INTEGER *serial;
	uint8_t bytes[OCSP_SERIAL_LEN];
	BIGNUM *number;
	size_t i;

	memcpy(bytes, SERIAL, sizeof bytes);
	for (i = 0; i < count; i++) {
		bytes[OCSP_SERIAL_LEN - 1] = (uint8_t)(15 + i);
		number = BN_bin2bn(bytes, sizeof bytes, NULL);
		serial = BN_to_ASN1_INTEGER(number, NULL);
		ck_assert_ptr_nonnull(OCSP_request_add0_id(
		    request, OCSP_cert_id_new(digest, X509_get_subject_name(issuer),
				 X509_get0_pubkey_bitstr(issuer), serial)));
		ASN1_INTEGER_free(serial);
		BN_free(number);
	}
	if (nonce_len)
		ck_assert_int_eq(OCSP_request_add1_nonce(request, NULL, nonce_len), 1);
	return request;
}

static size_t der_of(OCSP_REQUEST *request, uint8_t **der)
{
	int len;

	*der = NULL;
	len = i2d_OCSP_REQUEST(request, der);
	ck_assert_int_gt(len, 0);
	return (size_t)len;
}

static enum err read(OCSP_REQUEST *asked, struct ocsp_request **request)
{
	uint8_t *der;
	size_t len = der_of(asked, &der);
	enum err err = ocsp_request_read(der, len, request);

	OPENSSL_free(der);
	return err;
}

START_TEST(an_answer_is_what_the_client_reads)
{
	static const struct ocsp_status statuses[] = {
	    {OCSP_GOOD, 0, 0}, {OCSP_REVOKED, NOW - 500, 1}, {OCSP_UNKNOWN, 0, 0}};
	const struct ocsp_signer signer = {responder, key};
	OCSP_REQUEST *asked = ask(ca, EVP_sha1(), 3, 16);
	ASN1_GENERALIZEDTIME *revoked, *this_update, *next_update;
	X509_STORE *store = X509_STORE_new();
	struct ocsp_request *request;
	const unsigned char *next;
	OCSP_RESPONSE *response;
	OCSP_BASICRESP *basic;
	struct buf out = {0};
	uint8_t serial[OCSP_SERIAL_LEN];
	int i, status, reason;

	ck_assert_int_eq(read(asked, &request), ERR_OK);
	ck_assert_uint_eq(ocsp_request_count(request), 3);
	ck_assert_int_eq(ocsp_request_has_nonce(request), 1);
	ck_assert_int_eq(ocsp_request_is_of(request, 0, ca, serial), 1);
	ck_assert_mem_eq(serial, SERIAL, sizeof serial);
	ck_assert_int_eq(ocsp_request_is_of(request, 0, other_ca, serial), 0);
	ck_assert_int_eq(ocsp_answer_write(request, statuses, &signer, NOW, &out), ERR_OK);
	next = out.bytes;
	response = d2i_OCSP_RESPONSE(NULL, &next, (long)out.len);
	ck_assert_int_eq(OCSP_response_status(response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
	basic = OCSP_response_get1_basic(response);
	ck_assert_int_eq(OCSP_check_nonce(asked, basic), 1);
	X509_STORE_add_cert(store, ca);
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), NOW);
	ck_assert_int_eq(OCSP_basic_verify(basic, NULL, store, 0), 1);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(OCSP_resp_find_status(basic,
				     OCSP_onereq_get0_id(OCSP_request_onereq_get0(asked, i)),
				     &status, &reason, &revoked, &this_update, &next_update),
		    1);
		ck_assert_int_eq(status, (int)statuses[i].verdict);
		ck_assert_int_eq(ASN1_TIME_cmp_time_t(this_update, NOW), 0);
		ck_assert_int_eq(ASN1_TIME_cmp_time_t(next_update, NOW + OCSP_VALID_S), 0);
		if (i == 1) {
			ck_assert_int_eq(reason, OCSP_REVOKED_STATUS_KEYCOMPROMISE);
			ck_assert_int_eq(ASN1_TIME_cmp_time_t(revoked, NOW - 500), 0);
		}
	}
	X509_STORE_free(store);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	OCSP_REQUEST_free(asked);
	ocsp_request_free(request);
	buf_free(&out);
}
END_TEST

START_TEST(issuers_are_told_by_any_usual_hash)
{
	const EVP_MD *const digests[] = {EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
	uint8_t serial[OCSP_SERIAL_LEN];
	struct ocsp_request *request;
	OCSP_REQUEST *asked;
	size_t i;

	for (i = 0; i < 4; i++) {
		asked = ask(ca, digests[i], 1, 0);
		ck_assert_int_eq(read(asked, &request), ERR_OK);
		ck_assert_int_eq(ocsp_request_has_nonce(request), 0);
		ck_assert_int_eq(ocsp_request_is_of(request, 0, ca, serial), i < 3);
		OCSP_REQUEST_free(asked);
		ocsp_request_free(request);
	}
}
END_TEST

START_TEST(what_is_past_the_bounds_is_malformed)
{
	static const struct {
		size_t count;
		int nonce_len;
		enum err err;
	} cases[] = {{1, 0, ERR_OK}, {OCSP_CERTIFICATES_MAX, 0, ERR_OK},
	    {OCSP_CERTIFICATES_MAX + 1, 0, ERR_SYNTAX}, {0, 0, ERR_SYNTAX}, {1, 1, ERR_OK},
	    {1, OCSP_NONCE_MAX, ERR_OK}, {1, OCSP_NONCE_MAX + 1, ERR_SYNTAX},
	    {1, 3000, ERR_SYNTAX}};
	struct ocsp_request *request = NULL;
	OCSP_REQUEST *asked = ask(ca, EVP_sha1(), cases[_i].count, cases[_i].nonce_len);

	ck_assert_int_eq(read(asked, &request), cases[_i].err);
	ocsp_request_free(request);
	OCSP_REQUEST_free(asked);
}
END_TEST

START_TEST(a_damaged_request_is_malformed_or_about_something_else)
{
	OCSP_REQUEST *asked = ask(ca, EVP_sha256(), 2, 16);
	struct ocsp_request *request;
	uint8_t serial[OCSP_SERIAL_LEN], *der;
	size_t len = der_of(asked, &der), i;

	for (i = 0; i < len; i++) {
		ck_assert_int_eq(ocsp_request_read(der, i, &request), ERR_SYNTAX);
		der[i] ^= 0xff;
		if (ocsp_request_read(der, len, &request) == ERR_OK) {
			ocsp_request_is_of(request, 0, ca, serial);
			ocsp_request_free(request);
		}
		der[i] ^= 0xff;
	}
	OPENSSL_free(der);
	OCSP_REQUEST_free(asked);
}
END_TEST

START_TEST(a_serial_of_another_length_is_no_ones)
{
	static const uint8_t none[OCSP_SERIAL_LEN];
	OCSP_REQUEST *asked = OCSP_REQUEST_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	uint8_t serial[OCSP_SERIAL_LEN] = {9};
	struct ocsp_request *request;

	ASN1_INTEGER_set(number, 42);
	OCSP_request_add0_id(asked, OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(ca),
					X509_get0_pubkey_bitstr(ca), number));
	ck_assert_int_eq(read(asked, &request), ERR_OK);
	ck_assert_int_eq(ocsp_request_is_of(request, 0, ca, serial), 1);
	ck_assert_mem_eq(serial, none, sizeof none);
	ocsp_request_free(request);
	ASN1_INTEGER_free(number);
	OCSP_REQUEST_free(asked);
}
END_TEST

START_TEST(paths_in_every_spelling)
{
	static const struct {
		const char *path, *bytes;
	} cases[] = {{"AP/+", "\x00\xff\xfe"}, {"AP%2F%2b", "\x00\xff\xfe"}, {"AA%3D%3D", "\x00"},
	    {"AA==", "\x00"}, {"AA%3", NULL}, {"AA%zz", NULL}, {"A", NULL}, {"%", NULL},
	    {"AA%00=", NULL}};
	struct buf der = {0};
	enum err err = ocsp_path_decode(cases[_i].path, strlen(cases[_i].path), &der);

	ck_assert_int_eq(err == ERR_OK, cases[_i].bytes != NULL);
	if (cases[_i].bytes)
		ck_assert_mem_eq(der.bytes, cases[_i].bytes, der.len);
	buf_free(&der);
}
END_TEST

START_TEST(failures_are_unsigned_words)
{
	static const enum ocsp_failure failures[] = {OCSP_FAILED_MALFORMED, OCSP_FAILED_INTERNAL,
	    OCSP_FAILED_TRY_LATER, OCSP_FAILED_UNAUTHORIZED};
	struct buf out = {0};
	const unsigned char *next;
	OCSP_RESPONSE *response;
	size_t i;

	for (i = 0; i < 4; i++) {
		buf_clear(&out);
		ocsp_failure_write(failures[i], &out);
		next = out.bytes;
		response = d2i_OCSP_RESPONSE(NULL, &next, (long)out.len);
		ck_assert_int_eq(OCSP_response_status(response), (int)failures[i]);
		OCSP_RESPONSE_free(response);
	}
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ocsp");
	TCase *tcase = tcase_create("ocsp");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_unchecked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, an_answer_is_what_the_client_reads);
	tcase_add_test(tcase, issuers_are_told_by_any_usual_hash);
	tcase_add_loop_test(tcase, what_is_past_the_bounds_is_malformed, 0, 8);
	tcase_add_test(tcase, a_damaged_request_is_malformed_or_about_something_else);
	tcase_add_test(tcase, a_serial_of_another_length_is_no_ones);
	tcase_add_loop_test(tcase, paths_in_every_spelling, 0, 9);
	tcase_add_test(tcase, failures_are_unsigned_words);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
