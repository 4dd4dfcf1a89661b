/* Sealed key files: they open with their passphrase, as they were written, and not otherwise. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_factory.h"

static char folder[TEST_PATH];

static void set_up(void)
{
	test_folder_make(folder);
	keystore_free(test_keystore(folder));
}

static void tear_down(void)
{
	test_folder_remove(folder);
}

static struct keystore *open_with(const char *text)
{
	struct secret passphrase = {0};
	struct keystore *store;

	secret_set(&passphrase, text, strlen(text));
	store = keystore_file_new(folder, &passphrase, TEST_SCRYPT_LOG2_N);
	secret_free(&passphrase);
	return store;
}

static enum err load(const char *text, enum ca_key key, const char *in_why)
{
	struct keystore *store = open_with(text);
	char why[KEYSTORE_WHY_LEN] = "";
	enum err err = keystore_load(store, key, why);

	if (in_why)
		ck_assert_msg(strstr(why, in_why) != NULL, "%s", why);
	keystore_free(store);
	return err;
}

START_TEST(a_loaded_key_signs_and_is_the_one_described)
{
	struct keystore *store = open_with("correct horse");
	struct buf signature = {0}, spki = {0};
	struct ca_key_info info;
	char why[KEYSTORE_WHY_LEN];
	uint8_t digest[SHA256_LEN];
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	ck_assert_int_eq(keystore_load(store, CA_KEY_ROOT, why), ERR_OK);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ROOT, why), ERR_OK);
	ck_assert_int_eq(keystore_sign(store, CA_KEY_ROOT, "text", 4, &signature), ERR_OK);
	ck_assert_int_eq(EVP_DigestVerifyInit(context, NULL, EVP_sha384(), NULL,
			     keystore_public_key(store, CA_KEY_ROOT)),
	    1);
	ck_assert_int_eq(EVP_DigestVerify(context, signature.bytes, signature.len,
			     (const unsigned char *)"text", 4),
	    1);
	ck_assert_int_eq(keystore_describe(store, CA_KEY_ROOT, &info, why), ERR_OK);
	test_spki(keystore_public_key(store, CA_KEY_ROOT), &spki);
	sha256(spki.bytes, spki.len, digest);
	ck_assert_mem_eq(info.spki_sha256, digest, SHA256_LEN);
	EVP_MD_CTX_free(context);
	buf_free(&signature);
	buf_free(&spki);
	keystore_free(store);
}
END_TEST

START_TEST(the_claim_code_key_stays_the_same)
{
	uint8_t first[SHA256_LEN], second[SHA256_LEN];
	char why[KEYSTORE_WHY_LEN];
	struct keystore *store = open_with("correct horse");

	ck_assert_int_eq(keystore_load(store, CA_KEY_CLAIM_CODE, why), ERR_OK);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mac", 3, first), ERR_OK);
	keystore_free(store);
	store = open_with("correct horse");
	ck_assert_int_eq(keystore_load(store, CA_KEY_CLAIM_CODE, why), ERR_OK);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mac", 3, second), ERR_OK);
	ck_assert_mem_eq(first, second, SHA256_LEN);
	keystore_free(store);
}
END_TEST

START_TEST(a_wrong_passphrase_is_told)
{
	ck_assert_int_eq(load("wrong horse", CA_KEY_ISSUING, "passphrase is wrong"), ERR_SIGNATURE);
	ck_assert_int_eq(load("correct horse ", CA_KEY_ISSUING, "passphrase"), ERR_SIGNATURE);
}
END_TEST

START_TEST(a_key_is_never_overwritten)
{
	struct keystore *store = open_with("correct horse");
	char why[KEYSTORE_WHY_LEN] = "";

	ck_assert_int_eq(keystore_generate(store, CA_KEY_ISSUING, why), ERR_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "issuing.key"));
	keystore_free(store);
	ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, NULL), ERR_OK);
}
END_TEST

START_TEST(no_byte_of_the_file_can_be_changed)
{
	long size = test_size(folder, "issuing.key"), offset;

	/* Every byte of the header, and some of what is sealed: scrypt takes its time. */
	for (offset = 0; offset < size; offset += offset < 100 ? 7 : 41) {
		test_flip(folder, "issuing.key", offset);
		ck_assert_int_ne(load("correct horse", CA_KEY_ISSUING, NULL), ERR_OK);
		test_flip(folder, "issuing.key", offset);
	}
	test_flip(folder, "issuing.key", -1);
	ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, "altered"), ERR_SIGNATURE);
}
END_TEST

START_TEST(a_truncated_file_is_told)
{
	long size = test_size(folder, "issuing.key");
	static const long cuts[] = {0, 10, 100, 130, -16, -1};
	char path[TEST_PATH];
	size_t i;

	test_path(path, folder, "issuing.key");
	for (i = sizeof(cuts) / sizeof(cuts[0]); i > 0; i--) {
		long to = cuts[i - 1] > 0 ? cuts[i - 1] : i == 1 ? 0 : size + cuts[i - 1];

		ck_assert_int_eq(truncate(path, to), 0);
		ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, "truncated"), ERR_SYNTAX);
		size = to;
	}
}
END_TEST

