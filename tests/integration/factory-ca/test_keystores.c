/*
 * What every key store must do, on sealed files and on a PKCS#11 token (SoftHSM); then what only a
 * token can do to us.
 */
#include <check.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "factory-ca/signer/x509_write.h"
#include "tests/lib/softhsm.h"
#include "tests/lib/test_factory.h"

enum store_kind { FILES, TOKEN, KIND_COUNT };

static char folder[TEST_PATH];

static void set_up(void)
{
	test_folder_make(folder);
	softhsm_make_token(folder, "firstring");
}

static void tear_down(void)
{
	test_folder_remove(folder);
}

static enum err try_open_token(
    const char *uri, const char *pin_text, struct keystore **store, char *why)
{
	struct secret pin = {0};
	enum err err;

	secret_set(&pin, pin_text, strlen(pin_text));
	err = keystore_pkcs11_new(uri, &pin, store, why);
	secret_free(&pin);
	return err;
}

static struct keystore *open_token(const char *uri)
{
	char why[KEYSTORE_WHY_LEN] = "";
	struct keystore *store = NULL;
	enum err err = try_open_token(uri, SOFTHSM_PIN, &store, why);

	ck_assert_msg(err == ERR_OK, "%s", why);
	return store;
}

static struct keystore *open_files(const char *text)
{
	struct secret passphrase = {0};
	struct keystore *store;

	secret_set(&passphrase, text, strlen(text));
	store = keystore_file_new(folder, &passphrase, TEST_SCRYPT_LOG2_N);
	secret_free(&passphrase);
	return store;
}

static struct keystore *open_store(enum store_kind kind)
{
	return kind == TOKEN ? open_token(SOFTHSM_URI) : open_files("correct horse");
}

static struct keystore *open_with_wrong_secret(enum store_kind kind)
{
	char why[KEYSTORE_WHY_LEN];
	struct keystore *store = NULL;

	if (kind == FILES)
		return open_files("wrong horse");
	ck_assert_int_eq(try_open_token(SOFTHSM_URI, "pin-0815", &store, why), ERR_OK);
	return store;
}

static void generate(struct keystore *store, enum ca_key key)
{
	char why[KEYSTORE_WHY_LEN] = "";
	enum err err = keystore_generate(store, key, why);

	ck_assert_msg(err == ERR_OK, "%s", why);
}

static void generate_all(enum store_kind kind)
{
	struct keystore *store = open_store(kind);
	int key;

	for (key = 0; key < CA_KEY_COUNT; key++)
		generate(store, (enum ca_key)key);
	keystore_free(store);
}

static void load(struct keystore *store, enum ca_key key)
{
	char why[KEYSTORE_WHY_LEN] = "";
	enum err err = keystore_load(store, key, why);

	ck_assert_msg(err == ERR_OK, "%s", why);
}

static void assert_signs(struct keystore *store, enum ca_key key)
{
	const EVP_MD *md = ca_key_algorithm(key) == CA_ALGORITHM_P384 ? EVP_sha384() : EVP_sha256();
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct buf signature = {0};

	ck_assert_int_eq(keystore_sign(store, key, "text", 4, &signature), ERR_OK);
	ck_assert_int_eq(
	    EVP_DigestVerifyInit(context, NULL, md, NULL, keystore_public_key(store, key)), 1);
	ck_assert_int_eq(EVP_DigestVerify(context, signature.bytes, signature.len,
			     (const unsigned char *)"text", 4),
	    1);
	EVP_MD_CTX_free(context);
	buf_free(&signature);
}

START_TEST(keys_sign_when_made_and_when_loaded_again)
{
	enum store_kind kind = (enum store_kind)_i;
	static const enum ca_key keys[] = {CA_KEY_ROOT, CA_KEY_ISSUING, CA_KEY_LINE_ACCESS};
	struct keystore *store = open_store(kind);
	struct buf made[3] = {{0}}, again = {0};
	size_t i;

	for (i = 0; i < 3; i++) {
		generate(store, keys[i]);
		assert_signs(store, keys[i]);
		test_spki(keystore_public_key(store, keys[i]), &made[i]);
	}
	keystore_free(store);
	store = open_store(kind);
	for (i = 0; i < 3; i++) {
		load(store, keys[i]);
		load(store, keys[i]);
		assert_signs(store, keys[i]);
		test_spki(keystore_public_key(store, keys[i]), &again);
		ck_assert_uint_eq(again.len, made[i].len);
		ck_assert_mem_eq(again.bytes, made[i].bytes, again.len);
		buf_free(&made[i]);
	}
	buf_free(&again);
	keystore_free(store);
}
END_TEST

