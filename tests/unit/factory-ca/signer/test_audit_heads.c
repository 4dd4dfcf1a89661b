/* Heads of the audit chain: one spelling, frames that hold nothing else, and a signer that
 * remembers over restarts and power cuts. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "factory-ca/signer/audit_heads.h"
#include "tests/lib/unit.h"

static char folder[64], path[96];
static struct keystore *store;
static const struct fingerprint issuer = {{7}};

static void setup(void)
{
	const struct secret passphrase = {
	    .bytes = (uint8_t *)(uintptr_t) "secret words", .len = 12};
	char why[KEYSTORE_WHY_LEN], keys[96];

	strcpy(folder, "/tmp/firstring-heads-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/audit.head", folder);
	snprintf(keys, sizeof(keys), "%s", folder);
	store = keystore_file_new(keys, &passphrase, KEYSTORE_SCRYPT_LOG2_N_MIN);
	ck_assert_int_eq(keystore_generate(store, CA_KEY_ISSUING, why), ERR_OK);
}

static void teardown(void)
{
	char name[96];

	keystore_free(store);
	unlink(path);
	snprintf(name, sizeof(name), "%s/issuing.key", folder);
	unlink(name);
	rmdir(folder);
}

static struct audit_heads *opened(void)
{
	char why[AUDIT_HEADS_WHY_LEN] = "";
	struct audit_heads *heads = NULL;

	ck_assert_msg(audit_heads_open(folder, &heads, why) == ERR_OK, "%s", why);
	return heads;
}

static struct signer_audit_head_is asked(
    struct audit_heads *heads, uint64_t seq, uint8_t hash, int64_t now)
{
	const struct signer_audit_end end = {.chain_seq = seq, .row_hash = {hash}};
	struct signer_audit_head_is answer;

	ck_assert_int_eq(
	    audit_heads_sign(heads, store, CA_KEY_ISSUING, &issuer, &end, now, &answer), ERR_OK);
	return answer;
}

START_TEST(a_head_has_one_spelling)
{
	const struct audit_head head = {
	    .chain_seq = 12, .row_hash = {1}, .at_unix_s = 1500000000, .issuer = {{2}}};
	static const char *const wrong[] = {"", "firstring audit head v1 ",
	    "firstring audit head v1 seq=0 row=", "firstring audit head v2 seq=12"};
	char text[AUDIT_HEAD_TEXT_MAX + 1], altered[AUDIT_HEAD_TEXT_MAX + 2];
	struct audit_head again;
	size_t i, len;

	audit_head_write(&head, text);
	len = strlen(text);
	ck_assert_int_eq(audit_head_parse(text, len, &again), ERR_OK);
	ck_assert_uint_eq(again.chain_seq, 12);
	ck_assert_int_eq(again.at_unix_s, 1500000000);
	ck_assert_mem_eq(again.issuer.bytes, head.issuer.bytes, SHA256_LEN);
	for (i = 0; i < COUNT(wrong); i++)
		ck_assert_int_eq(audit_head_parse(wrong[i], strlen(wrong[i]), &again), ERR_SYNTAX);
	for (i = 0; i < len; i++)
		ck_assert_int_eq(audit_head_parse(text, i, &again), ERR_SYNTAX);
	snprintf(altered, sizeof(altered), "%s ", text);
	ck_assert_int_eq(audit_head_parse(altered, len + 1, &again), ERR_SYNTAX);
	strcpy(altered, text);
	*strstr(altered, "=01") = '+';
	ck_assert_int_eq(audit_head_parse(altered, len, &again), ERR_SYNTAX);
	strcpy(altered, text);
	memcpy(strstr(altered, "Z issuer"), "z", 1);
	ck_assert_int_eq(audit_head_parse(altered, len, &again), ERR_SYNTAX);
}
END_TEST

START_TEST(the_request_is_a_number_and_a_hash_and_nothing_else)
{
	const struct signer_audit_end end = {.chain_seq = 5, .row_hash = {9}};
	struct signer_audit_end found;
	struct buf frame = {0};
	size_t len;

	signer_audit_head_encode(&frame, &end);
	ck_assert_int_eq(
	    signer_audit_head_decode(cursor_of(frame.bytes, frame.len), &found), ERR_OK);
	ck_assert_mem_eq(&found, &end, sizeof(end));
	for (len = 0; len < frame.len; len++)
		ck_assert_int_eq(
		    signer_audit_head_decode(cursor_of(frame.bytes, len), &found), ERR_SYNTAX);
	buf_put_u8(&frame, 0);
	ck_assert_int_eq(
	    signer_audit_head_decode(cursor_of(frame.bytes, frame.len), &found), ERR_SYNTAX);
	memset(frame.bytes, 0, 8);
	ck_assert_int_eq(
	    signer_audit_head_decode(cursor_of(frame.bytes, frame.len - 1), &found), ERR_SYNTAX);
	buf_free(&frame);
}
END_TEST

START_TEST(an_answer_goes_through_whole_or_not_at_all)
{
	struct audit_heads *heads = opened();
	struct signer_audit_head_is answer, found;
	struct buf frame = {0};
	size_t len;

	asked(heads, 1, 1, 1000);
	answer = asked(heads, 2, 2, 1001);
	signer_audit_head_is_encode(&frame, &answer);
	ck_assert_int_eq(
	    signer_audit_head_is_decode(cursor_of(frame.bytes, frame.len), &found), ERR_OK);
	ck_assert_str_eq(found.before.text, answer.before.text);
	ck_assert_str_eq(found.last.text, answer.last.text);
	for (len = 0; len < frame.len; len++)
		ck_assert_int_eq(
		    signer_audit_head_is_decode(cursor_of(frame.bytes, len), &found), ERR_SYNTAX);
	buf_free(&frame);
	audit_heads_free(heads);
}
END_TEST

START_TEST(heads_follow_one_another_and_never_go_back)
{
	struct audit_heads *heads = opened();
	struct signer_audit_head_is answer = asked(heads, 10, 1, 1000);
	struct audit_head first, second;
	uint8_t digest[SHA256_LEN];

	ck_assert_int_eq(answer.outcome, AUDIT_HEAD_SIGNED);
	ck_assert_str_eq(answer.before.text, "");
	audit_head_digest(answer.last.text, digest);
	ck_assert_int_eq(
	    audit_head_parse(answer.last.text, strlen(answer.last.text), &first), ERR_OK);
	ck_assert_int_eq(asked(heads, 10, 1, 1060).outcome, AUDIT_HEAD_SAME);
	ck_assert_int_eq(asked(heads, 9, 1, 1060).outcome, AUDIT_HEAD_BACKWARDS);
	ck_assert_int_eq(asked(heads, 10, 2, 1060).outcome, AUDIT_HEAD_FORK);
	audit_heads_free(heads);

	heads = opened(); /* a restart */
	ck_assert_int_eq(asked(heads, 9, 1, 1060).outcome, AUDIT_HEAD_BACKWARDS);
	answer = asked(heads, 11, 2, 1060);
	ck_assert_int_eq(answer.outcome, AUDIT_HEAD_SIGNED);
	ck_assert_int_eq(
	    audit_head_parse(answer.last.text, strlen(answer.last.text), &second), ERR_OK);
	ck_assert_mem_eq(second.previous, digest, SHA256_LEN);
	ck_assert_int_eq(asked(heads, 11, 2, 1060 + AUDIT_HEAD_RENEW_S).outcome, AUDIT_HEAD_SIGNED);
	audit_heads_free(heads);
}
END_TEST

