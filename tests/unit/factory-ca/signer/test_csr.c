/* What a CSR may be, what of it is taken, and which keys are refused. */
#include <check.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "common/pki/der.h"
#include "factory-ca/signer/csr.h"
#include "factory-ca/signer/public_key.h"
#include "tests/lib/test_factory.h"

#define MAC_TEXT "001565AABBCC"

static const struct {
	const char *kind;
	enum key_type type;
} good_keys[] = {
    {"P-256", KEY_P256}, {"P-384", KEY_P384}, {"2048", KEY_RSA2048}, {"3072", KEY_RSA3072}};

START_TEST(the_four_kinds_of_keys_are_read)
{
	EVP_PKEY *key = test_key(good_keys[_i].kind);
	struct buf der = {0}, spki = {0};
	struct csr csr;
	char why[CSR_WHY_LEN] = "", mac[MAC_TEXT_LEN + 1];
	uint8_t digest[SHA256_LEN];

	test_csr_of(key, "00:15:65:aa:bb:cc", "SN-0001", &der);
	test_spki(key, &spki);
	ck_assert_msg(csr_verify(der.bytes, der.len, &csr, why) == ERR_OK, "%s", why);
	mac_format(&csr.mac, mac);
	ck_assert_str_eq(mac, MAC_TEXT);
	ck_assert_str_eq(csr.serial_number, "SN-0001");
	ck_assert_int_eq(csr.key_type, good_keys[_i].type);
	ck_assert_uint_eq(csr.spki_len, spki.len);
	ck_assert_mem_eq(csr.spki, spki.bytes, spki.len);
	sha256(spki.bytes, spki.len, digest);
	ck_assert_mem_eq(csr.spki_sha256, digest, SHA256_LEN);
	buf_free(&der);
	buf_free(&spki);
	EVP_PKEY_free(key);
}
END_TEST

static const struct {
	const char *kind;
	enum err err;
} refused_keys[] = {{"1024", ERR_WEAK_KEY}, {"4096", ERR_RANGE}, {"2056", ERR_RANGE},
    {"P-224", ERR_RANGE}, {"P-521", ERR_RANGE}, {"P-192", ERR_RANGE}};

START_TEST(other_kinds_are_not_taken)
{
	EVP_PKEY *key = test_key(refused_keys[_i].kind);
	struct buf der = {0};
	struct csr csr;
	char why[CSR_WHY_LEN] = "";

	test_csr_of(key, MAC_TEXT, "SN", &der);
	ck_assert_int_eq(csr_verify(der.bytes, der.len, &csr, why), refused_keys[_i].err);
	ck_assert_str_ne(why, "");
	buf_free(&der);
	EVP_PKEY_free(key);
}
END_TEST

static const struct {
	const char *subject[9];
	enum err err;
	const char *serial_number;
} subjects[] = {
    {{"CN", MAC_TEXT, "serialNumber", "SN 1"}, ERR_OK, "SN 1"},
    {{"serialNumber", "1", "CN", "0015.65aa.bbcc"}, ERR_OK, "1"},
    {{"CN", MAC_TEXT}, ERR_OK, ""},
    {{"O", "Somebody", "OU", "T9", "CN", MAC_TEXT, "serialNumber", "a"}, ERR_OK, "a"},
    {{"serialNumber", "SN"}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "CN", MAC_TEXT}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber", "1", "serialNumber", "1"}, ERR_SYNTAX, NULL},
    {{"CN", "001565AABBC"}, ERR_SYNTAX, NULL},
    {{"CN", "001565AABBCC0"}, ERR_SYNTAX, NULL},
    {{"CN", "001565AABBCG"}, ERR_SYNTAX, NULL},
    {{"CN", "'; drop table device; --"}, ERR_SYNTAX, NULL},
    {{"CN", "FFFFFFFFFFFF"}, ERR_SYNTAX, NULL},
    {{"CN", "phone.example"}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber", "1,CN=001565AABBCD"}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber", "1/CN"}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber", "1+2"}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber", "CN=1"}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber", " 1"}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber", "1 "}, ERR_SYNTAX, NULL},
    {{"CN", MAC_TEXT, "serialNumber",
	 "0123456789012345678901234567890123456789012345678901234567890123"},
	ERR_OK, "0123456789012345678901234567890123456789012345678901234567890123"},
};