START_TEST(a_certificate_is_signed_and_verified)
{
	enum store_kind kind = (enum store_kind)_i;
	struct keystore *store = open_store(kind);
	X509 *ca;

	generate(store, CA_KEY_LINE_ACCESS);
	ca = test_line_access(store);
	ck_assert_int_eq(X509_verify(ca, X509_get0_pubkey(ca)), 1);
	X509_free(ca);
	keystore_free(store);
}
END_TEST

START_TEST(signatures_are_der_whatever_their_numbers)
{
	/* Numbers that begin with zeros or with a set bit come often enough among 300. */
	enum { SIGNATURES = 300 };
	struct keystore *store = open_store((enum store_kind)_i);
	int i;

	generate(store, CA_KEY_ISSUING);
	for (i = 0; i < SIGNATURES; i++)
		assert_signs(store, CA_KEY_ISSUING);
	keystore_free(store);
}
END_TEST

START_TEST(the_claim_code_key_stays_the_same)
{
	enum store_kind kind = (enum store_kind)_i;
	uint8_t first[SHA256_LEN], second[SHA256_LEN], other[SHA256_LEN];
	struct keystore *store = open_store(kind);

	generate(store, CA_KEY_CLAIM_CODE);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mac", 3, first), ERR_OK);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mad", 3, other), ERR_OK);
	ck_assert_mem_ne(first, other, SHA256_LEN);
	keystore_free(store);
	store = open_store(kind);
	load(store, CA_KEY_CLAIM_CODE);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mac", 3, second), ERR_OK);
	ck_assert_mem_eq(first, second, SHA256_LEN);
	keystore_free(store);
}
END_TEST

START_TEST(keys_are_described)
{
	enum store_kind kind = (enum store_kind)_i;
	struct keystore *store;
	struct ca_key_info info[CA_KEY_COUNT];
	uint8_t digest[SHA256_LEN], zero[SHA256_LEN] = {0};
	char why[KEYSTORE_WHY_LEN];
	int key;

	generate_all(kind);
	store = open_store(kind);
	for (key = 0; key < CA_KEY_COUNT; key++) {
		ck_assert_int_eq(
		    keystore_describe(store, (enum ca_key)key, &info[key], why), ERR_OK);
		ck_assert_int_eq(info[key].algorithm, ca_key_algorithm((enum ca_key)key));
	}
	ck_assert_mem_ne(info[0].id, info[1].id, CA_KEY_ID_LEN);
	ck_assert_mem_eq(info[CA_KEY_CLAIM_CODE].spki_sha256, zero, SHA256_LEN);
	load(store, CA_KEY_ISSUING);
	ck_assert_int_eq(
	    keystore_spki_digest(keystore_public_key(store, CA_KEY_ISSUING), digest), ERR_OK);
	ck_assert_mem_eq(info[CA_KEY_ISSUING].spki_sha256, digest, SHA256_LEN);
	keystore_free(store);
}
END_TEST

START_TEST(a_key_is_never_overwritten)
{
	enum store_kind kind = (enum store_kind)_i;
	struct keystore *store;
	struct buf before = {0}, after = {0};
	char why[KEYSTORE_WHY_LEN] = "";

	generate_all(kind);
	store = open_store(kind);
	load(store, CA_KEY_ISSUING);
	test_spki(keystore_public_key(store, CA_KEY_ISSUING), &before);
	keystore_free(store);
	store = open_store(kind);
	ck_assert_int_eq(keystore_generate(store, CA_KEY_ISSUING, why), ERR_EXISTS);
	ck_assert_msg(strstr(why, "never overwritten") != NULL, "%s", why);
	load(store, CA_KEY_ISSUING);
	test_spki(keystore_public_key(store, CA_KEY_ISSUING), &after);
	ck_assert_mem_eq(before.bytes, after.bytes, before.len);
	buf_free(&before);
	buf_free(&after);
	keystore_free(store);
}
END_TEST

START_TEST(what_was_made_in_vain_is_taken_back)
{
	enum store_kind kind = (enum store_kind)_i;
	struct keystore *store = open_store(kind);
	char why[KEYSTORE_WHY_LEN] = "";
	int key;

	for (key = 0; key < CA_KEY_COUNT; key++) {
		generate(store, (enum ca_key)key);
		keystore_discard(store, (enum ca_key)key);
		ck_assert_int_eq(keystore_load(store, (enum ca_key)key, why), ERR_NOT_FOUND);
		generate(store, (enum ca_key)key);
	}
	keystore_free(store);
}
END_TEST

