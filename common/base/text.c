/* Hex, base64, numbers, UTF-8 and random bytes: strict readers, bounded writers. Pure but for the
 * kernel's CSPRNG. */
#include "common/base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/secret.h"

static void hex_write(const void *bytes, size_t len, char *text, const char *digits)
{
	const uint8_t *octets = bytes;

	for (size_t i = 0; i < len; i++) {
		*text++ = digits[octets[i] >> 4];
		*text++ = digits[octets[i] & 0x0f];
	}
	*text = '\0';
}

void hex_encode(const void *bytes, size_t len, char *text)
{
	hex_write(bytes, len, text, "0123456789ABCDEF");
}

void hex_encode_lower(const void *bytes, size_t len, char *text)
{
	hex_write(bytes, len, text, "0123456789abcdef");
}

/* 0..15, or -1 for what is no hex digit. */
static int hex_digit(char symbol)
{
	if (symbol >= '0' && symbol <= '9')
		return symbol - '0';
	if (symbol >= 'a' && symbol <= 'f')
		return symbol - 'a' + 10;
	if (symbol >= 'A' && symbol <= 'F')
		return symbol - 'A' + 10;
	return -1;
}

enum err hex_decode(const char *text, size_t text_len, void *bytes, size_t len)
{
	uint8_t *octets = bytes;

	if (text_len != 2 * len)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text_len; i++) {
		if (hex_digit(text[i]) < 0)
			return ERR_SYNTAX;
	}
	for (size_t i = 0; i < len; i++)
		octets[i] = (uint8_t)((unsigned)hex_digit(text[2 * i]) << 4 |
				      (unsigned)hex_digit(text[2 * i + 1]));
	return ERR_OK;
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Up to three octets as four symbols; `pad` replaces the ones that carry nothing, '\0' ends there.
 */
static size_t base64_group(
    const uint8_t *octets, size_t len, const char *alphabet, char pad, char symbols[4])
{
	uint32_t bits = (uint32_t)octets[0] << 16;

	if (len > 1)
		bits |= (uint32_t)octets[1] << 8;
	if (len > 2)
		bits |= octets[2];
	for (size_t i = 0; i < 4; i++)
		symbols[i] = i <= len ? alphabet[bits >> (18 - 6 * i) & 0x3f] : pad;
	return pad != '\0' ? 4 : len + 1;
}

static void base64_write(
    struct buf *out, const void *bytes, size_t len, const char *alphabet, char pad, size_t columns)
{
	const uint8_t *octets = bytes;
	char chunk[256];
	size_t column = 0, filled = 0;

	for (size_t i = 0; i < len; i += 3) {
		if (columns > 0 && column == columns) {
			chunk[filled++] = '\n';
			column = 0;
		}
		size_t count = base64_group(
		    octets + i, len - i < 3 ? len - i : 3, alphabet, pad, chunk + filled);
		column += count;
		filled += count;
		if (filled > sizeof(chunk) - 6) {
			buf_put(out, chunk, filled);
			filled = 0;
		}
	}
	if (columns > 0 && len > 0)
		chunk[filled++] = '\n';
	buf_put(out, chunk, filled);
	bytes_wipe(chunk, sizeof(chunk));
}

void base64_encode(struct buf *out, const void *bytes, size_t len, size_t columns)
{
	base64_write(out, bytes, len, BASE64, '=', columns);
}

void base64url_encode(struct buf *out, const void *bytes, size_t len)
{
	base64_write(out, bytes, len, BASE64URL, '\0', 0);
}

/* 0..63, or -1 for what is no symbol. */
static int base64_symbol(char symbol)
{
	if (symbol >= 'A' && symbol <= 'Z')
		return symbol - 'A';
	if (symbol >= 'a' && symbol <= 'z')
		return symbol - 'a' + 26;
	if (symbol >= '0' && symbol <= '9')
		return symbol - '0' + 52;
	return symbol == '+' ? 62 : symbol == '/' ? 63 : -1;
}