START_TEST(a_subject_is_a_mac_and_a_serial_number)
{
	EVP_PKEY *key = test_key("P-256");
	const struct test_csr wanted = {.key = key, .subject = subjects[_i].subject};
	struct buf der = {0};
	struct csr csr = {.serial_number = "untouched"};
	char why[CSR_WHY_LEN] = "";
	enum err err;

	test_csr_make(&wanted, &der);
	err = csr_verify(der.bytes, der.len, &csr, why);
	ck_assert_msg(err == subjects[_i].err, "%d: %s %s", _i, err_name(err), why);
	ck_assert_str_eq(
	    csr.serial_number, subjects[_i].err ? "untouched" : subjects[_i].serial_number);
	buf_free(&der);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(what_else_it_asks_for_is_not_seen)
{
	static const char *const subject[] = {"CN", MAC_TEXT, NULL};
	EVP_PKEY *key = test_key("P-256");
	const struct test_csr wanted = {.key = key, .subject = subject, .with_extensions = 1};
	struct buf der = {0};
	struct csr csr;
	char why[CSR_WHY_LEN] = "";

	test_csr_make(&wanted, &der);
	ck_assert_int_eq(csr_verify(der.bytes, der.len, &csr, why), ERR_OK);
	buf_free(&der);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(possession_must_be_proven_by_a_sound_digest)
{
	static const char *const subject[] = {"CN", MAC_TEXT, NULL};
	EVP_PKEY *key = test_key("P-256"), *other = test_key("P-256"), *rsa = test_key("2048");
	struct test_csr wanted = {.key = key, .subject = subject, .sign_with = other};
	struct buf der = {0};
	struct csr csr;
	char why[CSR_WHY_LEN] = "";

	test_csr_make(&wanted, &der);
	ck_assert_int_eq(csr_verify(der.bytes, der.len, &csr, why), ERR_SIGNATURE);
	ck_assert_int_eq(csr_parse(der.bytes, der.len, &csr, why), ERR_OK);
	wanted.sign_with = rsa; /* a signature of another kind than the key */
	test_csr_make(&wanted, &der);
	ck_assert_int_eq(csr_verify(der.bytes, der.len, &csr, why), ERR_SIGNATURE);
	wanted.sign_with = NULL;
	wanted.digest = "SHA1";
	test_csr_make(&wanted, &der);
	ck_assert_int_eq(csr_verify(der.bytes, der.len, &csr, why), ERR_SIGNATURE);
	wanted.digest = "SHA512";
	test_csr_make(&wanted, &der);
	ck_assert_int_eq(csr_verify(der.bytes, der.len, &csr, why), ERR_OK);
	buf_free(&der);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	EVP_PKEY_free(rsa);
}
END_TEST

START_TEST(no_byte_of_it_can_be_changed_and_no_cut_is_whole)
{
	EVP_PKEY *key = test_key("P-256");
	struct buf der = {0};
	struct csr csr;
	char why[CSR_WHY_LEN];
	size_t i;

	test_csr_of(key, MAC_TEXT, "SN", &der);
	for (i = 0; i < der.len; i++) {
		der.bytes[i] ^= 0x41;
		ck_assert_int_ne(csr_verify(der.bytes, der.len, &csr, why), ERR_OK);
		der.bytes[i] ^= 0x41;
		ck_assert_int_eq(csr_verify(der.bytes, i, &csr, why), ERR_SYNTAX);
	}
	buf_put_u8(&der, 0);
	ck_assert_int_eq(csr_verify(der.bytes, der.len, &csr, why), ERR_SYNTAX);
	buf_free(&der);
	EVP_PKEY_free(key);
}
END_TEST

/* An RSA SubjectPublicKeyInfo of any numbers. */
static void put_rsa_spki(struct buf *out, const BIGNUM *n, const BIGNUM *e)
{
	static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
	    0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
	uint8_t bytes[512];
	struct buf key = {0};
	size_t mark = der_begin(&key, DER_SEQUENCE), whole;

	der_put_uint(&key, bytes, (size_t)BN_bn2binpad(n, bytes, BN_num_bytes(n)));
	der_put_uint(&key, bytes, (size_t)BN_bn2binpad(e, bytes, BN_num_bytes(e)));
	der_end(&key, mark);
	whole = der_begin(out, DER_SEQUENCE);
	buf_put(out, algorithm, sizeof(algorithm));
	der_put_bit_string(out, key.bytes, key.len);
	der_end(out, whole);
	buf_free(&key);
}

static enum err parse_numbers(const BIGNUM *n, const BIGNUM *e)
{
	struct public_key key;
	struct buf spki = {0};
	const char *why = NULL;
	enum err err;

	put_rsa_spki(&spki, n, e);
	err = public_key_parse(spki.bytes, spki.len, &key, &why);
	ck_assert(err == ERR_OK || why != NULL);
	buf_free(&spki);
	return err;
}

START_TEST(rsa_numbers_are_looked_at)
{
	EVP_PKEY *key = test_key("2048");
	BIGNUM *n = NULL, *e = NULL;

	EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
	EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e);
	ck_assert_int_eq(parse_numbers(n, e), ERR_OK);
	BN_set_word(e, 1);
	ck_assert_int_eq(parse_numbers(n, e), ERR_WEAK_KEY);
	BN_set_word(e, 3);
	ck_assert_int_eq(parse_numbers(n, e), ERR_WEAK_KEY);
	BN_set_word(e, 65538);
	ck_assert_int_eq(parse_numbers(n, e), ERR_WEAK_KEY);
	BN_set_bit(e, 256);
	ck_assert_int_eq(parse_numbers(n, e), ERR_WEAK_KEY);
	BN_set_word(e, 65539);
	ck_assert_int_eq(parse_numbers(n, e), ERR_OK);
	BN_sub_word(n, 1); /* even */
	ck_assert_int_eq(parse_numbers(n, e), ERR_WEAK_KEY);
	BN_sub_word(n, BN_mod_word(n, 2 * 101)); /* a multiple of 101, made odd */
	BN_add_word(n, 101);
	ck_assert_int_eq(parse_numbers(n, e), ERR_WEAK_KEY);
	BN_free(n);
	BN_free(e);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_broken_generator_is_recognised)
{
	/* Primes of ROCA are k*M + (65537^a mod M), M the product of the first primes. */
	BIGNUM *m = BN_new(), *p = BN_new(), *n = BN_new(), *base = BN_new(), *a = BN_new();
	BN_CTX *context = BN_CTX_new();
	uint8_t bytes[256];
	int prime, i, sound = 0;

	BN_one(m);
	for (prime = 2; prime <= 167; prime++) {
		for (i = 2; i < prime && prime % i; i++)
			;
		if (i == prime)
			BN_mul_word(m, (BN_ULONG)prime);
	}
	BN_set_word(base, 65537);
	BN_one(n);
	for (i = 0; i < 2; i++) {
		BN_set_word(a, 1234577 + (BN_ULONG)i);
		BN_mod_exp(p, base, a, m, context);
		BN_mul_word(m, 3 + (BN_ULONG)i);
		BN_add(p, p, m);
		BN_div_word(m, 3 + (BN_ULONG)i);
		BN_mul(n, n, p, context);
	}
	ck_assert_int_gt(BN_bn2binpad(n, bytes, sizeof(bytes)), 0);
	ck_assert(public_key_is_roca(bytes, sizeof(bytes)));
	for (i = 0; i < 3; i++) {
		EVP_PKEY *key = test_key("2048");
		BIGNUM *modulus = NULL;

		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus);
		BN_bn2binpad(modulus, bytes, sizeof(bytes));
		sound += !public_key_is_roca(bytes, sizeof(bytes));
		BN_free(modulus);
		EVP_PKEY_free(key);
	}
	ck_assert_int_eq(sound, 3);
	BN_free(m);
	BN_free(p);
	BN_free(n);
	BN_free(base);
	BN_free(a);
	BN_CTX_free(context);
}
END_TEST

