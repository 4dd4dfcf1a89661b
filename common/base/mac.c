/* MAC addresses: what people and phones type, and the one canonical spelling. Pure. */
#include "common/base/mac.h"

#include <string.h>

#include "common/base/text.h"

/* How one spelling is laid out: `group` digits, then the separator, all the way. */
struct spelling {
	size_t len, group;
	char separator;
};

static const struct spelling SPELLINGS[] = {
    {12, 12, '\0'}, /* 001565AABBCC */
    {17, 2, ':'}, /* 00:15:65:aa:bb:cc */
    {17, 2, '-'}, /* 00-15-65-aa-bb-cc */
    {14, 4, '.'}, /* 0015.65aa.bbcc */
};

/* Copies the digits of `text` when it is laid out so; 1 when it was. */
static int spelling_digits(
    const struct spelling *spelling, const char *text, size_t len, char digits[MAC_TEXT_LEN])
{
	size_t count = 0;

	if (len != spelling->len)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (i % (spelling->group + 1) != spelling->group)
			digits[count++] = text[i];
		else if (text[i] != spelling->separator)
			return 0;
	}
	return count == MAC_TEXT_LEN;
}

static enum err mac_from_digits(const char *digits, struct mac *mac)
{
	static const struct mac zero;
	struct mac parsed;

	enum err err = hex_decode(digits, MAC_TEXT_LEN, parsed.octets, MAC_LEN);
	if (err != ERR_OK)
		return err;
	if ((parsed.octets[0] & 0x01) != 0 || mac_equal(&parsed, &zero))
		return ERR_RANGE;
	*mac = parsed;
	return ERR_OK;
}

enum err mac_parse(const char *text, size_t len, struct mac *mac)
{
	char digits[MAC_TEXT_LEN];

	for (size_t i = 0; i < sizeof SPELLINGS / sizeof SPELLINGS[0]; i++) {
		if (spelling_digits(&SPELLINGS[i], text, len, digits))
			return mac_from_digits(digits, mac);
	}
	return ERR_SYNTAX;
}

enum err mac_prefix_parse(const char *text, size_t len, struct mac *first, struct mac *last)
{
	char low[MAC_TEXT_LEN], high[MAC_TEXT_LEN];
	struct mac from, to;
	size_t count = 0;
	int may_separate = 0;

	memset(low, '0', sizeof low);
	memset(high, 'f', sizeof high);
	for (size_t i = 0; i < len; i++) {
		int separates = text[i] == ':' || text[i] == '-' || text[i] == '.';
		if (separates ? !may_separate : count == MAC_TEXT_LEN)
			return ERR_SYNTAX;
		may_separate = !separates;
		if (!separates) {
			low[count] = high[count] = text[i];
			count++;
		}
	}
	enum err err = count > 0 ? ERR_OK : ERR_SYNTAX;
	if (!err)
		err = hex_decode(low, sizeof low, from.octets, MAC_LEN);
	if (!err)
		err = hex_decode(high, sizeof high, to.octets, MAC_LEN);
	if (err)
		return err;
	*first = from;
	*last = to;
	return ERR_OK;
}

enum err mac_parse_canonical(const char *text, size_t len, struct mac *mac)
{
	if (len != MAC_TEXT_LEN)
		return ERR_SYNTAX;
	for (size_t i = 0; i < len; i++) {
		if (text[i] >= 'a' && text[i] <= 'f')
			return ERR_SYNTAX;
	}
	return mac_from_digits(text, mac);
}

void mac_format(const struct mac *mac, char text[MAC_TEXT_LEN + 1])
{
	hex_encode(mac->octets, MAC_LEN, text);
}

void mac_format_lower(const struct mac *mac, char text[MAC_TEXT_LEN + 1])
{
	hex_encode_lower(mac->octets, MAC_LEN, text);
}

uint64_t mac_to_uint(const struct mac *mac)
{
	uint64_t number = 0;

	for (size_t i = 0; i < MAC_LEN; i++)
		number = number << 8 | mac->octets[i];
	return number;
}

enum err mac_from_uint(uint64_t number, struct mac *mac)
{
	if (number >> 48 != 0)
		return ERR_RANGE;
	for (size_t i = 0; i < MAC_LEN; i++)
		mac->octets[i] = (uint8_t)(number >> (8 * (MAC_LEN - 1 - i)));
	return ERR_OK;
}

int mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a->octets, b->octets, MAC_LEN) == 0;
}
