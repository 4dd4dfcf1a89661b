/* UUIDs; see uuid.h. */
#include "portal-api/http/uuid.h"

#include <string.h>

#include "common/base/text.h"

void uuid_random(struct uuid *uuid)
{
	random_fill(uuid->bytes, UUID_LEN);
	uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | 0x40);
	uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
}

static int is_hyphen_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_LEN + 1])
{
	char digits[2 * UUID_LEN + 1];
	hex_encode_lower(uuid->bytes, UUID_LEN, digits);
	const char *next = digits;
	for (size_t i = 0; i < UUID_TEXT_LEN; i++)
		text[i] = is_hyphen_place(i) ? '-' : *next++;
	text[UUID_TEXT_LEN] = '\0';
}

enum err uuid_parse(const char *text, size_t len, struct uuid *uuid)
{
	char digits[2 * UUID_LEN];
	char *next = digits;
	if (len != UUID_TEXT_LEN)
		return ERR_SYNTAX;
	for (size_t i = 0; i < len; i++) {
		if (!is_hyphen_place(i))
			*next++ = text[i];
		else if (text[i] != '-')
			return ERR_SYNTAX;
	}
	struct uuid parsed;
	enum err err = hex_decode(digits, sizeof(digits), parsed.bytes, UUID_LEN);
	if (err == ERR_OK)
		*uuid = parsed;
	return err;
}
