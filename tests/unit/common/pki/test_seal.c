/* A sealed password opens for its phone and claim alone, and under every key of the ring. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/pki/seal.h"
#include "tests/lib/certificates.h"
#include "tests/lib/unit.h"

#define KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "FFEEDDCCBBAA99887766554433221100FFEEDDCCBBAA99887766554433221100"

static const struct seal_binding BINDING = {
    .mac = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}}, .claim_id = {1, 2, 3}};

static char folder[] = "/tmp/firstring-seal-XXXXXX";
static char path[sizeof folder + 16];
static char why[256];

static void begin(void)
{
	strcpy(folder, "/tmp/firstring-seal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/ring", folder);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static void end(void)
{
	unlink(path);
	rmdir(folder);
}

static struct seal_ring *ring_of(const char *text)
{
	struct seal_ring *ring = NULL;

	text_write(path, 0600, text);
	ck_assert_msg(seal_ring_load(path, &ring, why, sizeof why) == ERR_OK, "%s", why);
	return ring;
}

static void seal_text(const struct seal_ring *ring, const char *text, struct buf *sealed)
{
	struct secret plain = {0};

	secret_set(&plain, text, strlen(text));
	ck_assert_int_eq(seal(ring, &BINDING, &plain, sealed), ERR_OK);
	secret_free(&plain);
}

START_TEST(what_was_sealed_opens)
{
	struct seal_ring *ring = ring_of("1 " KEY_A "\n");
	struct buf sealed = {0};
	struct secret plain = {0};

	buf_put_str(&sealed, "before");
	seal_text(ring, "aB3dEf6hIj9lMn2p", &sealed);
	ck_assert_uint_eq(sealed.len, 6 + SEAL_OVERHEAD + 16);
	ck_assert_mem_eq(sealed.bytes, "before\x00\x01", 8);
	ck_assert_ptr_null(memmem(sealed.bytes, sealed.len, "aB3d", 4));
	ck_assert_int_eq(
	    seal_open(ring, &BINDING, sealed.bytes + 6, sealed.len - 6, &plain), ERR_OK);
	ck_assert_str_eq((char *)plain.bytes, "aB3dEf6hIj9lMn2p");
	secret_free(&plain);
	buf_free(&sealed);
	seal_ring_free(ring);
	seal_ring_free(NULL);
}
END_TEST

START_TEST(the_same_password_is_never_sealed_the_same)
{
	struct seal_ring *ring = ring_of("1 " KEY_A "\n");
	struct buf first = {0}, second = {0};

	seal_text(ring, "password", &first);
	seal_text(ring, "password", &second);
	ck_assert_mem_ne(first.bytes, second.bytes, first.len);
	buf_free(&first);
	buf_free(&second);
	seal_ring_free(ring);
}
END_TEST

START_TEST(another_phone_claim_or_purpose_does_not_open_it)
{
	struct seal_ring *ring = ring_of("1 " KEY_A "\n");
	struct buf sealed = {0};
	struct secret plain = {0};

	seal_text(ring, "password", &sealed);
	for (size_t bit = 0; bit <= 8 * (MAC_LEN + sizeof BINDING.claim_id); bit++) {
		struct seal_binding other = BINDING;
		if (bit < 8 * MAC_LEN)
			other.mac.octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		else if (bit < 8 * (MAC_LEN + sizeof other.claim_id))
			other.claim_id[bit / 8 - MAC_LEN] ^= (uint8_t)(1 << bit % 8);
		else
			other.purpose = SEAL_SECOND_FACTOR;
		ck_assert_int_eq(
		    seal_open(ring, &other, sealed.bytes, sealed.len, &plain), ERR_SIGNATURE);
		ck_assert_ptr_null(plain.bytes);
	}
	buf_free(&sealed);
	seal_ring_free(ring);
}
END_TEST

START_TEST(no_flipped_bit_passes)
{
	struct seal_ring *ring = ring_of("1 " KEY_A "\n");
	struct buf sealed = {0};
	struct secret plain = {0};

	seal_text(ring, "password", &sealed);
	for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
		sealed.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* The first two bytes name the key. */
		ck_assert_int_eq(seal_open(ring, &BINDING, sealed.bytes, sealed.len, &plain),
		    bit < 16 ? ERR_NOT_FOUND : ERR_SIGNATURE);
		sealed.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < sealed.len; len++) {
		enum err err = seal_open(ring, &BINDING, sealed.bytes, len, &plain);
		ck_assert_int_eq(err, len <= SEAL_OVERHEAD ? ERR_SYNTAX : ERR_SIGNATURE);
	}
	ck_assert_ptr_null(plain.bytes);
	ck_assert_int_eq(seal_open(ring, &BINDING, sealed.bytes, sealed.len, &plain), ERR_OK);
	secret_free(&plain);
	buf_free(&sealed);
	seal_ring_free(ring);
}
END_TEST

