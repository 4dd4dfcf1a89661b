/* A bearer token: what it looks like, and what is refused without asking the database. */
#include <string.h>

#include "portal-api/auth/token.h"
#include "tests/lib/unit.h"

START_TEST(a_token_is_a_prefix_random_bits_and_a_checksum)
{
	char one[TOKEN_TEXT_LEN + 1], two[TOKEN_TEXT_LEN + 1];
	token_generate(one);
	token_generate(two);
	ck_assert_uint_eq(strlen(one), TOKEN_TEXT_LEN);
	ck_assert_int_eq(strncmp(one, "fst_", 4), 0);
	ck_assert_uint_eq(strspn(one + 4, "0123456789abcdef"), TOKEN_TEXT_LEN - 4);
	ck_assert_str_ne(one, two);
	ck_assert_int_eq(token_check(one, TOKEN_TEXT_LEN), ERR_OK);
}
END_TEST

START_TEST(every_single_typo_is_found)
{
	char text[TOKEN_TEXT_LEN + 1], typo[TOKEN_TEXT_LEN + 1];
	token_generate(text);
	for (size_t i = 0; i < TOKEN_TEXT_LEN; i++) {
		for (const char *c = "0123456789abcdefABCDEF_ "; *c; c++) {
			if (text[i] == *c)
				continue;
			memcpy(typo, text, sizeof typo);
			typo[i] = *c;
			ck_assert_int_ne(token_check(typo, TOKEN_TEXT_LEN), ERR_OK);
		}
	}
}
END_TEST

START_TEST(a_token_that_was_cut_or_grew_is_none)
{
	char text[TOKEN_TEXT_LEN + 2];
	token_generate(text);
	for (size_t len = 0; len < TOKEN_TEXT_LEN; len++)
		ck_assert_int_eq(token_check(text, len), ERR_SYNTAX);
	text[TOKEN_TEXT_LEN] = '0';
	ck_assert_int_eq(token_check(text, TOKEN_TEXT_LEN + 1), ERR_SYNTAX);
	ck_assert_int_eq(token_check("fst_\0", 5), ERR_SYNTAX);
}
END_TEST

static const struct {
	const char *field, *token; /* NULL: refused */
} FIELDS[] = {
    {"Bearer abc", "abc"},
    {"bearer abc", "abc"},
    {"BEARER   abc", "abc"},
    {"Bearer", NULL},
    {"Bearer ", NULL},
    {"Bearer  ", NULL},
    {"Bearer a b", NULL},
    {"Basic abc", NULL},
    {"Bearerabc", NULL},
    {"abc", NULL},
    {"", NULL},
};

START_TEST(the_authorization_field)
{
	const char *token = NULL;
	size_t len = 0;
	enum err err =
	    token_from_authorization(FIELDS[_i].field, strlen(FIELDS[_i].field), &token, &len);
	if (!FIELDS[_i].token) {
		ck_assert_int_eq(err, ERR_SYNTAX);
		ck_assert_ptr_null(token);
		return;
	}
	ck_assert_int_eq(err, ERR_OK);
	ck_assert_uint_eq(len, strlen(FIELDS[_i].token));
	ck_assert_int_eq(memcmp(token, FIELDS[_i].token, len), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token");
	TCase *tests = tcase_create("token");
	tcase_add_test(tests, a_token_is_a_prefix_random_bits_and_a_checksum);
	tcase_add_test(tests, every_single_typo_is_found);
	tcase_add_test(tests, a_token_that_was_cut_or_grew_is_none);
	tcase_add_loop_test(tests, the_authorization_field, 0, COUNT(FIELDS));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