START_TEST(a_wrong_secret_and_a_missing_key_are_told)
{
	enum store_kind kind = (enum store_kind)_i;
	struct keystore *store = open_store(kind);
	char why[KEYSTORE_WHY_LEN] = "";

	generate(store, CA_KEY_ISSUING);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ROOT, why), ERR_NOT_FOUND);
	ck_assert_msg(strstr(why, "root") != NULL, "%s", why);
	keystore_free(store);
	store = open_with_wrong_secret(kind);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_SIGNATURE);
	ck_assert_msg(strstr(why, kind == TOKEN ? "PIN" : "passphrase") != NULL, "%s", why);
	keystore_free(store);
}
END_TEST

/* --- the token --- */

static int is_stranger_alone;

/* The same module in this process, to do what an HSM or a stranger with the PIN might do. */
static CK_FUNCTION_LIST *module_of_stranger(CK_SESSION_HANDLE *session)
{
	CK_FUNCTION_LIST *module = p11_kit_module_load(SOFTHSM_MODULE, P11_KIT_MODULE_UNMANAGED);
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	CK_RV rv;

	ck_assert_ptr_nonnull(module);
	rv = p11_kit_module_initialize(module);
	is_stranger_alone = rv == CKR_OK;
	ck_assert(is_stranger_alone || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
	ck_assert_int_eq(module->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	ck_assert_int_eq(module->C_OpenSession(
			     slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session),
	    CKR_OK);
	rv = module->C_Login(
	    *session, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)SOFTHSM_PIN, strlen(SOFTHSM_PIN));
	ck_assert(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
	return module;
}

static void stranger_leaves(CK_FUNCTION_LIST *module)
{
	if (is_stranger_alone)
		p11_kit_module_finalize(module);
	p11_kit_module_release(module);
}

/* A pair on P-256 of that label, as careless as the flags say. */
static void stranger_makes_pair(
    CK_FUNCTION_LIST *module, CK_SESSION_HANDLE session, const char *label, int is_careless)
{
	static const uint8_t p256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, careless = is_careless ? CK_TRUE : CK_FALSE;
	CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_OBJECT_HANDLE pair[2];
	uint8_t params[sizeof(p256)], id[CA_KEY_ID_LEN] = "stranger's pair";
	char name[64];
	CK_ATTRIBUTE public_template[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &no, 1},
	    {CKA_EC_PARAMS, params, sizeof(params)}, {CKA_LABEL, name, strlen(label)},
	    {CKA_ID, id, sizeof(id)}};
	CK_ATTRIBUTE private_template[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1},
	    {CKA_SENSITIVE, &yes, 1}, {CKA_EXTRACTABLE, &no, 1}, {CKA_SIGN, &yes, 1},
	    {CKA_DERIVE, &careless, 1}, {CKA_DECRYPT, &no, 1}, {CKA_UNWRAP, &no, 1},
	    {CKA_SIGN_RECOVER, &no, 1}, {CKA_LABEL, name, strlen(label)}, {CKA_ID, id, sizeof(id)}};

	memcpy(params, p256, sizeof(params));
	snprintf(name, sizeof(name), "%s", label);
	ck_assert_int_eq(module->C_GenerateKeyPair(session, &mechanism, public_template, 5,
			     private_template, 11, &pair[0], &pair[1]),
	    CKR_OK);
}

