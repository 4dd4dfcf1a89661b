/* Bearer tokens: made, checked, digested; see token.h. Pure but for the CSPRNG. */
#include "portal-api/auth/token.h"

#include <string.h>
#include <strings.h>

#include "common/base/secret.h"
#include "common/base/text.h"

static const char prefix[] = "fst_";
enum { PREFIX_LEN = 4, RANDOM_LEN = 20, CHECKSUM_LEN = 4 };
_Static_assert(TOKEN_TEXT_LEN == PREFIX_LEN + 2 * (RANDOM_LEN + CHECKSUM_LEN), "token length");

static void checksum(const uint8_t random[RANDOM_LEN], uint8_t sum[CHECKSUM_LEN])
{
	uint8_t bytes[PREFIX_LEN + RANDOM_LEN];
	uint8_t digest[SHA256_LEN];
	memcpy(bytes, prefix, PREFIX_LEN);
	memcpy(bytes + PREFIX_LEN, random, RANDOM_LEN);
	sha256(bytes, sizeof(bytes), digest);
	memcpy(sum, digest, CHECKSUM_LEN);
	bytes_wipe(bytes, sizeof(bytes));
}

void token_generate(char text[TOKEN_TEXT_LEN + 1])
{
	uint8_t bytes[RANDOM_LEN + CHECKSUM_LEN];
	random_fill(bytes, RANDOM_LEN);
	checksum(bytes, bytes + RANDOM_LEN);
	memcpy(text, prefix, PREFIX_LEN);
	hex_encode_lower(bytes, sizeof(bytes), text + PREFIX_LEN);
	bytes_wipe(bytes, sizeof(bytes));
}

enum err token_check(const char *text, size_t len)
{
	if (len != TOKEN_TEXT_LEN || memcmp(text, prefix, PREFIX_LEN) != 0)
		return ERR_SYNTAX;
	/* One spelling only: hex_decode takes upper case too, and the digest would differ. */
	for (size_t i = PREFIX_LEN; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'F')
			return ERR_SYNTAX;
	uint8_t bytes[RANDOM_LEN + CHECKSUM_LEN], sum[CHECKSUM_LEN];
	enum err err = hex_decode(text + PREFIX_LEN, len - PREFIX_LEN, bytes, sizeof(bytes));
	if (err == ERR_OK) {
		checksum(bytes, sum);
		if (memcmp(sum, bytes + RANDOM_LEN, CHECKSUM_LEN) != 0)
			err = ERR_SIGNATURE;
	}
	bytes_wipe(bytes, sizeof(bytes));
	return err;
}

void token_digest(const char text[TOKEN_TEXT_LEN], uint8_t digest[SHA256_LEN])
{
	sha256(text, TOKEN_TEXT_LEN, digest);
}

enum err token_from_authorization(
    const char *value, size_t len, const char **token, size_t *token_len)
{
	static const char scheme[] = "Bearer ";
	const size_t scheme_len = sizeof(scheme) - 1;
	if (len <= scheme_len || strncasecmp(value, scheme, scheme_len) != 0)
		return ERR_SYNTAX;
	size_t start = scheme_len;
	while (start < len && value[start] == ' ')
		start++;
	if (start == len || memchr(value + start, ' ', len - start))
		return ERR_SYNTAX;
	*token = value + start;
	*token_len = len - start;
	return ERR_OK;
}
