/*
 * Claim codes: what stands on a phone's box label and proves that somebody holds the box.
 *
 * 13 Crockford base32 symbols (65 bits) and a Luhn mod 32 check symbol, shown 5-5-4. Case, hyphens
 * and spaces are ignored when read; O is read as 0, I and L as 1; U is no symbol. Pure: how a
 * code is derived is the signer's secret, how it is spelled is everybody's.
 */
#ifndef FIRSTRING_BASE_CLAIM_CODE_H
#define FIRSTRING_BASE_CLAIM_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { CLAIM_CODE_SYMBOLS = 13, CLAIM_CODE_TEXT_LEN = 16, CLAIM_CODE_BITS = 65 };

struct claim_code {
	char symbols[CLAIM_CODE_SYMBOLS + 1]; /* normalised, upper case, without the check symbol */
};

/* From the first 65 bits of `bits` (9 bytes, most significant first). */
void claim_code_from_bits(const uint8_t bits[9], struct claim_code *code);
/* As printed: "XXXXX-XXXXX-XXXX" and a NUL; the last symbol is the check symbol. */
void claim_code_format(const struct claim_code *code, char text[CLAIM_CODE_TEXT_LEN + 1]);
/* ERR_SYNTAX: not 14 symbols of the alphabet; ERR_SIGNATURE: the check symbol is wrong (a typo). */
MUST_CHECK enum err claim_code_parse(const char *text, size_t len, struct claim_code *code);

#endif
