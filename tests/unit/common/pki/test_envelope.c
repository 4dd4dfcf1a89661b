/* What is encrypted to a phone opens with its key, and with no other. */
#include "common/pki/envelope.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/certificates.h"
#include "tests/lib/unit.h"

static const char TEXT[] = "admin.password = kR7vTq2mWz9x\r\n\n\xc3\xa9";
static const char *const KINDS[] = {"p256", "p384", "rsa2048", "rsa3072"};

static X509 *certificate_of(EVP_PKEY *key)
{
	struct recipe recipe = {.common_names = {"001565AABBCC"}, PHONE_EXTENSIONS, .key = key};

	return certificate_make(&recipe, NULL, key);
}

static CMS_ContentInfo *parse(const struct buf *der)
{
	const unsigned char *at = der->bytes;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der->len);

	ck_assert_ptr_nonnull(cms);
	ck_assert_ptr_eq(at, der->bytes + der->len);
	return cms;
}

/* The length of what opens, into text; -1 when nothing does. */
static int unseal(const struct buf *der, EVP_PKEY *key, X509 *certificate, char *text, int size)
{
	CMS_ContentInfo *cms = parse(der);
	BIO *out = BIO_new(BIO_s_mem());
	int len = -1;

	if (CMS_decrypt(cms, key, certificate, NULL, out, CMS_BINARY) == 1)
		len = BIO_read(out, text, size);
	ERR_clear_error();
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	return len;
}

START_TEST(opens_with_the_key_of_the_certificate)
{
	EVP_PKEY *key = key_make(KINDS[_i]), *other = key_make(KINDS[_i]);
	X509 *certificate = certificate_of(key);
	struct buf first = {0}, again = {0};
	char text[256];

	ck_assert_int_eq(envelope_seal(certificate, TEXT, sizeof(TEXT) - 1, &first), ERR_OK);
	ck_assert_int_eq(envelope_seal(certificate, TEXT, sizeof(TEXT) - 1, &again), ERR_OK);
	ck_assert_int_eq(unseal(&first, key, certificate, text, sizeof(text)), sizeof(TEXT) - 1);
	ck_assert_mem_eq(text, TEXT, sizeof(TEXT) - 1);
	ck_assert_ptr_null(memmem(first.bytes, first.len, "kR7v", 4));
	ck_assert_uint_eq(first.len, again.len);
	ck_assert_int_ne(memcmp(first.bytes, again.bytes, first.len), 0);
	int len = unseal(&first, other, certificate, text, sizeof(text));
	ck_assert(len != sizeof(TEXT) - 1 || memcmp(text, TEXT, sizeof(TEXT) - 1) != 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	buf_free(&first);
	buf_free(&again);
}
END_TEST

START_TEST(is_enveloped_data_with_aes_256_and_no_sha1)
{
	EVP_PKEY *key = key_make(KINDS[_i]);
	X509 *certificate = certificate_of(key);
	struct buf der = {0};

	ck_assert_int_eq(envelope_seal(certificate, TEXT, sizeof(TEXT) - 1, &der), ERR_OK);
	CMS_ContentInfo *cms = parse(&der);
	ck_assert_int_eq(OBJ_obj2nid(CMS_get0_type(cms)), NID_pkcs7_enveloped);
	ck_assert_int_eq(sk_CMS_RecipientInfo_num(CMS_get0_RecipientInfos(cms)), 1);
	CMS_ContentInfo_free(cms);
	/* 2.16.840.1.101.3.4.1.42 aes256-CBC; 1.3.133.16.840.63.0.2 the agreement with SHA-1 */
	ck_assert_ptr_nonnull(
	    memmem(der.bytes, der.len, "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9));
	ck_assert_ptr_null(memmem(der.bytes, der.len, "\x2b\x81\x05\x10\x86\x48\x3f\x00\x02", 9));
	X509_free(certificate);
	EVP_PKEY_free(key);
	buf_free(&der);
}
END_TEST

START_TEST(what_cannot_be_encrypted_to_gives_nothing)
{
	EVP_PKEY *key = key_make("ed25519"), *good = key_make("p256");
	struct recipe recipe = {.common_names = {"001565AABBCC"}, PHONE_EXTENSIONS, .key = key};
	X509 *certificate = certificate_make(&recipe, NULL, good), *phone = certificate_of(good);
	struct buf out = {0}, small = {.max = 64};

	ck_assert_int_eq(envelope_seal(certificate, TEXT, sizeof(TEXT) - 1, &out), ERR_CRYPTO);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	ck_assert_int_eq(envelope_seal(phone, TEXT, sizeof(TEXT) - 1, &small), ERR_TOO_LONG);
	X509_free(certificate);
	X509_free(phone);
	EVP_PKEY_free(key);
	EVP_PKEY_free(good);
	buf_free(&out);
	buf_free(&small);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("envelope");
	TCase *tests = tcase_create("all");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, opens_with_the_key_of_the_certificate, 0, COUNT(KINDS));
	tcase_add_loop_test(tests, is_enveloped_data_with_aes_256_and_no_sha1, 0, COUNT(KINDS));
	tcase_add_test(tests, what_cannot_be_encrypted_to_gives_nothing);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