START_TEST(a_file_that_others_can_reach_is_no_key)
{
	char path[TEST_PATH], other[TEST_PATH];

	test_path(path, folder, "issuing.key");
	test_path(other, folder, "elsewhere");
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, "0644"), ERR_DENIED);
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, "0620"), ERR_DENIED);
	ck_assert_int_eq(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert_int_eq(
		    load("correct horse", CA_KEY_ISSUING, "belongs to user 65534"), ERR_DENIED);
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, "not there"), ERR_NOT_FOUND);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, NULL), ERR_IO);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(load("correct horse", CA_KEY_ISSUING, "regular file"), ERR_DENIED);
}
END_TEST

START_TEST(another_keys_file_is_told)
{
	char from[TEST_PATH], to[TEST_PATH];

	test_path(from, folder, "line-access.key");
	test_path(to, folder, "issuing.key");
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_int_eq(
	    load("correct horse", CA_KEY_ISSUING, "holds the line-access key"), ERR_SYNTAX);
}
END_TEST

START_TEST(nothing_is_in_the_clear)
{
	struct buf bytes = {0};
	char path[TEST_PATH];
	FILE *file;
	int byte;

	/* The OID of EC keys stands in every PKCS#8 of ours. */
	static const uint8_t ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

	test_path(path, folder, "issuing.key");
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while ((byte = fgetc(file)) != EOF)
		buf_put_u8(&bytes, (uint8_t)byte);
	fclose(file);
	ck_assert_ptr_null(memmem(bytes.bytes, bytes.len, ec, sizeof(ec)));
	buf_free(&bytes);
}
END_TEST

START_TEST(a_locked_store_has_no_key_until_it_is_unlocked)
{
	struct keystore *store = keystore_file_new(folder, NULL, TEST_SCRYPT_LOG2_N);
	struct secret kek = {0};
	struct buf signature = {0};
	char why[KEYSTORE_WHY_LEN] = "", path[TEST_PATH];

	/* A key under what custodians put together, in the place of the one under a passphrase. */
	test_path(path, folder, "issuing.key");
	ck_assert_int_eq(unlink(path), 0);
	secret_set(&kek, "0123456789abcdef0123456789abcdef", 32);
	ck_assert_int_eq(keystore_load(store, CA_KEY_LINE_ACCESS, why), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "passphrase_file is not set"));
	keystore_file_unlock(store, &kek);
	ck_assert_int_eq(keystore_generate(store, CA_KEY_ISSUING, why), ERR_OK);
	ck_assert_int_eq(keystore_sign(store, CA_KEY_ISSUING, "text", 4, &signature), ERR_OK);
	ck_assert_int_eq(keystore_verify(store, CA_KEY_ISSUING, "text", 4, &signature), ERR_OK);
	ck_assert_int_eq(keystore_file_prepare(store, CA_KEY_ISSUING, why), ERR_OK);
	ck_assert_int_eq(unlink(path), 0); /* what was prepared needs no file */
	keystore_file_lock(store);
	ck_assert_ptr_null(keystore_public_key(store, CA_KEY_ISSUING));
	ck_assert_ptr_null(store->own[CA_KEY_ISSUING]);
	buf_clear(&signature);
	ck_assert_int_eq(
	    keystore_sign(store, CA_KEY_ISSUING, "text", 4, &signature), ERR_UNAVAILABLE);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "sealed for custodians"));
	keystore_file_unlock(store, &kek);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_OK);
	ck_assert_int_eq(keystore_sign(store, CA_KEY_ISSUING, "text", 4, &signature), ERR_OK);
	keystore_file_lock(store);
	kek.bytes[0] ^= 1;
	keystore_file_unlock(store, &kek);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_SIGNATURE);
	secret_free(&kek);
	buf_free(&signature);
	keystore_free(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keystore_file");
	TCase *tcase = tcase_create("keystore_file");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_loaded_key_signs_and_is_the_one_described);
	tcase_add_test(tcase, the_claim_code_key_stays_the_same);
	tcase_add_test(tcase, a_wrong_passphrase_is_told);
	tcase_add_test(tcase, a_key_is_never_overwritten);
	tcase_add_test(tcase, no_byte_of_the_file_can_be_changed);
	tcase_add_test(tcase, a_truncated_file_is_told);
	tcase_add_test(tcase, a_file_that_others_can_reach_is_no_key);
	tcase_add_test(tcase, another_keys_file_is_told);
	tcase_add_test(tcase, nothing_is_in_the_clear);
	tcase_add_test(tcase, a_locked_store_has_no_key_until_it_is_unlocked);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
