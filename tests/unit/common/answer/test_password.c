/* Which admin passwords are strong enough, and that generated ones are. */
#include "common/answer/password.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct {
	const char *password;
	enum password_problem problem;
} PASSWORDS[] = {
    {"kR7vTq2mWz9x", PASSWORD_OK}, {"kR7vTq2mWz9xHs4bNc8d", PASSWORD_OK},
    {"a1B2c3D4e5F6", PASSWORD_OK}, {"", PASSWORD_SHORT}, {"kR7vTq2mWz9", PASSWORD_SHORT},
    {"kR7vTq2mWz9xkR7vTq2mWz9xkR7vTq2mWz9xkR7vTq2mWz9xkR7vTq2mWz9xkR7vT", PASSWORD_LONG},
    {"kR7vTq2mWz9!", PASSWORD_SYMBOL}, {"kR7vTq2m Wz9x", PASSWORD_SYMBOL},
    {"kR7vTq2mWz9\xc3\xa9", PASSWORD_SYMBOL}, {"kR7vTq2mWz9\n", PASSWORD_SYMBOL},
    {"kr7vtq2mwz9x", PASSWORD_CLASSES}, {"KR7VTQ2MWZ9X", PASSWORD_CLASSES},
    {"kRgvTqhmWzix", PASSWORD_CLASSES}, {"001565AABBCCx", PASSWORD_GUESSABLE},
    {"Zk4aabbccTq2m", PASSWORD_GUESSABLE}, /* the MAC's own half */
    {"Zk4sn-4711", PASSWORD_SHORT},
    {"Zk4SN4711Tq2mw", PASSWORD_GUESSABLE}, /* the serial number in another case */
    {"Password123456", PASSWORD_GUESSABLE}, {"kR7v654321Wz", PASSWORD_GUESSABLE},
    {"kR7vabcDEFWz", PASSWORD_GUESSABLE}, {"kR7vaaaaaaWz", PASSWORD_GUESSABLE},
    {"Qwerty7vTq2m", PASSWORD_GUESSABLE}, {"Aa1Aa1Aa1Aa1", PASSWORD_GUESSABLE},
    {"kR7v12345Wz9", PASSWORD_OK}, /* five in a row are chance */
};

START_TEST(judges_each)
{
	const char *password = PASSWORDS[_i].password;
	enum password_problem problem =
	    password_check(password, strlen(password), "00:15:65:aa:bb:cc", "sn4711");

	ck_assert_msg(problem == PASSWORDS[_i].problem, "%s: %s, not %s", password,
	    password_problem_code(problem), password_problem_code(PASSWORDS[_i].problem));
}
END_TEST

START_TEST(a_serial_of_a_few_characters_refuses_nothing)
{
	ck_assert_int_eq(password_check("kR7vTq2mWz9x", 12, "001565AABBCC", "k"), PASSWORD_OK);
	ck_assert_int_eq(password_check("kR7vTq2mWz9x", 12, NULL, NULL), PASSWORD_OK);
}
END_TEST

START_TEST(generates_what_it_would_accept)
{
	size_t places[128] = {0};

	for (int i = 0; i < 2000; i++) {
		struct secret password = {0};
		ck_assert_int_eq(password_generate(PASSWORD_LEN_DEFAULT, &password), ERR_OK);
		ck_assert_uint_eq(password.len, PASSWORD_LEN_DEFAULT);
		const char *text = (const char *)password.bytes;
		ck_assert_int_eq(
		    password_check(text, password.len, "001565AABBCC", NULL), PASSWORD_OK);
		for (size_t k = 0; k < password.len; k++)
			places[(unsigned char)text[k]]++;
		secret_free(&password);
	}
	/* 32,000 draws of 62 symbols: 516 each, and none strays far. */
	for (const char *c = "AZaz059Mm"; *c != '\0'; c++)
		ck_assert_msg(places[(unsigned char)*c] > 350 && places[(unsigned char)*c] < 720,
		    "%c came %zu times", *c, places[(unsigned char)*c]);
}
END_TEST

static int compare_passwords(const void *a, const void *b)
{
	return memcmp(a, b, PASSWORD_LEN_DEFAULT);
}

/* ITSPA rule R8: not default, and not shared between phones. */
START_TEST(none_of_a_hundred_thousand_is_shared)
{
	enum { COUNT_OF_FLEET = 100000 };
	char(*fleet)[PASSWORD_LEN_DEFAULT] = malloc((size_t)COUNT_OF_FLEET * sizeof(*fleet));

	ck_assert_ptr_nonnull(fleet);
	for (size_t i = 0; i < COUNT_OF_FLEET; i++) {
		struct secret password = {0};
		ck_assert_int_eq(password_generate(PASSWORD_LEN_DEFAULT, &password), ERR_OK);
		memcpy(fleet[i], password.bytes, sizeof(fleet[i]));
		secret_free(&password);
	}
	qsort(fleet, COUNT_OF_FLEET, sizeof(*fleet), compare_passwords);
	for (size_t i = 1; i < COUNT_OF_FLEET; i++)
		ck_assert_int_ne(compare_passwords(fleet[i - 1], fleet[i]), 0);
	free(fleet);
}
END_TEST

START_TEST(refuses_other_lengths)
{
	struct secret password = {0};

	ck_assert_int_eq(password_generate(PASSWORD_LEN_MIN - 1, &password), ERR_RANGE);
	ck_assert_int_eq(password_generate(PASSWORD_LEN_MAX + 1, &password), ERR_RANGE);
	ck_assert_ptr_null(password.bytes);
}
END_TEST

START_TEST(of_what_a_model_can_type)
{
	static const char *const good = "ACEacefgh2345", *const bad[] = {"", "ABCDEF23", "abcdef23",
							     "ABCabc", "Aa0-"};
	for (int i = 0; i < 200; i++) {
		struct secret password = {0};
		ck_assert_int_eq(password_generate_of(good, PASSWORD_LEN_MIN, &password), ERR_OK);
		ck_assert_uint_eq(strspn((const char *)password.bytes, good), PASSWORD_LEN_MIN);
		secret_free(&password);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct secret password = {0};
		ck_assert_int_eq(
		    password_generate_of(bad[i], PASSWORD_LEN_MIN, &password), ERR_REFUSED);
		ck_assert_uint_eq(password.len, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("password");
	TCase *tests = tcase_create("all");

	tcase_add_loop_test(tests, judges_each, 0, COUNT(PASSWORDS));
	tcase_add_test(tests, a_serial_of_a_few_characters_refuses_nothing);
	tcase_add_test(tests, generates_what_it_would_accept);
	tcase_add_test(tests, none_of_a_hundred_thousand_is_shared);
	tcase_add_test(tests, refuses_other_lengths);
	tcase_add_test(tests, of_what_a_model_can_type);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
