/* The spelling of claim codes: Crockford's base32 with a Luhn mod 32 check symbol. Pure. */
#include "common/base/claim_code.h"

#include <string.h>

enum { BASE = 32, GROUP = 5 };

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* 0..31, or -1. Reads what people write: any case, O for 0, I and L for 1. */
static int symbol_value(char symbol)
{
	if (symbol >= 'a' && symbol <= 'z')
		symbol = (char)(symbol - 'a' + 'A');
	if (symbol == 'O')
		symbol = '0';
	if (symbol == 'I' || symbol == 'L')
		symbol = '1';
	const char *place = symbol != '\0' ? strchr(ALPHABET, symbol) : NULL;
	return place != NULL ? (int)(place - ALPHABET) : -1;
}

/* Luhn mod N: from the right, every second symbol doubled, its digits in base N added. Finds every
 * single wrong symbol and nearly every swap of neighbours. */
static char check_symbol(const char symbols[CLAIM_CODE_SYMBOLS])
{
	int sum = 0, factor = 2;

	for (int i = CLAIM_CODE_SYMBOLS - 1; i >= 0; i--) {
		int addend = factor * symbol_value(symbols[i]);
		sum += addend / BASE + addend % BASE;
		factor = factor == 2 ? 1 : 2;
	}
	return ALPHABET[(BASE - sum % BASE) % BASE];
}

void claim_code_from_bits(const uint8_t bits[9], struct claim_code *code)
{
	for (int i = 0; i < CLAIM_CODE_SYMBOLS; i++) {
		int value = 0;
		for (int bit = 5 * i; bit < 5 * i + 5; bit++)
			value = value << 1 | (bits[bit / 8] >> (7 - bit % 8) & 1);
		code->symbols[i] = ALPHABET[value];
	}
	code->symbols[CLAIM_CODE_SYMBOLS] = '\0';
}

void claim_code_format(const struct claim_code *code, char text[CLAIM_CODE_TEXT_LEN + 1])
{
	char *out = text;

	for (int i = 0; i <= CLAIM_CODE_SYMBOLS; i++) {
		if (i > 0 && i % GROUP == 0)
			*out++ = '-';
		*out++ = i < CLAIM_CODE_SYMBOLS ? code->symbols[i] : check_symbol(code->symbols);
	}
	*out = '\0';
}

enum err claim_code_parse(const char *text, size_t len, struct claim_code *code)
{
	char symbols[CLAIM_CODE_SYMBOLS + 1];
	size_t count = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '-' || text[i] == ' ')
			continue;
		int value = symbol_value(text[i]);
		if (value < 0 || count == sizeof symbols)
			return ERR_SYNTAX;
		symbols[count++] = ALPHABET[value];
	}
	if (count != sizeof symbols)
		return ERR_SYNTAX;
	if (symbols[CLAIM_CODE_SYMBOLS] != check_symbol(symbols))
		return ERR_SIGNATURE;
	memcpy(code->symbols, symbols, CLAIM_CODE_SYMBOLS);
	code->symbols[CLAIM_CODE_SYMBOLS] = '\0';
	return ERR_OK;
}
