/* From a record to a body: which password, opened for whom, and what a broken record says. */
#include "redirector/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/answer/password.h"
#include "tests/lib/unit.h"

static const struct mac PHONE = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};
static const struct mac OTHER = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcd}};

static struct format *format;
static struct seal_ring *ring;
static struct lookup_row row;

static void setup(void)
{
	static const char TEXT[] =
	    "content-type: text/plain\nescape: json\nown: {mac}.cfg\nown: {mac}.boot -> boot\n"
	    "--- main\n{{admin_user}} {{admin_password}} {{other_password}}"
	    "{{each provisioning_urls}} {{item}}{{/each}}{{each trust_anchors}} {{item}}{{/each}}\n"
	    "--- boot\n{{mac}}\n";
	char path[] = "/tmp/firstring-ring-XXXXXX", why[256] = "";
	struct secret password = {0};
	struct seal_binding binding = {.mac = PHONE, .claim_id = {7}};
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "1 %064d\n", 1), 0);
	close(fd);
	ck_assert_msg(seal_ring_load(path, &ring, why, sizeof(why)) == ERR_OK, "%s", why);
	unlink(path);
	ck_assert_int_eq(
	    format_parse("t", TEXT, sizeof(TEXT) - 1, &format, why, sizeof(why)), ERR_OK);
	row = (struct lookup_row){.mac = PHONE,
	    .serial_number = "SN 1",
	    .model = "T46G",
	    .admin_user = "boss",
	    .is_claimed = 1,
	    .claim_id = {7},
	    .fallback_count = 1};
	buf_put_str(&row.provisioning_url, "https://a.example/{mac}");
	buf_put_str(&row.fallback_urls[0], "https://b.example/{serial}");
	buf_put_str(&row.trust_anchors, "");
	secret_set(&password, "kR7vTq2mWz9x", 12);
	ck_assert_int_eq(seal(ring, &binding, &password, &row.sealed_password), ERR_OK);
	secret_free(&password);
}

static void teardown(void)
{
	buf_free(&row.provisioning_url);
	buf_free(&row.fallback_urls[0]);
	buf_free(&row.trust_anchors);
	buf_free(&row.sealed_password);
	seal_ring_free(ring);
	format_free(format);
}

/* Renders body 0, which must work, and cuts the line's end off. */
static void render(struct buf *out)
{
	const char *field = "";

	ck_assert_msg(
	    answer_render(format, 0, &row, ring, NULL, out, &field) == ERR_OK, "field %s", field);
	out->bytes[out->len - 1] = '\0';
}

START_TEST(renders_the_record)
{
	struct buf out = {0};
	char user[16], admin[32], other[32], url[64], fallback[64];

	render(&out);
	ck_assert_int_eq(sscanf((const char *)out.bytes, "%15s %31s %31s %63s %63s", user, admin,
			     other, url, fallback),
	    5);
	ck_assert_str_eq(user, "boss");
	ck_assert_str_eq(admin, "kR7vTq2mWz9x");
	ck_assert_str_eq(url, "https://a.example/001565aabbcc");
	ck_assert_str_eq(fallback, "https://b.example/SN%201");
	ck_assert_int_eq(password_check(other, strlen(other), "001565AABBCC", "SN 1"), PASSWORD_OK);
	buf_free(&out);
}
END_TEST

START_TEST(says_the_same_each_time)
{
	struct buf first = {0}, again = {0};

	render(&first);
	render(&again);
	ck_assert_str_eq((const char *)first.bytes, (const char *)again.bytes);
	buf_free(&first);
	buf_free(&again);
}
END_TEST

START_TEST(cuts_trust_anchors_apart)
{
	static const char PEM[] =
	    "subject=x\r\n-----BEGIN CERTIFICATE-----\r\nAA\r\n-----END CERTIFICATE-----\n\n"
	    "-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----";
	struct buf out = {0};

	buf_put_str(&row.trust_anchors, PEM);
	render(&out);
	ck_assert_ptr_nonnull(strstr((const char *)out.bytes,
	    " -----BEGIN CERTIFICATE-----\\nAA\\n-----END CERTIFICATE-----"
	    " -----BEGIN CERTIFICATE-----\\nBB\\n-----END CERTIFICATE-----"));
	ck_assert_ptr_null(strstr((const char *)out.bytes, "subject"));
	buf_free(&out);
}
END_TEST