START_TEST(a_point_must_lie_on_its_curve)
{
	EVP_PKEY *key = test_key("P-256"), *made = NULL;
	struct public_key parsed;
	struct buf spki = {0};
	const char *why = NULL;

	test_spki(key, &spki);
	ck_assert_int_eq(public_key_parse(spki.bytes, spki.len, &parsed, &why), ERR_OK);
	ck_assert_int_eq(public_key_to_evp(&parsed, &made), ERR_OK);
	ck_assert_int_eq(EVP_PKEY_eq(key, made), 1);
	EVP_PKEY_free(made);
	spki.bytes[spki.len - 1] ^= 1;
	ck_assert_int_eq(public_key_parse(spki.bytes, spki.len, &parsed, &why), ERR_OK);
	ck_assert_int_eq(public_key_to_evp(&parsed, &made), ERR_WEAK_KEY);
	spki.bytes[spki.len - 65] = 2; /* compressed, and too long for it */
	ck_assert_int_eq(public_key_parse(spki.bytes, spki.len, &parsed, &why), ERR_SYNTAX);
	buf_free(&spki);
	EVP_PKEY_free(key);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("csr");
	TCase *tcase = tcase_create("csr");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, the_four_kinds_of_keys_are_read, 0, COUNT(good_keys));
	tcase_add_loop_test(tcase, other_kinds_are_not_taken, 0, COUNT(refused_keys));
	tcase_add_loop_test(tcase, a_subject_is_a_mac_and_a_serial_number, 0, COUNT(subjects));
	tcase_add_test(tcase, what_else_it_asks_for_is_not_seen);
	tcase_add_test(tcase, possession_must_be_proven_by_a_sound_digest);
	tcase_add_test(tcase, no_byte_of_it_can_be_changed_and_no_cut_is_whole);
	tcase_add_test(tcase, rsa_numbers_are_looked_at);
	tcase_add_test(tcase, the_broken_generator_is_recognised);
	tcase_add_test(tcase, a_point_must_lie_on_its_curve);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