START_TEST(every_key_opens_and_the_newest_seals)
{
	struct seal_ring *old = ring_of("1 " KEY_A "\n");
	struct seal_ring *both = ring_of("# rotated\n1 " KEY_A "\n\n2 " KEY_B);
	struct seal_ring *new = ring_of("2 " KEY_B "\n");
	struct buf by_old = {0}, by_both = {0};
	struct secret plain = {0};

	ck_assert_uint_eq(seal_ring_current(old), 1);
	ck_assert_uint_eq(seal_ring_current(both), 2);
	seal_text(old, "password", &by_old);
	seal_text(both, "password", &by_both);
	ck_assert_int_eq(seal_open(both, &BINDING, by_old.bytes, by_old.len, &plain), ERR_OK);
	secret_free(&plain);
	ck_assert_int_eq(seal_open(new, &BINDING, by_both.bytes, by_both.len, &plain), ERR_OK);
	secret_free(&plain);
	ck_assert_int_eq(seal_open(new, &BINDING, by_old.bytes, by_old.len, &plain), ERR_NOT_FOUND);
	ck_assert_int_eq(
	    seal_open(old, &BINDING, by_both.bytes, by_both.len, &plain), ERR_NOT_FOUND);
	buf_free(&by_old);
	buf_free(&by_both);
	seal_ring_free(old);
	seal_ring_free(both);
	seal_ring_free(new);
}
END_TEST

START_TEST(an_id_with_another_key_does_not_open_it)
{
	struct seal_ring *one = ring_of("1 " KEY_A "\n"), *other = ring_of("1 " KEY_B "\n");
	struct buf sealed = {0};
	struct secret plain = {0};

	seal_text(one, "password", &sealed);
	ck_assert_int_eq(
	    seal_open(other, &BINDING, sealed.bytes, sealed.len, &plain), ERR_SIGNATURE);
	buf_free(&sealed);
	seal_ring_free(one);
	seal_ring_free(other);
}
END_TEST

static const struct {
	const char *text, *says;
} MISTAKES[] = {
    {"", ": the key ring holds no key"},
    {"# only a comment\n", ": the key ring holds no key"},
    {KEY_A "\n", ":1: it is not \"<id> <64 hex digits>\""},
    {"1 " KEY_A "\n2\n", ":2: it is not"},
    {"0 " KEY_A "\n", ":1: the id is not a number from 1 to 65535"},
    {"65536 " KEY_A "\n", ":1: the id"},
    {"-1 " KEY_A "\n", ":1: the id"},
    {"01 " KEY_A "\n", ":1: the id"},
    {"x " KEY_A "\n", ":1: the id"},
    {" 1 " KEY_A "\n", ":1: the id"},
    {"1  " KEY_A "\n", ":1: the key is not 64 hex digits"},
    {"# head\n\n1 " KEY_A "0\n", ":3: the key"},
    {"1 " KEY_A " \n", ":1: the key"},
    {"1 00112233\n", ":1: the key"},
    {"1 " KEY_A "\n1 " KEY_B "\n", ":2: the id is there twice"},
};

START_TEST(a_malformed_ring_names_its_line)
{
	struct seal_ring *ring = NULL;

	text_write(path, 0600, MISTAKES[_i].text);
	ck_assert_int_eq(seal_ring_load(path, &ring, why, sizeof why), ERR_SYNTAX);
	ck_assert_ptr_null(ring);
	ck_assert_int_eq(strncmp(why, path, strlen(path)), 0);
	ck_assert_msg(
	    strncmp(why + strlen(path), MISTAKES[_i].says, strlen(MISTAKES[_i].says)) == 0, "%s",
	    why);
	ck_assert_msg(strstr(why, "00112233") == NULL, "a key in a message: %s", why);
}
END_TEST

START_TEST(a_ring_that_others_can_read_is_refused)
{
	struct seal_ring *ring = NULL;

	text_write(path, 0644, "1 " KEY_A "\n");
	ck_assert_int_eq(seal_ring_load(path, &ring, why, sizeof why), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(why, path));
	unlink(path);
	ck_assert_int_eq(seal_ring_load(path, &ring, why, sizeof why), ERR_IO);
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
	ck_assert_ptr_null(ring);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("seal");
	TCase *tests = tcase_create("seal");

	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, what_was_sealed_opens);
	tcase_add_test(tests, the_same_password_is_never_sealed_the_same);
	tcase_add_test(tests, another_phone_claim_or_purpose_does_not_open_it);
	tcase_add_test(tests, no_flipped_bit_passes);
	tcase_add_test(tests, every_key_opens_and_the_newest_seals);
	tcase_add_test(tests, an_id_with_another_key_does_not_open_it);
	tcase_add_loop_test(tests, a_malformed_ring_names_its_line, 0, COUNT(MISTAKES));
	tcase_add_test(tests, a_ring_that_others_can_read_is_refused);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
