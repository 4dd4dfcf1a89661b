/* EST on the wire: the bodies of stock clients, and the messages they read. */
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/key_type.h"
#include "factory-ca/front/certificate.h"
#include "factory-ca/front/est.h"
#include "tests/unit/factory-ca/front/csr_samples.h"

/* Both wire dialects, and worse: line lengths and ends of real clients. */
static const struct {
	const char *name, *between; /* put after every `columns` symbols */
	size_t columns;
} DIALECTS[] = {{"one line", "", 1000000}, {"64 columns, LF", "\n", 64},
    {"76 columns, CRLF", "\r\n", 76}, {"spaces and tabs", " \t", 10}};

START_TEST(any_white_space_is_read)
{
	struct buf der = {0}, base64 = {0}, body = {0};
	struct enrolment enrolment = {0};
	size_t i;

	sample_csr("00:15:65:aa:bb:cc", "SN-1", &der);
	base64_encode(&base64, der.bytes, der.len, 0);
	for (i = 0; i < base64.len; i++) {
		if (i > 0 && i % DIALECTS[_i].columns == 0)
			buf_put_str(&body, DIALECTS[_i].between);
		buf_put_u8(&body, base64.bytes[i]);
	}
	buf_put_str(&body, "\r\n");
	est_read_enroll((const char *)body.bytes, body.len, &enrolment);
	ck_assert_msg(
	    enrolment.status == ENROLMENT_PENDING, "%s: %s", DIALECTS[_i].name, enrolment.detail);
	ck_assert_uint_eq(mac_to_uint(&enrolment.mac), 0x001565aabbcc);
	ck_assert_str_eq(enrolment.serial_number, "SN-1");
	ck_assert_uint_eq(enrolment.csr.len, der.len);
	ck_assert_mem_eq(enrolment.csr.bytes, der.bytes, der.len);
	enrolment_free(&enrolment);
	buf_free(&der);
	buf_free(&base64);
	buf_free(&body);
}
END_TEST

static const struct {
	const char *common_name, *serial_number, *says;
} SUBJECTS[] = {
    {"001565AABBCC", NULL, "needs serialNumber"},
    {NULL, "SN-1", "no CN"},
    {"phone 7", "SN-1", "not the MAC"},
    {"001565AABBCC", "a,b", "serialNumber"},
};

START_TEST(a_subject_that_does_not_say_who_is_told)
{
	struct buf der = {0}, base64 = {0};
	struct enrolment enrolment = {0};

	sample_csr(SUBJECTS[_i].common_name, SUBJECTS[_i].serial_number, &der);
	base64_encode(&base64, der.bytes, der.len, 64);
	est_read_enroll((const char *)base64.bytes, base64.len, &enrolment);
	ck_assert_int_eq(enrolment.code, ENROLMENT_BAD_CSR);
	ck_assert_msg(strstr(enrolment.detail, SUBJECTS[_i].says) != NULL, "%s", enrolment.detail);
	enrolment_free(&enrolment);
	buf_free(&der);
	buf_free(&base64);
}
END_TEST

START_TEST(a_body_that_is_no_csr_is_told)
{
	static const char *const bodies[] = {"", "  ", "???", "AAAA", "MAMCAQA=", "AAA"};
	struct enrolment enrolment = {0};

	est_read_enroll(bodies[_i], strlen(bodies[_i]), &enrolment);
	ck_assert_int_eq(enrolment.code, ENROLMENT_BAD_CSR);
	enrolment_free(&enrolment);
}
END_TEST

/* An order that has P-256, and one that has not: the CSR's own kind of key is a wish. */
START_TEST(a_key_is_asked_for_by_subject_alone)
{
	const uint32_t orders[] = {1u << KEY_P256 | 1u << KEY_RSA2048, 1u << KEY_RSA2048};
	struct buf der = {0}, body = {0};
	struct enrolment enrolment = {0};

	sample_csr("001565AABBCC", "SN-1", &der);
	der.bytes[der.len - 1] ^= 1; /* its signature does not count */
	base64_encode(&body, der.bytes, der.len, 64);
	est_read_keygen((const char *)body.bytes, body.len, orders[_i], &enrolment);
	ck_assert_int_eq(enrolment.status, ENROLMENT_PENDING);
	ck_assert_int_eq(enrolment.server_key, 1);
	ck_assert_uint_eq(enrolment.key_type, _i ? KEY_TYPE_COUNT : KEY_P256);
	ck_assert_uint_eq(mac_to_uint(&enrolment.mac), 0x001565aabbcc);
	ck_assert_str_eq(enrolment.serial_number, "SN-1");
	enrolment_free(&enrolment);
	buf_free(&der);
	buf_free(&body);
}
END_TEST

START_TEST(a_generated_key_comes_in_two_parts)
{
	static const uint8_t message[] = "an encrypted key";
	static const char begin[] =
	    "--b0undary\r\nContent-Type: application/pkcs7-mime; "
	    "smime-type=server-generated-key\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nYW4gZW5jcnlwdGVkIGtleQ==";
	static const uint8_t certificate[] = {0x30, 0x00};
	const struct est_certificate leaf = {certificate, sizeof(certificate)};
	struct buf key = {0}, out = {0};

	buf_put(&key, message, sizeof(message) - 1);
	est_write_keygen(&leaf, &key, "b0undary", &out);
	ck_assert_int_eq(strncmp((char *)out.bytes, begin, strlen(begin)), 0);
	ck_assert_ptr_nonnull(strstr((char *)out.bytes,
	    "\r\n--b0undary\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\n"));
	ck_assert_str_eq((char *)out.bytes + out.len - 16, "\r\n--b0undary--\r\n");
	buf_free(&key);
	buf_free(&out);
}
END_TEST

