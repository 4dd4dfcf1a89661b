/* Custodians' shares: k of them give the key, fewer or wrong ones do not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "factory-ca/signer/custody.h"
#include "factory-ca/signer/sealed.h"
#include "tests/lib/test_factory.h"

static struct secret kek;
static struct custody_share shares[CUSTODIANS_MAX];
static char why[KEYSTORE_WHY_LEN];

static void set_up(void)
{
	secret_alloc(&kek, SEALED_KEK_LEN);
	random_fill(kek.bytes, SEALED_KEK_LEN);
	why[0] = '\0';
}

static void split(unsigned threshold, unsigned count)
{
	ck_assert_int_eq(custody_split(&kek, threshold, count, shares), ERR_OK);
}

static void tear_down(void)
{
	unsigned i;

	for (i = 0; i < CUSTODIANS_MAX; i++)
		custody_share_free(&shares[i]);
	secret_free(&kek);
}

static struct custody_share copy_of(const struct custody_share *share)
{
	struct custody_share copy = *share;

	copy.value = (struct secret){0};
	secret_set(&copy.value, share->value.bytes, share->value.len);
	return copy;
}

static enum err give(struct custody *custody, unsigned number)
{
	struct custody_share share = copy_of(&shares[number - 1]);
	enum err err = custody_give(custody, &share, why);

	ck_assert_ptr_null(share.value.bytes); /* taken, or wiped */
	return err;
}

START_TEST(any_three_of_five_give_the_key)
{
	unsigned a, b, c;

	split(3, 5);
	for (a = 1; a <= 3; a++)
		for (b = a + 1; b <= 4; b++)
			for (c = b + 1; c <= 5; c++) {
				struct custody custody = {0};
				struct secret found = {0};

				ck_assert_int_eq(give(&custody, c), ERR_OK);
				ck_assert_int_eq(give(&custody, a), ERR_OK);
				ck_assert(!custody_is_complete(&custody));
				ck_assert_int_eq(give(&custody, b), ERR_OK);
				ck_assert(custody_is_complete(&custody));
				ck_assert_int_eq(custody_combine(&custody, &found, why), ERR_OK);
				ck_assert(secret_equal(&found, &kek));
				ck_assert_uint_eq(custody.count, 0);
				secret_free(&found);
			}
}
END_TEST

START_TEST(the_most_and_the_fewest)
{
	struct custody custody = {0};
	struct secret found = {0};
	unsigned i;

	split(CUSTODIANS_MAX, CUSTODIANS_MAX);
	for (i = 1; i <= CUSTODIANS_MAX; i++)
		ck_assert_int_eq(give(&custody, i), ERR_OK);
	ck_assert_int_eq(custody_combine(&custody, &found, why), ERR_OK);
	ck_assert(secret_equal(&found, &kek));
	secret_free(&found);
	ck_assert_int_eq(custody_split(&kek, 1, 3, shares), ERR_RANGE);
	ck_assert_int_eq(custody_split(&kek, 4, 3, shares), ERR_RANGE);
	ck_assert_int_eq(custody_split(&kek, 2, CUSTODIANS_MAX + 1, shares), ERR_RANGE);
}
END_TEST

START_TEST(no_share_tells_the_key)
{
	unsigned i;

	split(2, 3);
	for (i = 0; i < 3; i++)
		ck_assert(!secret_equal(&shares[i].value, &kek));
	ck_assert_mem_ne(shares[0].value.bytes, shares[1].value.bytes, SEALED_KEK_LEN);
	ck_assert_mem_ne(shares[0].kek_sha256, kek.bytes, SHA256_LEN);
}
END_TEST

START_TEST(a_custodian_counts_once)
{
	struct custody custody = {0};

	split(2, 3);
	ck_assert_int_eq(give(&custody, 2), ERR_OK);
	ck_assert_int_eq(give(&custody, 2), ERR_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "custodian 2"));
	ck_assert(!custody_is_complete(&custody));
	custody_forget(&custody);
}
END_TEST

START_TEST(a_share_of_another_split_is_refused)
{
	struct custody custody = {0};
	struct custody_share others[3];
	unsigned i;

	split(2, 3);
	ck_assert_int_eq(custody_split(&kek, 2, 3, others), ERR_OK);
	ck_assert_int_eq(give(&custody, 1), ERR_OK);
	ck_assert_int_eq(custody_give(&custody, &others[1], why), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "another split"));
	custody_forget(&custody);
	for (i = 0; i < 3; i++)
		custody_share_free(&others[i]);
}
END_TEST

