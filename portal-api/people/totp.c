/* RFC 6238 over RFC 4226; see totp.h. Pure. */
#include "portal-api/people/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "common/base/secret.h"

static const uint32_t MODULUS = 1000000;
enum { SHA1_LEN = 20 };

void totp_code(const uint8_t secret[TOTP_SECRET_LEN], int64_t step, char code[TOTP_DIGITS + 1])
{
	uint8_t counter[8], digest[SHA1_LEN];
	unsigned len = sizeof(digest);
	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
	CHECK(HMAC(EVP_sha1(), secret, TOTP_SECRET_LEN, counter, sizeof(counter), digest, &len));
	/* Dynamic truncation (RFC 4226 section 5.3). */
	const uint8_t *at = digest + (digest[SHA1_LEN - 1] & 0x0f);
	uint32_t number =
	    (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	snprintf(code, TOTP_DIGITS + 1, "%06u", number % MODULUS);
	bytes_wipe(digest, sizeof(digest));
}

/* Six digits, in one or two groups of three. */
static enum err read_code(const char *text, size_t len, char code[TOTP_DIGITS + 1])
{
	size_t count = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ' && i == 3 && len == TOTP_DIGITS + 1)
			continue;
		if (text[i] < '0' || text[i] > '9' || count == TOTP_DIGITS)
			return ERR_SYNTAX;
		code[count++] = text[i];
	}
	code[count] = '\0';
	return count == TOTP_DIGITS ? ERR_OK : ERR_SYNTAX;
}

enum err totp_find_step(const uint8_t secret[TOTP_SECRET_LEN], const char *code, size_t code_len,
    int64_t unix_s, int64_t *step)
{
	char given[TOTP_DIGITS + 1], right[TOTP_DIGITS + 1];
	int64_t now = unix_s / TOTP_STEP_S, found = -1;
	if (read_code(code, code_len, given) != ERR_OK)
		return ERR_SYNTAX;
	/* All three are computed, the latest match counts. */
	for (int64_t at = now - 1; at <= now + 1; at++) {
		totp_code(secret, at, right);
		if (bytes_equal_constant_time(given, right, TOTP_DIGITS))
			found = at;
	}
	bytes_wipe(right, sizeof(right));
	if (found < 0)
		return ERR_NOT_FOUND;
	*step = found;
	return ERR_OK;
}

void totp_secret_text(const uint8_t secret[TOTP_SECRET_LEN], char text[TOTP_SECRET_TEXT_LEN + 1])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	_Static_assert(TOTP_SECRET_LEN % 5 == 0, "whole groups of base32");
	for (size_t group = 0; group < TOTP_SECRET_LEN / 5; group++) {
		uint64_t bits = 0;
		for (size_t i = 0; i < 5; i++)
			bits = bits << 8 | secret[group * 5 + i];
		for (size_t i = 0; i < 8; i++)
			text[group * 8 + i] = alphabet[bits >> (35 - 5 * i) & 31];
	}
	text[TOTP_SECRET_TEXT_LEN] = '\0';
}
