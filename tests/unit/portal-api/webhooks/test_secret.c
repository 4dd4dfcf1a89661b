/* Secrets of webhooks: sealed for one webhook, and what they sign. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "portal-api/webhooks/secret.h"
#include "tests/lib/unit.h"

/* A ring with one key, by way of the file that it is read from. */
static struct seal_ring *ring_of(const char *digit)
{
	char path[] = "/tmp/ring-XXXXXX", why[256] = "";
	struct seal_ring *ring = NULL;
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	dprintf(fd, "7 ");
	for (int i = 0; i < 64; i++)
		dprintf(fd, "%s", digit);
	dprintf(fd, "\n");
	close(fd);
	ck_assert_msg(seal_ring_load(path, &ring, why, sizeof why) == ERR_OK, "%s", why);
	unlink(path);
	return ring;
}

START_TEST(a_secret_opens_for_its_webhook_under_its_ring)
{
	struct seal_ring *main_ring = ring_of("a");
	struct seal_ring *ring = seal_ring_derive(main_ring, "webhooks");
	struct seal_ring *other = seal_ring_derive(main_ring, "something else");
	struct secret secret = {0}, opened = {0};
	struct uuid id, another;
	struct buf sealed = {0};
	uuid_random(&id);
	uuid_random(&another);
	webhook_secret_make(&secret);
	ck_assert_uint_eq(secret.len, 70);
	webhook_secret_seal(ring, &id, &secret, &sealed);
	ck_assert_uint_eq(seal_ring_current(ring), 7);
	ck_assert_int_eq(
	    webhook_secret_open(ring, &another, sealed.bytes, sealed.len, &opened), ERR_SIGNATURE);
	ck_assert_int_eq(
	    webhook_secret_open(other, &id, sealed.bytes, sealed.len, &opened), ERR_SIGNATURE);
	ck_assert_int_eq(
	    webhook_secret_open(main_ring, &id, sealed.bytes, sealed.len, &opened), ERR_SIGNATURE);
	ck_assert_int_eq(webhook_secret_open(ring, &id, sealed.bytes, sealed.len, &opened), ERR_OK);
	ck_assert(secret_equal(&secret, &opened));
	secret_free(&secret);
	secret_free(&opened);
	buf_free(&sealed);
	seal_ring_free(ring);
	seal_ring_free(other);
	seal_ring_free(main_ring);
}
END_TEST

START_TEST(a_signature_as_others_compute_it)
{
	/* printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_x */
	static const char wanted[] = "t=1700000000,v1=";
	struct secret secret = {0};
	const struct secret *secrets[] = {&secret, &secret};
	struct buf field = {0};
	secret_set(&secret, "whsec_x", 7);
	webhook_sign(secrets, 2, 1700000000, "{}", 2, &field);
	buf_put_u8(&field, 0);
	const char *text = (const char *)field.bytes;
	ck_assert_int_eq(strncmp(text, wanted, sizeof wanted - 1), 0);
	ck_assert_str_eq(text + sizeof wanted - 1,
	    "be8cb8325f2202445260a855532f967e30ad2a9394ce28da66ee02880ddcb661,v1="
	    "be8cb8325f2202445260a855532f967e30ad2a9394ce28da66ee02880ddcb661");
	buf_free(&field);
	secret_free(&secret);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("webhook secret");
	TCase *tests = tcase_create("secret");
	tcase_add_test(tests, a_secret_opens_for_its_webhook_under_its_ring);
	tcase_add_test(tests, a_signature_as_others_compute_it);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
