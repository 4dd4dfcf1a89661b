/* Which fields are credentials, and what they are looked up by. */
#include "redirector/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "tests/lib/unit.h"

static enum err read_text(const char *scheme, const char *text, struct credentials *credentials)
{
	struct buf field = {0};

	buf_put_str(&field, scheme);
	base64_encode(&field, text, strlen(text), 0);
	enum err err =
	    credentials_read((struct span){(const char *)field.bytes, field.len}, credentials);
	buf_free(&field);
	return err;
}

START_TEST(the_key_is_what_the_databases_compute)
{
	/* sql/tests/cases/credential_lookup.sql has the same example. */
	static const char EXAMPLE[] = "firstring device credential v1\0"
				      "0015650F0001\0";
	uint8_t message[sizeof(EXAMPLE) - 1 + SHA256_LEN], expected[SHA256_LEN];
	struct credentials credentials;

	memcpy(message, EXAMPLE, sizeof(EXAMPLE) - 1);
	sha256("one", 3, message + sizeof(EXAMPLE) - 1);
	sha256(message, sizeof(message), expected);
	ck_assert_int_eq(read_text("Basic ", "0015650F0001:one", &credentials), ERR_OK);
	ck_assert_mem_eq(credentials.key.bytes, expected, SHA256_LEN);
	ck_assert_uint_eq(mac_to_uint(&credentials.mac), 0x0015650f0001);
}
END_TEST

START_TEST(a_mac_may_be_spelled_in_any_usual_way)
{
	static const char *const SPELLINGS[] = {"0015650f0001:one", "00:15:65:0f:00:01:one",
	    "00-15-65-0F-00-01:one", "0015.650f.0001:one"};
	struct credentials first, other;

	ck_assert_int_eq(read_text("basic ", "0015650F0001:one", &first), ERR_OK);
	for (size_t i = 0; i < COUNT(SPELLINGS); i++) {
		ck_assert_int_eq(read_text("BASIC ", SPELLINGS[i], &other), ERR_OK);
		ck_assert_mem_eq(first.key.bytes, other.key.bytes, SHA256_LEN);
		ck_assert_mem_eq(first.user.bytes, other.user.bytes, SHA256_LEN);
	}
}
END_TEST

START_TEST(each_part_counts)
{
	static const char *const OTHERS[] = {"0015650F0001:two", "0015650F0002:one", "user:one",
	    "user:one:", "use:r:one", "User:one"};
	struct credentials seen[COUNT(OTHERS)];

	for (size_t i = 0; i < COUNT(OTHERS); i++) {
		ck_assert_int_eq(read_text("Basic ", OTHERS[i], &seen[i]), ERR_OK);
		for (size_t j = 0; j < i; j++)
			ck_assert_mem_ne(seen[i].key.bytes, seen[j].key.bytes, SHA256_LEN);
	}
	ck_assert_uint_eq(mac_to_uint(&seen[2].mac), 0);
	/* The same user, whatever the password. */
	ck_assert_mem_eq(seen[2].user.bytes, seen[3].user.bytes, SHA256_LEN);
	ck_assert_mem_ne(seen[2].user.bytes, seen[5].user.bytes, SHA256_LEN);
}
END_TEST

START_TEST(what_is_none_is_refused)
{
	static const char *const FIELDS[] = {"", "Basic", "Basic ", "Basic !!!!", "Bearer dTpw",
	    "dTpw", "Basic dTpw=", "Basic OnA=" /* :p */, "Basic dTo=" /* u: */,
	    "Basic dQ==" /* u */, "Basic dQA6cA==" /* a NUL */, "Basicx dTpw"};
	char longest[400];
	struct credentials credentials;

	for (size_t i = 0; i < COUNT(FIELDS); i++)
		ck_assert_msg(credentials_read((struct span){FIELDS[i], strlen(FIELDS[i])},
				  &credentials) == ERR_SYNTAX,
		    "%s", FIELDS[i]);
	memset(longest, 'u', sizeof(longest));
	strcpy(longest + 65, ":p");
	ck_assert_int_eq(read_text("Basic ", longest, &credentials), ERR_SYNTAX);
	memset(longest, 'p', sizeof(longest));
	memcpy(longest, "u:", 2);
	longest[2 + 129] = '\0';
	ck_assert_int_eq(read_text("Basic ", longest, &credentials), ERR_SYNTAX);
	longest[2 + 128] = '\0';
	ck_assert_int_eq(read_text("Basic ", longest, &credentials), ERR_OK);
	longest[399] = '\0';
	memset(longest + 2, 'p', 390);
	ck_assert_int_eq(read_text("Basic ", longest, &credentials), ERR_SYNTAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirector/credentials");
	TCase *tcase = tcase_create("credentials");

	tcase_add_test(tcase, the_key_is_what_the_databases_compute);
	tcase_add_test(tcase, a_mac_may_be_spelled_in_any_usual_way);
	tcase_add_test(tcase, each_part_counts);
	tcase_add_test(tcase, what_is_none_is_refused);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
