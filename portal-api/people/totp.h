/*
 * Time-based one-time codes (RFC 6238): SHA-1, 30 s steps, six digits, as every authenticator
 * knows them. Pure: the time is given.
 */
#ifndef FIRSTRING_PORTAL_PEOPLE_TOTP_H
#define FIRSTRING_PORTAL_PEOPLE_TOTP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum {
	TOTP_SECRET_LEN = 20, /* RFC 4226 section 4, R6 */
	TOTP_SECRET_TEXT_LEN = 32, /* base32 (RFC 4648), no padding needed */
	TOTP_DIGITS = 6,
	TOTP_STEP_S = 30,
};

/* The code of one step, NUL-terminated. */
void totp_code(const uint8_t secret[TOTP_SECRET_LEN], int64_t step, char code[TOTP_DIGITS + 1]);
/*
 * Which step the code is of: the one at unix_s, the one before (a clock behind, or a slow typist)
 * or the one after. ERR_NOT_FOUND for a wrong code, ERR_SYNTAX for what is no code (a space after
 * the third digit is fine). Whether the step was used before is for the caller to ask.
 */
MUST_CHECK enum err totp_find_step(const uint8_t secret[TOTP_SECRET_LEN], const char *code,
    size_t code_len, int64_t unix_s, int64_t *step);
/* As people type it into an authenticator. The caller wipes it. */
void totp_secret_text(const uint8_t secret[TOTP_SECRET_LEN], char text[TOTP_SECRET_TEXT_LEN + 1]);

#endif