START_TEST(opens_nothing_for_a_master_file)
{
	struct buf out = {0};
	const char *field = "";

	buf_clear(&row.sealed_password);
	ck_assert_int_eq(answer_render(format, 1, &row, ring, NULL, &out, &field), ERR_OK);
	ck_assert_str_eq((const char *)out.bytes, "001565aabbcc\n");
	buf_free(&out);
}
END_TEST

START_TEST(stage_one_names_nobody)
{
	static const char STAGE[] = "https://r.example/s/0123456789abcdef0123456789abcdef/";
	struct buf out = {0};
	const char *field = "";

	buf_put_str(
	    &row.trust_anchors, "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n");
	ck_assert_int_eq(answer_render(format, 0, &row, ring, STAGE, &out, &field), ERR_OK);
	buf_put_u8(&out, 0);
	ck_assert_ptr_nonnull(strstr((const char *)out.bytes, STAGE));
	ck_assert_ptr_nonnull(strstr((const char *)out.bytes, "kR7vTq2mWz9x"));
	ck_assert_ptr_null(strstr((const char *)out.bytes, "a.example"));
	ck_assert_ptr_null(strstr((const char *)out.bytes, "b.example"));
	ck_assert_ptr_null(strstr((const char *)out.bytes, "CERTIFICATE"));
	buf_free(&out);
}
END_TEST

enum broken {
	NO_PASSWORD,
	ANOTHER_PHONE,
	ANOTHER_CLAIM,
	CUT,
	PLAIN_URL,
	PLAIN_FALLBACK,
	BROKEN_COUNT
};

START_TEST(a_broken_record_gives_nothing_and_is_named)
{
	static const char *const FIELDS[BROKEN_COUNT] = {"admin_password", "admin_password",
	    "admin_password", "admin_password", "provisioning_url", "fallback_urls"};
	struct buf out = {0};
	const char *field = "";

	switch ((enum broken)_i) {
	case NO_PASSWORD:
		buf_clear(&row.sealed_password);
		break;
	case ANOTHER_PHONE:
		row.mac = OTHER;
		break;
	case ANOTHER_CLAIM:
		row.claim_id[0] = 8;
		break;
	case CUT:
		row.sealed_password.len--;
		break;
	case PLAIN_URL:
		memcpy(row.provisioning_url.bytes, "http:///", 8);
		break;
	case PLAIN_FALLBACK:
		memcpy(row.fallback_urls[0].bytes, "http:///", 8);
		break;
	case BROKEN_COUNT:
		break;
	}
	ck_assert_int_ne(answer_render(format, 0, &row, ring, NULL, &out, &field), ERR_OK);
	ck_assert_str_eq(field, FIELDS[_i]);
	ck_assert_uint_eq(out.len, 0);
	buf_free(&out);
}
END_TEST

START_TEST(other_passwords_differ_by_phone_and_password)
{
	struct secret admin = {0}, a = {0}, b = {0}, c = {0};

	secret_set(&admin, "kR7vTq2mWz9x", 12);
	answer_other_password(&PHONE, &admin, &a);
	answer_other_password(&OTHER, &admin, &b);
	admin.bytes[0]++;
	answer_other_password(&PHONE, &admin, &c);
	ck_assert(!secret_equal(&a, &b) && !secret_equal(&a, &c) && !secret_equal(&b, &c));
	secret_free(&admin);
	secret_free(&a);
	secret_free(&b);
	secret_free(&c);
}
END_TEST

START_TEST(other_passwords_are_always_strong)
{
	for (int i = 0; i < 2000; i++) {
		struct secret admin = {0}, other = {0};
		secret_set(&admin, &i, sizeof(i));
		answer_other_password(&PHONE, &admin, &other);
		ck_assert_uint_eq(other.len, PASSWORD_LEN_DEFAULT);
		ck_assert_int_eq(
		    password_check((const char *)other.bytes, other.len, NULL, NULL), PASSWORD_OK);
		secret_free(&admin);
		secret_free(&other);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector answer");
	TCase *tests = tcase_create("all");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, renders_the_record);
	tcase_add_test(tests, says_the_same_each_time);
	tcase_add_test(tests, cuts_trust_anchors_apart);
	tcase_add_test(tests, stage_one_names_nobody);
	tcase_add_test(tests, opens_nothing_for_a_master_file);
	tcase_add_loop_test(tests, a_broken_record_gives_nothing_and_is_named, 0, BROKEN_COUNT);
	tcase_add_test(tests, other_passwords_differ_by_phone_and_password);
	tcase_add_test(tests, other_passwords_are_always_strong);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
