/* Codes of RFC 6238, its own vectors, and the window in which one is taken. */
#include <string.h>

#include "portal-api/people/totp.h"
#include "tests/lib/unit.h"

static const uint8_t SECRET[] = "12345678901234567890";

/* RFC 6238 appendix B, SHA-1; the last six of its eight digits. */
static const struct {
	int64_t unix_s;
	const char *code;
} VECTORS[] = {
    {59, "287082"},
    {1111111109, "081804"},
    {1111111111, "050471"},
    {1234567890, "005924"},
    {2000000000, "279037"},
    {20000000000, "353130"},
};

START_TEST(the_vectors_of_the_rfc)
{
	char code[TOTP_DIGITS + 1];
	int64_t step = -1;
	totp_code(SECRET, VECTORS[_i].unix_s / TOTP_STEP_S, code);
	ck_assert_str_eq(code, VECTORS[_i].code);
	ck_assert_int_eq(
	    totp_find_step(SECRET, code, TOTP_DIGITS, VECTORS[_i].unix_s, &step), ERR_OK);
	ck_assert_int_eq(step, VECTORS[_i].unix_s / TOTP_STEP_S);
}
END_TEST

START_TEST(a_code_is_taken_one_step_early_or_late)
{
	char code[TOTP_DIGITS + 1];
	const int64_t step = 50000000;
	totp_code(SECRET, step, code);
	for (int64_t off = -3; off <= 3; off++) {
		int64_t found = -1;
		enum err err = totp_find_step(
		    SECRET, code, TOTP_DIGITS, (step + off) * TOTP_STEP_S + 15, &found);
		ck_assert_int_eq(err, off >= -1 && off <= 1 ? ERR_OK : ERR_NOT_FOUND);
		ck_assert_int_eq(found, off >= -1 && off <= 1 ? step : -1);
	}
}
END_TEST

START_TEST(spellings_of_a_code)
{
	static const struct {
		const char *text;
		enum err err;
	} cases[] = {{"287082", ERR_OK}, {"287 082", ERR_OK}, {"287083", ERR_NOT_FOUND},
	    {"", ERR_SYNTAX}, {"28708", ERR_SYNTAX}, {"2870820", ERR_SYNTAX},
	    {"28 7082", ERR_SYNTAX}, {"287-082", ERR_SYNTAX}, {"28708a", ERR_SYNTAX},
	    {" 287082", ERR_SYNTAX}, {"287082 ", ERR_SYNTAX}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t step;
		ck_assert_int_eq(
		    totp_find_step(SECRET, cases[i].text, strlen(cases[i].text), 59, &step),
		    cases[i].err);
	}
}
END_TEST

START_TEST(the_secret_as_people_type_it)
{
	char text[TOTP_SECRET_TEXT_LEN + 1];
	totp_secret_text(SECRET, text);
	ck_assert_str_eq(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("totp");
	TCase *tests = tcase_create("totp");
	tcase_add_loop_test(tests, the_vectors_of_the_rfc, 0, COUNT(VECTORS));
	tcase_add_test(tests, a_code_is_taken_one_step_early_or_late);
	tcase_add_test(tests, spellings_of_a_code);
	tcase_add_test(tests, the_secret_as_people_type_it);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
