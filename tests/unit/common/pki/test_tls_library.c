/* What the TLS library context offers, what it does not, and that forked workers draw differently
 * from it. */
#include "common/pki/tls_library.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/err.h"
#include "tests/lib/unit.h"

START_TEST(key_types_of_phones_and_servers_are_read)
{
	static const char *const KINDS[] = {"P-256", "P-384", "RSA"};
	EVP_PKEY *key = _i < 2 ? EVP_EC_gen(KINDS[_i]) : EVP_RSA_gen(2048);
	unsigned char *der = NULL;

	int len = i2d_PUBKEY(key, &der);
	ck_assert_int_gt(len, 0);
	const unsigned char *next = der;
	EVP_PKEY *read = d2i_PUBKEY_ex(NULL, &next, len, tls_library(), NULL);
	ck_assert_ptr_nonnull(read);
	ck_assert_int_eq(EVP_PKEY_eq(key, read), 1);
	EVP_PKEY_free(read);
	EVP_PKEY_free(key);
	OPENSSL_free(der);
}
END_TEST

START_TEST(other_key_types_are_not)
{
	static const char *const KINDS[] = {"ED25519", "ED448", "X448"};
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, KINDS[_i]);
	unsigned char *der = NULL;

	int len = i2d_PUBKEY(key, &der);
	ck_assert_int_gt(len, 0);
	const unsigned char *next = der;
	ck_assert_ptr_null(d2i_PUBKEY_ex(NULL, &next, len, tls_library(), NULL));
	EVP_PKEY_free(key);
	OPENSSL_free(der);
}
END_TEST

START_TEST(weak_algorithms_are_not_offered)
{
	EVP_MD *digest = EVP_MD_fetch(tls_library(), "SHA2-256", NULL);

	ck_assert_ptr_nonnull(digest);
	EVP_MD_free(digest);
	ck_assert_ptr_null(EVP_MD_fetch(tls_library(), "MD5", NULL));
	ck_assert_ptr_null(EVP_CIPHER_fetch(tls_library(), "DES-EDE3-CBC", NULL));
	ck_assert_ptr_null(EVP_SIGNATURE_fetch(tls_library(), "DSA", NULL));
	ck_assert_ptr_null(EVP_KEYMGMT_fetch(tls_library(), "DH", NULL));
	/* The default context is as it was. */
	ck_assert_int_eq(EVP_MD_is_a(EVP_md5(), "MD5"), 1);
	digest = EVP_MD_fetch(NULL, "MD5", NULL);
	ck_assert_ptr_nonnull(digest);
	EVP_MD_free(digest);
}
END_TEST

START_TEST(forked_workers_draw_different_numbers)
{
	unsigned char drawn[2][16];

	ck_assert_int_eq(RAND_bytes_ex(tls_library(), drawn[0], sizeof drawn[0], 0), 1);
	for (int i = 0; i < 2; i++) {
		int ends[2];
		ck_assert_int_eq(pipe(ends), 0);
		if (fork() == 0) {
			CHECK(RAND_bytes_ex(tls_library(), drawn[0], sizeof drawn[0], 0) == 1);
			CHECK(write(ends[1], drawn[0], sizeof drawn[0]) == sizeof drawn[0]);
			_exit(0);
		}
		ck_assert_int_eq(read(ends[0], drawn[i], sizeof drawn[i]), sizeof drawn[i]);
		wait(NULL);
	}
	ck_assert_int_ne(memcmp(drawn[0], drawn[1], sizeof drawn[0]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_library");
	TCase *tests = tcase_create("tls_library");

	tcase_add_loop_test(tests, key_types_of_phones_and_servers_are_read, 0, 3);
	tcase_add_loop_test(tests, other_key_types_are_not, 0, 3);
	tcase_add_test(tests, weak_algorithms_are_not_offered);
	tcase_add_test(tests, forked_workers_draw_different_numbers);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
