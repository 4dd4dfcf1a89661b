/* One-time links and recovery codes; see secrets.h. Pure but for the CSPRNG. */
#include "portal-api/people/secrets.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/secret.h"
#include "common/base/text.h"

/* Crockford's base32, as on the labels of phones. */
static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int is_lower_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!memchr("0123456789abcdef", text[i], 16))
			return 0;
	return 1;
}

void link_generate(char path[LINK_PATH_MAX], uint8_t digest[SHA256_LEN])
{
	uint8_t bytes[LINK_TOKEN_LEN / 2];
	char token[LINK_TOKEN_LEN + 1];
	random_fill(bytes, sizeof(bytes));
	hex_encode_lower(bytes, sizeof(bytes), token);
	sha256(token, LINK_TOKEN_LEN, digest);
	snprintf(path, LINK_PATH_MAX, "/#/link/%s", token);
	bytes_wipe(bytes, sizeof(bytes));
	bytes_wipe(token, sizeof(token));
}

enum err link_digest(const char *token, size_t len, uint8_t digest[SHA256_LEN])
{
	if (len != LINK_TOKEN_LEN || !is_lower_hex(token, len))
		return ERR_SYNTAX;
	sha256(token, LINK_TOKEN_LEN, digest);
	return ERR_OK;
}

void recovery_code_generate(char text[RECOVERY_TEXT_LEN + 1], uint8_t digest[SHA256_LEN])
{
	char symbols[RECOVERY_SYMBOLS];
	size_t len = 0;
	for (size_t i = 0; i < RECOVERY_SYMBOLS; i++) {
		symbols[i] = ALPHABET[random_below(32)];
		if (i > 0 && i % 4 == 0)
			text[len++] = '-';
		text[len++] = symbols[i];
	}
	text[len] = '\0';
	sha256(symbols, sizeof(symbols), digest);
	bytes_wipe(symbols, sizeof(symbols));
}

enum err recovery_code_digest(const char *text, size_t len, uint8_t digest[SHA256_LEN])
{
	char symbols[RECOVERY_SYMBOLS];
	size_t count = 0;
	for (size_t i = 0; i < len; i++) {
		char symbol = (char)toupper((unsigned char)text[i]);
		if (symbol == '-' || symbol == ' ')
			continue;
		symbol = symbol == 'O' ? '0' : symbol == 'I' || symbol == 'L' ? '1' : symbol;
		if (count == RECOVERY_SYMBOLS || !memchr(ALPHABET, symbol, 32))
			return ERR_SYNTAX;
		symbols[count++] = symbol;
	}
	if (count != RECOVERY_SYMBOLS)
		return ERR_SYNTAX;
	sha256(symbols, sizeof(symbols), digest);
	bytes_wipe(symbols, sizeof(symbols));
	return ERR_OK;
}
