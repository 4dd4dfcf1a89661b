/* The last look before signing: what profile.c builds passes, and nothing else does. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/pki/der.h"
#include "factory-ca/signer/profile_lint.h"
#include "tests/lib/test_factory.h"

static struct profile profile;
static struct profile_device device;
static struct buf issuer, spki, tbs;
static EVP_PKEY *phone;
static const char *why;

static void set_up(void)
{
	size_t mark = der_begin(&issuer, DER_SEQUENCE);

	x509_put_rdn(&issuer, X509_O, "Example");
	x509_put_rdn(&issuer, X509_CN, "Device Issuing CA 1");
	der_end(&issuer, mark);
	profile = (struct profile){.organisation = "Example",
	    .issuer = issuer.bytes,
	    .issuer_len = issuer.len,
	    .issuer_key_id = {9, 8, 7},
	    .issuer_algorithm = CA_ALGORITHM_P256,
	    .crl_url = "http://pki.example/crl/issuing-0.crl",
	    .issuer_url = "http://pki.example/ca/issuing.cer",
	    .ocsp_url = "http://pki.example/ocsp"};
	ck_assert_int_eq(oid_parse(TEST_ARC ".1.1", &profile.policy), ERR_OK);
	ck_assert_int_eq(oid_parse(TEST_ARC ".3.1", &profile.hardware_type), ERR_OK);
	phone = test_key("P-256");
	test_spki(phone, &spki);
	device = (struct profile_device){.kind = CERTIFICATE_DEVICE_1,
	    .model = "T1",
	    .serial_number = "SN-0001",
	    .mac = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}},
	    .spki = spki.bytes,
	    .spki_len = spki.len,
	    .serial = {0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	    .not_before_unix_s = TEST_NOW};
	why = "";
}

static void tear_down(void)
{
	buf_free(&issuer);
	buf_free(&spki);
	buf_free(&tbs);
	EVP_PKEY_free(phone);
}

static void build(void)
{
	buf_clear(&tbs);
	ck_assert_int_eq(profile_put_tbs(&tbs, &profile, &device), ERR_OK);
}

static enum err lint(const void *bytes, size_t len)
{
	return profile_lint(&profile, &device, bytes, len, &why);
}

static const char *const keys[] = {"P-256", "P-384", "2048", "3072"};

START_TEST(what_is_built_passes)
{
	EVP_PKEY *key = test_key(keys[_i]);

	test_spki(key, &spki);
	device.spki = spki.bytes;
	device.spki_len = spki.len;
	build();
	ck_assert_msg(lint(tbs.bytes, tbs.len) == ERR_OK, "%s", why);
	device.kind = CERTIFICATE_DEVICE_1_COMPAT;
	build();
	ck_assert_msg(lint(tbs.bytes, tbs.len) == ERR_OK, "%s", why);
	device.kind = CERTIFICATE_DEVICE_1_ENCRYPT;
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	build();
	ck_assert_msg(lint(tbs.bytes, tbs.len) == ERR_OK, "%s", why);
	device.kind = CERTIFICATE_DEVICE_1;
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "digitalSignature alone"));
	device.kind = CERTIFICATE_DEVICE_1_COMPAT;
	profile.ocsp_url = "";
	device.not_before_unix_s = INT64_C(2600000000); /* 2052: a GeneralizedTime */
	build();
	ck_assert_msg(lint(tbs.bytes, tbs.len) == ERR_OK, "%s", why);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(no_byte_can_be_another)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	size_t i, j;

	build();
	for (i = 0; i < tbs.len; i++) {
		for (j = 0; j < sizeof(flips); j++) {
			tbs.bytes[i] ^= flips[j];
			ck_assert_msg(lint(tbs.bytes, tbs.len) == ERR_REFUSED, "byte %zu", i);
			tbs.bytes[i] ^= flips[j];
		}
	}
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_OK);
}
END_TEST

START_TEST(no_byte_can_be_missing_or_too_much)
{
	size_t i;

	build();
	for (i = 0; i < tbs.len; i++)
		ck_assert_int_eq(lint(tbs.bytes, i), ERR_REFUSED);
	buf_put_u8(&tbs, 0);
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
}
END_TEST

/* A TBS like ours with these extensions. */
static void build_with(const struct buf *extensions)
{
	struct buf subject = {0};
	size_t mark = der_begin(&subject, DER_SEQUENCE);
	struct x509_tbs fields = {.serial = device.serial,
	    .algorithm = CA_ALGORITHM_P256,
	    .issuer = issuer.bytes,
	    .issuer_len = issuer.len,
	    .not_before_unix_s = TEST_NOW,
	    .not_after_unix_s = X509_NO_END,
	    .spki = spki.bytes,
	    .spki_len = spki.len,
	    .extensions = extensions->bytes,
	    .extensions_len = extensions->len};

	x509_put_rdn(&subject, X509_O, "Example");
	x509_put_rdn(&subject, X509_OU, "T1");
	x509_put_rdn(&subject, X509_SERIAL_NUMBER, "SN-0001");
	x509_put_rdn(&subject, X509_CN, "001565AABBCC");
	der_end(&subject, mark);
	fields.subject = subject.bytes;
	fields.subject_len = subject.len;
	buf_clear(&tbs);
	x509_put_tbs(&tbs, &fields);
	buf_free(&subject);
}

START_TEST(a_ca_is_named_as_what_is_wrong)
{
	struct buf extensions = {0};

	x509_put_basic_constraints(&extensions, 1, 0);
	x509_put_key_usage(&extensions, X509_USAGE_CERT_SIGN);
	build_with(&extensions);
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "this is no CA"));
	buf_clear(&extensions);
	x509_put_basic_constraints(&extensions, 0, -1);
	x509_put_key_usage(&extensions, X509_USAGE_CERT_SIGN);
	build_with(&extensions);
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "digitalSignature alone"));
	buf_free(&extensions);
}
END_TEST

START_TEST(everything_is_held_against_the_device_at_hand)
{
	struct profile_device before = device;

	build();
	device.mac.octets[5] ^= 1;
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "MAC"));
	device = before;
	device.serial_number = "SN-0002";
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "serialNumber"));
	device = before;
	device.model = "T2";
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "model"));
	device = before;
	device.not_before_unix_s++;
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "notBefore"));
	device = before;
	device.serial[15]++;
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "serial"));
}
END_TEST

START_TEST(values_that_itsps_could_misread_do_not_pass)
{
	device.model = "T1/CN=000000000000";
	build();
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	device.model = "T1";
	device.serial[0] = 0x80; /* a negative number */
	build();
	ck_assert_int_eq(lint(tbs.bytes, tbs.len), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "serial"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("profile_lint");
	TCase *tcase = tcase_create("profile_lint");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, what_is_built_passes, 0, 4);
	tcase_add_test(tcase, no_byte_can_be_another);
	tcase_add_test(tcase, no_byte_can_be_missing_or_too_much);
	tcase_add_test(tcase, a_ca_is_named_as_what_is_wrong);
	tcase_add_test(tcase, everything_is_held_against_the_device_at_hand);
	tcase_add_test(tcase, values_that_itsps_could_misread_do_not_pass);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