START_TEST(a_false_share_gives_nothing_and_all_are_forgotten)
{
	struct custody custody = {0};
	struct secret found = {0};

	split(2, 3);
	shares[1].value.bytes[7] ^= 1;
	ck_assert_int_eq(give(&custody, 1), ERR_OK);
	ck_assert_int_eq(give(&custody, 2), ERR_OK);
	ck_assert_int_eq(custody_combine(&custody, &found, why), ERR_SIGNATURE);
	ck_assert_ptr_null(found.bytes);
	ck_assert_uint_eq(custody.count, 0);
}
END_TEST

static struct secret passphrase_of(const char *text)
{
	struct secret passphrase = {0};

	secret_set(&passphrase, text, strlen(text));
	return passphrase;
}

START_TEST(a_share_opens_with_its_passphrase_alone)
{
	struct secret right = passphrase_of("correct horse"), wrong = passphrase_of("wrong horse");
	struct custody_share opened = {0};
	struct buf file = {0};
	size_t i;

	split(2, 3);
	ck_assert_int_eq(custody_share_seal(&shares[2], &right, TEST_SCRYPT_LOG2_N, &file), ERR_OK);
	ck_assert_ptr_null(
	    memmem(file.bytes, file.len, shares[2].value.bytes, shares[2].value.len));
	ck_assert_int_eq(custody_share_describe(file.bytes, file.len, &opened), ERR_OK);
	ck_assert_uint_eq(opened.number, 3);
	ck_assert_uint_eq(opened.threshold, 2);
	ck_assert_uint_eq(opened.count, 3);
	ck_assert_ptr_null(opened.value.bytes);
	ck_assert_int_eq(custody_share_open(file.bytes, file.len, &wrong, &opened), ERR_SIGNATURE);
	ck_assert_int_eq(custody_share_open(file.bytes, file.len, &right, &opened), ERR_OK);
	ck_assert(secret_equal(&opened.value, &shares[2].value));
	custody_share_free(&opened);
	/* No byte of it can be changed, and none can be missing. */
	for (i = 0; i < file.len; i += i < 60 ? 9 : 17) {
		file.bytes[i] ^= 1;
		ck_assert_int_ne(custody_share_open(file.bytes, file.len, &right, &opened), ERR_OK);
		file.bytes[i] ^= 1;
		ck_assert_int_eq(custody_share_open(file.bytes, i, &right, &opened), ERR_SYNTAX);
	}
	buf_free(&file);
	secret_free(&right);
	secret_free(&wrong);
}
END_TEST

START_TEST(a_share_travels_to_the_signer)
{
	struct custody_share arrived = {0};
	struct buf payload = {0};
	size_t i;

	split(2, 3);
	custody_share_encode(&payload, &shares[0]);
	ck_assert_int_eq(
	    custody_share_decode(cursor_of(payload.bytes, payload.len), &arrived), ERR_OK);
	ck_assert(secret_equal(&arrived.value, &shares[0].value));
	custody_share_free(&arrived);
	for (i = 0; i < payload.len; i++)
		ck_assert_int_eq(
		    custody_share_decode(cursor_of(payload.bytes, i), &arrived), ERR_SYNTAX);
	buf_put_u8(&payload, 0);
	ck_assert_int_eq(
	    custody_share_decode(cursor_of(payload.bytes, payload.len), &arrived), ERR_SYNTAX);
	payload.bytes[CUSTODY_SET_LEN] = 4; /* the fourth of three */
	ck_assert_int_eq(
	    custody_share_decode(cursor_of(payload.bytes, payload.len - 1), &arrived), ERR_SYNTAX);
	buf_wipe(&payload);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("custody");
	TCase *tcase = tcase_create("custody");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, any_three_of_five_give_the_key);
	tcase_add_test(tcase, the_most_and_the_fewest);
	tcase_add_test(tcase, no_share_tells_the_key);
	tcase_add_test(tcase, a_custodian_counts_once);
	tcase_add_test(tcase, a_share_of_another_split_is_refused);
	tcase_add_test(tcase, a_false_share_gives_nothing_and_all_are_forgotten);
	tcase_add_test(tcase, a_share_opens_with_its_passphrase_alone);
	tcase_add_test(tcase, a_share_travels_to_the_signer);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
