/* One-time links and recovery codes: what is handed out is what is stored, and nothing else is. */
#include <ctype.h>
#include <string.h>

#include "portal-api/people/secrets.h"
#include "tests/lib/unit.h"

START_TEST(a_link_is_found_by_its_token)
{
	char path[LINK_PATH_MAX];
	uint8_t made[SHA256_LEN], found[SHA256_LEN];
	link_generate(path, made);
	ck_assert_int_eq(strncmp(path, "/#/link/", 8), 0);
	ck_assert_uint_eq(strlen(path), 8 + LINK_TOKEN_LEN);
	ck_assert_int_eq(link_digest(path + 8, LINK_TOKEN_LEN, found), ERR_OK);
	ck_assert_mem_eq(made, found, SHA256_LEN);
	ck_assert_int_eq(link_digest(path + 8, LINK_TOKEN_LEN - 1, found), ERR_SYNTAX);
	ck_assert_int_eq(link_digest(path + 7, LINK_TOKEN_LEN, found), ERR_SYNTAX);
	path[8] = 'A';
	ck_assert_int_eq(link_digest(path + 8, LINK_TOKEN_LEN, found), ERR_SYNTAX);
}
END_TEST

START_TEST(a_recovery_code_as_people_type_it)
{
	char code[RECOVERY_TEXT_LEN + 1], typed[2 * RECOVERY_TEXT_LEN];
	uint8_t made[SHA256_LEN], found[SHA256_LEN];
	recovery_code_generate(code, made);
	ck_assert_uint_eq(strlen(code), RECOVERY_TEXT_LEN);
	size_t len = 0;
	for (const char *c = code; *c; c++) {
		if (*c == '-')
			typed[len++] = ' ';
		else if (*c == '0')
			typed[len++] = 'o';
		else if (*c == '1')
			typed[len++] = 'l';
		else
			typed[len++] = (char)tolower((unsigned char)*c);
	}
	ck_assert_int_eq(recovery_code_digest(typed, len, found), ERR_OK);
	ck_assert_mem_eq(made, found, SHA256_LEN);
	ck_assert_int_eq(recovery_code_digest(typed, len - 1, found), ERR_SYNTAX);
	ck_assert_int_eq(recovery_code_digest("123456", 6, found), ERR_SYNTAX);
	typed[len] = 'A';
	ck_assert_int_eq(recovery_code_digest(typed, len + 1, found), ERR_SYNTAX);
	typed[0] = 'u';
	ck_assert_int_eq(recovery_code_digest(typed, len, found), ERR_SYNTAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("secrets");
	TCase *tests = tcase_create("secrets");
	tcase_add_test(tests, a_link_is_found_by_its_token);
	tcase_add_test(tests, a_recovery_code_as_people_type_it);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