START_TEST(content_types)
{
	static const struct {
		const char *value;
		int expected;
	} cases[] = {{"application/pkcs10", 1}, {"Application/PKCS10", 1},
	    {"application/pkcs10; charset=x", 1}, {"application/pkcs10x", 0}, {"text/plain", 0},
	    {"", 0}};

	ck_assert_int_eq(
	    est_is_pkcs10(cases[_i].value, strlen(cases[_i].value)), cases[_i].expected);
}
END_TEST

static X509 *make_certificate(const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	unsigned char serial[16];
	BIGNUM *number;

	memset(serial, 0x41, sizeof(serial));
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	ck_assert(key && certificate && number);
	ck_assert_int_eq(X509_set_version(certificate, 2), 1);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	sample_add_name(X509_get_subject_name(certificate), "CN", name);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
	BN_free(number);
	EVP_PKEY_free(key);
	return certificate;
}

/* What another implementation makes of it. */
static PKCS7 *read_back(const struct buf *base64)
{
	struct buf der = {0};
	const unsigned char *bytes;
	PKCS7 *message;

	ck_assert_int_eq(base64_decode((const char *)base64->bytes, base64->len, &der), ERR_OK);
	bytes = der.bytes;
	message = d2i_PKCS7(NULL, &bytes, (long)der.len);
	ck_assert_ptr_nonnull(message);
	ck_assert_ptr_eq(bytes, der.bytes + der.len);
	buf_free(&der);
	return message;
}

START_TEST(certs_only_is_read_by_openssl)
{
	X509 *certificate = make_certificate("leaf");
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	struct est_certificate leaf = {der, (size_t)len};
	struct buf out = {0};
	STACK_OF(X509) * found;
	PKCS7 *message;
	uint8_t serial[SIGNER_SERIAL_LEN];

	est_write_certs_only(&leaf, 1, &out);
	ck_assert_ptr_nonnull(strchr((char *)out.bytes, '\n'));
	ck_assert_uint_le(strcspn((char *)out.bytes, "\n"), 76);
	message = read_back(&out);
	ck_assert(PKCS7_type_is_signed(message));
	found = message->d.sign->cert;
	ck_assert_int_eq(sk_X509_num(found), 1);
	ck_assert_int_eq(X509_cmp(sk_X509_value(found, 0), certificate), 0);
	ck_assert_int_le(sk_PKCS7_SIGNER_INFO_num(message->d.sign->signer_info), 0);
	ck_assert_int_eq(certificate_serial(der, (size_t)len, serial), ERR_OK);
	ck_assert_int_eq(serial[0], 0x41);
	ck_assert_int_eq(certificate_serial(der, 20, serial), ERR_SYNTAX);
	PKCS7_free(message);
	OPENSSL_free(der);
	X509_free(certificate);
	buf_free(&out);
}
END_TEST

START_TEST(a_pem_chain_keeps_its_order)
{
	X509 *issuing = make_certificate("issuing"), *root = make_certificate("root");
	BIO *pem = BIO_new(BIO_s_mem());
	struct buf out = {0};
	char *text = NULL;
	PKCS7 *message;
	long len;

	BIO_puts(pem, "a comment\n");
	PEM_write_bio_X509(pem, issuing);
	BIO_puts(pem, "another\n");
	PEM_write_bio_X509(pem, root);
	len = BIO_get_mem_data(pem, &text);
	ck_assert_int_eq(est_write_pem_chain(text, (size_t)len, &out), ERR_OK);
	message = read_back(&out);
	ck_assert_int_eq(sk_X509_num(message->d.sign->cert), 2);
	ck_assert_int_eq(X509_cmp(sk_X509_value(message->d.sign->cert, 0), issuing), 0);
	ck_assert_int_eq(X509_cmp(sk_X509_value(message->d.sign->cert, 1), root), 0);
	PKCS7_free(message);
	buf_free(&out);
	ck_assert_int_eq(est_write_pem_chain("nothing", 7, &out), ERR_SYNTAX);
	ck_assert_int_eq(est_write_pem_chain(text, (size_t)len - 40, &out), ERR_OK);
	ck_assert_int_eq(est_write_pem_chain(text, 60, &out), ERR_SYNTAX);
	buf_free(&out);
	BIO_free(pem);
	X509_free(issuing);
	X509_free(root);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("est");
	TCase *tcase = tcase_create("wire");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(
	    tcase, any_white_space_is_read, 0, sizeof(DIALECTS) / sizeof(DIALECTS[0]));
	tcase_add_loop_test(tcase, a_subject_that_does_not_say_who_is_told, 0,
	    sizeof(SUBJECTS) / sizeof(SUBJECTS[0]));
	tcase_add_loop_test(tcase, a_body_that_is_no_csr_is_told, 0, 6);
	tcase_add_loop_test(tcase, a_key_is_asked_for_by_subject_alone, 0, 2);
	tcase_add_test(tcase, a_generated_key_comes_in_two_parts);
	tcase_add_loop_test(tcase, content_types, 0, 6);
	tcase_add_test(tcase, certs_only_is_read_by_openssl);
	tcase_add_test(tcase, a_pem_chain_keeps_its_order);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
