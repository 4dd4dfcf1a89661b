/* The words of OpenSSL that is linked, grouped. */
#include "redirector/handshake_cause.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#include "tests/lib/unit.h"

static const char *words_of(int reason)
{
	return ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
}

START_TEST(reasons_have_causes)
{
	static const struct {
		int reason;
		enum handshake_cause cause;
	} CASES[] = {
	    {SSL_R_HTTP_REQUEST, HANDSHAKE_NOT_TLS},
	    {SSL_R_NO_SHARED_CIPHER, HANDSHAKE_NOTHING_SHARED},
	    {SSL_R_UNSUPPORTED_PROTOCOL, HANDSHAKE_VERSION},
	    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, HANDSHAKE_ALERT_TRUST},
	    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, HANDSHAKE_ALERT_CERTIFICATE},
	    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, HANDSHAKE_ALERT_OTHER},
	    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, HANDSHAKE_NO_CERTIFICATE},
	    {SSL_R_CCS_RECEIVED_EARLY, HANDSHAKE_OTHER},
	};

	for (size_t i = 0; i < COUNT(CASES); i++)
		ck_assert_msg(
		    handshake_cause_of(words_of(CASES[i].reason)) == CASES[i].cause, "%zu", i);
}
END_TEST

START_TEST(errors_of_certificates_have_causes)
{
	static const struct {
		long error;
		enum handshake_cause cause;
	} CASES[] = {
	    {X509_V_ERR_CERT_HAS_EXPIRED, HANDSHAKE_NOT_VALID_NOW},
	    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, HANDSHAKE_UNKNOWN_ISSUER},
	    {X509_V_ERR_CERT_SIGNATURE_FAILURE, HANDSHAKE_BAD_SIGNATURE},
	    {X509_V_ERR_INVALID_PURPOSE, HANDSHAKE_BAD_CERTIFICATE},
	    {X509_V_ERR_OUT_OF_MEM, HANDSHAKE_OTHER},
	};

	for (size_t i = 0; i < COUNT(CASES); i++)
		ck_assert_msg(handshake_cause_of(X509_verify_cert_error_string(CASES[i].error)) ==
				  CASES[i].cause,
		    "%zu", i);
	ck_assert_int_eq(handshake_cause_of("profile"), HANDSHAKE_PROFILE);
	ck_assert_int_eq(handshake_cause_of(NULL), HANDSHAKE_OTHER);
	ck_assert_int_eq(handshake_cause_of("whatever"), HANDSHAKE_OTHER);
}
END_TEST

START_TEST(every_cause_has_a_name)
{
	for (int i = 0; i < HANDSHAKE_CAUSE_COUNT; i++)
		ck_assert_ptr_nonnull(handshake_cause_name((enum handshake_cause)i));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector/handshake_cause");
	TCase *tcase = tcase_create("handshake_cause");

	tcase_add_test(tcase, reasons_have_causes);
	tcase_add_test(tcase, errors_of_certificates_have_causes);
	tcase_add_test(tcase, every_cause_has_a_name);
	suite_add_tcase(suite, tcase);
	/* As any handshake does: it brings the words. */
	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
	return unit_run(suite);
}
