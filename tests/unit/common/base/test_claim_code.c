/* How a claim code is printed and what people may make of it when they type it. */
#include <string.h>

#include "common/base/claim_code.h"
#include "tests/lib/unit.h"

static const uint8_t BITS[9] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x80};

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

START_TEST(a_code_is_13_symbols_of_65_bits)
{
	struct claim_code code;
	char text[CLAIM_CODE_TEXT_LEN + 1];

	claim_code_from_bits(BITS, &code);
	ck_assert_str_eq(code.symbols, "04HMASW9NF6YZ");
	claim_code_format(&code, text);
	ck_assert_uint_eq(strlen(text), CLAIM_CODE_TEXT_LEN);
	ck_assert_int_eq(strncmp(text, "04HMA-SW9NF-6YZ", 15), 0);

	/* The last seven of 72 bits are not used. */
	uint8_t all[9] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80};
	claim_code_from_bits(all, &code);
	ck_assert_str_eq(code.symbols, "ZZZZZZZZZZZZZ");
	all[8] = 0x00;
	claim_code_from_bits(all, &code);
	ck_assert_str_eq(code.symbols, "ZZZZZZZZZZZZY");
}
END_TEST

/* Worked by hand: from the right, doubled values with base-32 digits added, up to a multiple of 32.
 */
static const struct {
	const char *symbols, check;
} CHECKS[] = {
    {"0000000000000", '0'}, {"0000000000001", 'Y'}, /* 2 -> 30 */
    {"0000000000010", 'Z'}, /* 1 -> 31 */
    {"000000000000G", 'Z'}, /* 32 -> 1 + 0 */
    {"ZZZZZZZZZZZZZ", 'D'}, /* 62 -> 1 + 30 = 31, thirteen times 31 = 403 -> 13 */
};

START_TEST(the_check_symbol_is_luhn_mod_32)
{
	struct claim_code code = {0};
	char text[CLAIM_CODE_TEXT_LEN + 1];

	memcpy(code.symbols, CHECKS[_i].symbols, CLAIM_CODE_SYMBOLS);
	claim_code_format(&code, text);
	ck_assert_int_eq(text[CLAIM_CODE_TEXT_LEN - 1], CHECKS[_i].check);
}
END_TEST

/* All of them the code 0000000000001 with its check symbol Y, or none at all. */
static const struct {
	const char *text;
	enum err err;
} TYPED[] = {
    {"00000-00000-001Y", ERR_OK}, {"0000000000001Y", ERR_OK}, {"00000 00000 001y", ERR_OK},
    {"OOOOO-ooooo-OO1Y", ERR_OK}, {"00000-00000-00IY", ERR_OK}, {"00000-00000-00ly", ERR_OK},
    {"  00000--00000 - 001Y ", ERR_OK}, {"0-0-0-0-0-0-0-0-0-0-0-0-1-Y", ERR_OK},
    {"00000-00000-001Z", ERR_SIGNATURE}, {"00000-00000-002Y", ERR_SIGNATURE},
    {"00000-00000-010Y", ERR_SIGNATURE}, /* neighbours swapped */
    {"00000-00000-00Y1", ERR_SIGNATURE}, {"", ERR_SYNTAX}, {"-", ERR_SYNTAX},
    {"00000-00000-001", ERR_SYNTAX}, {"00000-00000-0001Y", ERR_SYNTAX},
    {"U0000-00000-001Y", ERR_SYNTAX}, {"00000-00000-001u", ERR_SYNTAX},
    {"00000_00000_001Y", ERR_SYNTAX}, {"00000\t00000\t001Y", ERR_SYNTAX},
    {"00000-00000-001Y\n", ERR_SYNTAX},
    {"00000\xe2\x80\x93"
     "00000-001Y",
	ERR_SYNTAX}, /* a dash that is no hyphen */
    {"'00000-00000-001Y", ERR_SYNTAX},
    {"00000-00000-001Y*", ERR_SYNTAX}, /* Crockford's own check symbols are not ours */
};

START_TEST(people_type_codes_in_many_ways)
{
	struct claim_code code = {.symbols = "before"};

	enum err err = claim_code_parse(TYPED[_i].text, strlen(TYPED[_i].text), &code);
	ck_assert_msg(err == TYPED[_i].err, "\"%s\": %s", TYPED[_i].text, err_name(err));
	ck_assert_str_eq(code.symbols, err == ERR_OK ? "0000000000001" : "before");
}
END_TEST

START_TEST(a_nul_is_no_symbol)
{
	struct claim_code code;

	ck_assert_int_eq(claim_code_parse("0000000000001\0", 14, &code), ERR_SYNTAX);
	ck_assert_int_eq(claim_code_parse("0000000000001Y\0", 15, &code), ERR_SYNTAX);
}
END_TEST

START_TEST(every_single_typo_is_found)
{
	struct claim_code code, read;
	char text[CLAIM_CODE_TEXT_LEN + 1], typo[CLAIM_CODE_TEXT_LEN + 1];

	claim_code_from_bits(BITS, &code);
	claim_code_format(&code, text);
	for (size_t i = 0; i < CLAIM_CODE_TEXT_LEN; i++) {
		for (size_t j = 0; text[i] != '-' && j < sizeof ALPHABET - 1; j++) {
			if (ALPHABET[j] == text[i])
				continue;
			memcpy(typo, text, sizeof typo);
			typo[i] = ALPHABET[j];
			ck_assert_int_eq(
			    claim_code_parse(typo, CLAIM_CODE_TEXT_LEN, &read), ERR_SIGNATURE);
		}
	}
	ck_assert_int_eq(claim_code_parse(text, CLAIM_CODE_TEXT_LEN, &read), ERR_OK);
	ck_assert_str_eq(read.symbols, code.symbols);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("claim_code");
	TCase *tests = tcase_create("claim_code");

	tcase_add_test(tests, a_code_is_13_symbols_of_65_bits);
	tcase_add_loop_test(tests, the_check_symbol_is_luhn_mod_32, 0, COUNT(CHECKS));
	tcase_add_loop_test(tests, people_type_codes_in_many_ways, 0, COUNT(TYPED));
	tcase_add_test(tests, a_nul_is_no_symbol);
	tcase_add_test(tests, every_single_typo_is_found);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