static int is_white_space(char symbol)
{
	return symbol == ' ' || symbol == '\t' || symbol == '\r' || symbol == '\n';
}

enum err base64_decode(const char *text, size_t text_len, struct buf *out)
{
	size_t start = out->len, padding = 0, symbols = 0, filled = 0;
	enum err err = ERR_SYNTAX;
	uint8_t chunk[192];
	uint32_t bits = 0;

	for (size_t i = 0; i < text_len; i++) {
		if (is_white_space(text[i]))
			continue;
		int value = text[i] == '=' ? 0 : base64_symbol(text[i]);
		if (value < 0 || (padding > 0 && text[i] != '='))
			goto bad;
		padding += text[i] == '=';
		bits = bits << 6 | (uint32_t)value;
		if (++symbols % 4 != 0)
			continue;
		/* The bits that padding leaves over must be zero: one text, one meaning. */
		if (padding > 2 || (bits & ((1u << (8 * padding)) - 1)) != 0)
			goto bad;
		chunk[filled++] = (uint8_t)(bits >> 16);
		chunk[filled++] = (uint8_t)(bits >> 8);
		chunk[filled++] = (uint8_t)bits;
		bits = 0;
		if (filled == sizeof(chunk) || padding > 0) {
			buf_put(out, chunk, filled - padding);
			filled = 0;
		}
	}
	if (symbols % 4 != 0)
		goto bad;
	buf_put(out, chunk, filled);
	bytes_wipe(chunk, sizeof(chunk));
	if (out->err == ERR_OK)
		return ERR_OK;
	err = out->err;
bad:
	bytes_wipe(chunk, sizeof(chunk));
	if (out->len > start) {
		out->len = start;
		out->bytes[start] = 0;
	}
	return err;
}

enum err number_parse(const char *text, size_t len, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;

	if (len == 0 || (len > 1 && text[0] == '0'))
		return ERR_SYNTAX;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return ERR_SYNTAX;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(text[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return ERR_RANGE;
		value = value * 10 + digit;
	}
	*number = value;
	return ERR_OK;
}

size_t utf8_decode(const char *text, size_t len, uint32_t *code_point)
{
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *octets = (const uint8_t *)text;

	if (len == 0)
		return 0;
	if (octets[0] < 0x80) {
		*code_point = octets[0];
		return 1;
	}
	size_t count = octets[0] >= 0xf0 ? 4 : octets[0] >= 0xe0 ? 3 : 2;
	if (octets[0] < 0xc2 || octets[0] > 0xf4 || count > len)
		return 0;
	uint32_t value = octets[0] & (0x7fu >> count);
	for (size_t i = 1; i < count; i++) {
		if ((octets[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (octets[i] & 0x3fu);
	}
	int is_surrogate = value >= 0xd800 && value <= 0xdfff;
	if (value < LEAST[count] || value > 0x10ffff || is_surrogate)
		return 0;
	*code_point = value;
	return count;
}

int text_is_printable_utf8(const char *text, size_t len)
{
	uint32_t code_point = 0;

	for (size_t i = 0; i < len;) {
		size_t step = utf8_decode(text + i, len - i, &code_point);
		if (step == 0 || code_point < 0x20 || code_point == 0x7f)
			return 0;
		i += step;
	}
	return 1;
}

void random_fill(void *bytes, size_t len)
{
	uint8_t *next = bytes;

	while (len > 0) {
		ssize_t got = getrandom(next, len, 0);
		CHECK(got > 0 || errno == EINTR);
		if (got > 0) {
			next += got;
			len -= (size_t)got;
		}
	}
}

uint32_t random_below(uint32_t bound)
{
	CHECK(bound > 0);
	/* Values above the largest multiple of `bound` would make the first ones likelier. */
	uint32_t limit = UINT32_MAX - (UINT32_MAX - bound + 1) % bound, value = 0;

	do
		random_fill(&value, sizeof value);
	while (value > limit);
	return value % bound;
}