START_TEST(a_session_that_died_is_opened_again)
{
	struct keystore *store = open_store(TOKEN);
	uint8_t first[SHA256_LEN], second[SHA256_LEN];
	CK_SESSION_HANDLE session;
	CK_FUNCTION_LIST *module;
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;

	generate(store, CA_KEY_ISSUING);
	generate(store, CA_KEY_CLAIM_CODE);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mac", 3, first), ERR_OK);
	module = module_of_stranger(&session);
	ck_assert_int_eq(module->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	/* All sessions closed, as after an hour of idling: it is seen when signing, or before. */
	ck_assert_int_eq(module->C_CloseAllSessions(slots[0]), CKR_OK);
	assert_signs(store, CA_KEY_ISSUING);
	ck_assert_int_eq(module->C_CloseAllSessions(slots[0]), CKR_OK);
	ck_assert_int_eq(keystore_hmac(store, CA_KEY_CLAIM_CODE, "mac", 3, second), ERR_OK);
	ck_assert_mem_eq(first, second, SHA256_LEN);
	ck_assert_int_eq(module->C_CloseAllSessions(slots[0]), CKR_OK);
	ck_assert_int_eq(keystore_check(store), ERR_OK);
	assert_signs(store, CA_KEY_ISSUING);
	stranger_leaves(module);
	keystore_free(store);
}
END_TEST

START_TEST(logged_out_means_logged_in_again)
{
	struct keystore *store = open_store(TOKEN);
	CK_SESSION_HANDLE session;
	CK_FUNCTION_LIST *module;

	generate(store, CA_KEY_ISSUING);
	module = module_of_stranger(&session);
	ck_assert_int_eq(module->C_Logout(session), CKR_OK);
	ck_assert_int_eq(keystore_check(store), ERR_OK);
	assert_signs(store, CA_KEY_ISSUING);
	ck_assert_int_eq(module->C_Logout(session), CKR_OK);
	assert_signs(store, CA_KEY_ISSUING);
	stranger_leaves(module);
	keystore_free(store);
}
END_TEST

START_TEST(another_key_in_its_place_is_not_used)
{
	struct keystore *store = open_store(TOKEN);
	struct buf signature = {0};
	CK_SESSION_HANDLE session;
	CK_FUNCTION_LIST *module;
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;

	generate(store, CA_KEY_ISSUING);
	module = module_of_stranger(&session);
	stranger_makes_pair(module, session, "firstring-issuing", 0);
	ck_assert_int_eq(module->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	ck_assert_int_eq(module->C_CloseAllSessions(slots[0]), CKR_OK);
	ck_assert_int_eq(keystore_check(store), ERR_UNAVAILABLE);
	ck_assert_int_eq(
	    keystore_sign(store, CA_KEY_ISSUING, "text", 4, &signature), ERR_UNAVAILABLE);
	ck_assert_uint_eq(signature.len, 0);
	stranger_leaves(module);
	keystore_free(store);
}
END_TEST

START_TEST(two_keys_of_a_label_are_none)
{
	struct keystore *store = open_store(TOKEN);
	char why[KEYSTORE_WHY_LEN] = "";
	CK_SESSION_HANDLE session;
	CK_FUNCTION_LIST *module;

	generate(store, CA_KEY_ISSUING);
	keystore_free(store);
	module = module_of_stranger(&session);
	stranger_makes_pair(module, session, "firstring-issuing", 0);
	stranger_leaves(module);
	store = open_store(TOKEN);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_REFUSED);
	ck_assert_msg(strstr(why, "more than one") != NULL, "%s", why);
	ck_assert_int_eq(keystore_generate(store, CA_KEY_ISSUING, why), ERR_EXISTS);
	keystore_free(store);
}
END_TEST

START_TEST(a_key_that_does_more_than_sign_is_refused)
{
	struct keystore *store = open_store(TOKEN);
	char why[KEYSTORE_WHY_LEN] = "";
	CK_SESSION_HANDLE session;
	CK_FUNCTION_LIST *module = module_of_stranger(&session);

	stranger_makes_pair(module, session, "firstring-issuing", 1);
	stranger_makes_pair(module, session, "firstring-line-access", 0);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_DENIED);
	ck_assert_msg(strstr(why, "CKA_DERIVE true") != NULL, "%s", why);
	/* The other one is as it should be. */
	load(store, CA_KEY_LINE_ACCESS);
	stranger_leaves(module);
	keystore_free(store);
}
END_TEST

START_TEST(a_prefix_lets_factories_share_a_token)
{
	struct keystore *one =
	    open_token("pkcs11:token=firstring;object=shenzhen?module-path=" SOFTHSM_MODULE);
	struct buf spki_one = {0}, spki_two = {0};
	struct keystore *two;

	generate(one, CA_KEY_ISSUING);
	test_spki(keystore_public_key(one, CA_KEY_ISSUING), &spki_one);
	two = open_token("pkcs11:token=firstring;object=graz?module-path=" SOFTHSM_MODULE);
	generate(two, CA_KEY_ISSUING);
	test_spki(keystore_public_key(two, CA_KEY_ISSUING), &spki_two);
	ck_assert_mem_ne(spki_one.bytes, spki_two.bytes, spki_one.len);
	buf_free(&spki_one);
	buf_free(&spki_two);
	keystore_free(one);
	keystore_free(two);
}
END_TEST