START_TEST(a_clock_that_runs_backwards_gets_no_head)
{
	struct audit_heads *heads = opened();
	const struct signer_audit_end end = {.chain_seq = 2, .row_hash = {1}};
	struct signer_audit_head_is answer;

	asked(heads, 1, 1, 1000);
	ck_assert_int_eq(
	    audit_heads_sign(heads, store, CA_KEY_ISSUING, &issuer, &end, 999, &answer),
	    ERR_UNAVAILABLE);
	audit_heads_free(heads);
}
END_TEST

START_TEST(a_torn_write_leaves_the_head_before)
{
	struct audit_heads *heads = opened();
	char why[AUDIT_HEADS_WHY_LEN];
	int fd;

	asked(heads, 1, 1, 1000);
	asked(heads, 2, 1, 1000);
	audit_heads_free(heads);
	fd = open(path, O_RDWR);
	/* The second head is in the first place. */
	ck_assert_int_eq(pwrite(fd, "torn", 4, 100), 4);
	heads = opened();
	ck_assert_int_eq(asked(heads, 1, 1, 1000).outcome, AUDIT_HEAD_SAME);
	audit_heads_free(heads);
	ck_assert_int_eq(pwrite(fd, "torn", 4, 1024 + 100), 4);
	ck_assert_int_eq(audit_heads_open(folder, &heads, why), ERR_SIGNATURE);
	ck_assert_ptr_nonnull(strstr(why, "altered"));
	close(fd);
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused)
{
	struct audit_heads *heads = opened();
	char why[AUDIT_HEADS_WHY_LEN];

	audit_heads_free(heads);
	ck_assert_int_eq(chmod(path, 0660), 0);
	ck_assert_int_eq(audit_heads_open(folder, &heads, why), ERR_DENIED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("audit_heads");
	TCase *tests = tcase_create("heads");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_head_has_one_spelling);
	tcase_add_test(tests, the_request_is_a_number_and_a_hash_and_nothing_else);
	tcase_add_test(tests, an_answer_goes_through_whole_or_not_at_all);
	tcase_add_test(tests, heads_follow_one_another_and_never_go_back);
	tcase_add_test(tests, a_clock_that_runs_backwards_gets_no_head);
	tcase_add_test(tests, a_torn_write_leaves_the_head_before);
	tcase_add_test(tests, a_file_that_others_may_write_is_refused);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
