/* Five ways to put a value into a document so that it stays a value. Pure. */
#include "common/answer/escape.h"

#include <string.h>

#include "common/base/text.h"

static const char *const NAMES[ESCAPE_COUNT] = {
    [ESCAPE_XML] = "xml",
    [ESCAPE_XML_ATTRIBUTE] = "xml-attribute",
    [ESCAPE_JSON] = "json",
    [ESCAPE_LINE] = "line",
    [ESCAPE_QUOTED_LINE] = "quoted-line",
};

const char *escape_name(enum escaping escaping)
{
	CHECK(escaping < ESCAPE_COUNT);
	return NAMES[escaping];
}

enum err escape_parse(const char *text, size_t len, enum escaping *escaping)
{
	for (int i = 0; i < ESCAPE_COUNT; i++) {
		if (strlen(NAMES[i]) == len && memcmp(NAMES[i], text, len) == 0) {
			*escaping = (enum escaping)i;
			return ERR_OK;
		}
	}
	return ERR_SYNTAX;
}

/* U+FFFE and U+FFFF are not characters of XML 1.0 (section 2.2), escaped or not; the C1 controls
 * are, and some parsers take U+0085 for a line end. */
static int is_xml_text(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (memcmp(text + i, "\xef\xbf", 2) == 0 && i + 2 < len &&
		    (unsigned char)text[i + 2] >= 0xbe)
			return 0;
		if (text[i] == '\xc2' && (unsigned char)text[i + 1] < 0xa0)
			return 0;
	}
	return text_is_printable_utf8(text, len);
}

static int is_json_text(const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		if (stop == NULL)
			stop = end;
		if (!text_is_printable_utf8(text, (size_t)(stop - text)))
			return 0;
		text = stop + 1;
	}
	return 1;
}

static int is_line_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return 0;
	}
	return len == 0 || (text[0] != ' ' && text[len - 1] != ' ');
}

int escape_can_carry(enum escaping escaping, const char *text, size_t len)
{
	switch (escaping) {
	case ESCAPE_XML:
	case ESCAPE_XML_ATTRIBUTE:
		return is_xml_text(text, len);
	case ESCAPE_JSON:
		return is_json_text(text, len);
	case ESCAPE_LINE:
		return is_line_text(text, len);
	case ESCAPE_QUOTED_LINE:
		return is_line_text(text, len) && memchr(text, '"', len) == NULL &&
		       memchr(text, '\\', len) == NULL;
	case ESCAPE_COUNT:
		break;
	}
	CHECK(0);
}

/* NULL: the character stands for itself. */
static const char *escape_of(enum escaping escaping, char c)
{
	if (escaping == ESCAPE_XML || escaping == ESCAPE_XML_ATTRIBUTE) {
		switch (c) {
		case '&':
			return "&amp;";
		case '<':
			return "&lt;";
		case '>':
			return "&gt;";
		case '"':
			return escaping == ESCAPE_XML_ATTRIBUTE ? "&quot;" : NULL;
		case '\'':
			return escaping == ESCAPE_XML_ATTRIBUTE ? "&#39;" : NULL;
		default:
			return NULL;
		}
	}
	if (escaping == ESCAPE_JSON) {
		switch (c) {
		case '"':
			return "\\\"";
		case '\\':
			return "\\\\";
		case '\n':
			return "\\n";
		default:
			return NULL;
		}
	}
	return NULL;
}

void escape_put(enum escaping escaping, const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		const char *escape = escape_of(escaping, text[i]);
		if (escape != NULL)
			buf_put_str(out, escape);
		else
			buf_put_u8(out, (uint8_t)text[i]);
	}
}