static const struct {
	const char *uri;
	enum err err;
	const char *said;
} bad_uris[] = {
    {"", ERR_SYNTAX, "RFC 7512"},
    {"pkcs12:token=firstring", ERR_SYNTAX, "RFC 7512"},
    {"pkcs11:token=%zz?module-path=/x", ERR_SYNTAX, "RFC 7512"},
    {"pkcs11:colour=red?module-path=" SOFTHSM_MODULE, ERR_SYNTAX, "RFC 7512"},
    {"pkcs11:token=firstring", ERR_RANGE, "module-path"},
    {"pkcs11:token=firstring?module-path=libsofthsm2.so", ERR_RANGE, "whole path"},
    {"pkcs11:token=firstring?module-path=/nonexistent.so", ERR_NOT_FOUND, "/nonexistent.so"},
    {"pkcs11:token=firstring?module-path=" SOFTHSM_MODULE "&pin-value=1234", ERR_DENIED, "PIN"},
    {"pkcs11:token=firstring;object=a%2Fb?module-path=" SOFTHSM_MODULE, ERR_RANGE, "object="},
};

START_TEST(a_bad_uri_is_told)
{
	char why[KEYSTORE_WHY_LEN] = "";
	struct keystore *store = NULL;

	ck_assert_int_eq(
	    try_open_token(bad_uris[_i].uri, SOFTHSM_PIN, &store, why), bad_uris[_i].err);
	ck_assert_msg(strstr(why, bad_uris[_i].said) != NULL, "%s", why);
	ck_assert_ptr_null(store);
}
END_TEST

START_TEST(the_token_must_be_the_one)
{
	char why[KEYSTORE_WHY_LEN] = "";
	struct keystore *store = open_token("pkcs11:token=elsewhere?module-path=" SOFTHSM_MODULE);

	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_UNAVAILABLE);
	ck_assert_msg(strstr(why, "no token") != NULL, "%s", why);
	keystore_free(store);
	softhsm_make_token(folder, "firstring");
	store = open_token(SOFTHSM_URI);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_REFUSED);
	ck_assert_msg(strstr(why, "2 tokens") != NULL, "%s", why);
	keystore_free(store);
}
END_TEST

START_TEST(a_refused_pin_is_not_tried_again)
{
	char why[KEYSTORE_WHY_LEN] = "";
	struct keystore *store = open_with_wrong_secret(TOKEN);

	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_SIGNATURE);
	ck_assert_int_eq(keystore_load(store, CA_KEY_ISSUING, why), ERR_SIGNATURE);
	ck_assert_msg(strstr(why, "not tried again") != NULL, "%s", why);
	keystore_free(store);
}
END_TEST

START_TEST(a_process_with_a_module_does_not_fork)
{
	struct keystore *store = open_store(TOKEN);

	if (fork() == 0)
		_exit(0);
	keystore_free(store);
}
END_TEST

START_TEST(without_the_module_it_forks_again)
{
	pid_t child;

	keystore_free(open_store(TOKEN));
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(0);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("keystores");
	TCase *both = tcase_create("both"), *token = tcase_create("token");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(both, 120);
	tcase_set_timeout(token, 120);
	tcase_add_checked_fixture(both, set_up, tear_down);
	tcase_add_checked_fixture(token, set_up, tear_down);
	tcase_add_loop_test(both, keys_sign_when_made_and_when_loaded_again, 0, KIND_COUNT);
	tcase_add_loop_test(both, a_certificate_is_signed_and_verified, 0, KIND_COUNT);
	tcase_add_loop_test(both, signatures_are_der_whatever_their_numbers, 0, KIND_COUNT);
	tcase_add_loop_test(both, the_claim_code_key_stays_the_same, 0, KIND_COUNT);
	tcase_add_loop_test(both, keys_are_described, 0, KIND_COUNT);
	tcase_add_loop_test(both, a_key_is_never_overwritten, 0, KIND_COUNT);
	tcase_add_loop_test(both, what_was_made_in_vain_is_taken_back, 0, KIND_COUNT);
	tcase_add_loop_test(both, a_wrong_secret_and_a_missing_key_are_told, 0, KIND_COUNT);
	tcase_add_test(token, a_session_that_died_is_opened_again);
	tcase_add_test(token, logged_out_means_logged_in_again);
	tcase_add_test(token, another_key_in_its_place_is_not_used);
	tcase_add_test(token, two_keys_of_a_label_are_none);
	tcase_add_test(token, a_key_that_does_more_than_sign_is_refused);
	tcase_add_test(token, a_prefix_lets_factories_share_a_token);
	tcase_add_loop_test(token, a_bad_uri_is_told, 0, COUNT(bad_uris));
	tcase_add_test(token, the_token_must_be_the_one);
	tcase_add_test(token, a_refused_pin_is_not_tried_again);
	tcase_add_test_raise_signal(token, a_process_with_a_module_does_not_fork, SIGABRT);
	tcase_add_test(token, without_the_module_it_forks_again);
	suite_add_tcase(suite, both);
	suite_add_tcase(suite, token);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
