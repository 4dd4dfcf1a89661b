/*
 * Looking things up in a request head: fields, query parameters, percent-encoded text.
 *
 * Pure. The head comes from http1.c and its text from the Internet: whatever could be read in two
 * ways (a field or parameter given twice, a bad escape) is an error, not a choice.
 */
#include "common/net/http1.h"

#include <string.h>
#include <strings.h>

#include "common/net/http1_chars.h"

int span_equal(struct span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.text, text, span.len) == 0;
}

int span_equal_nocase(struct span span, const char *text)
{
	return span.len == strlen(text) && strncasecmp(span.text, text, span.len) == 0;
}

enum err http1_field(const struct http1_head *head, const char *name, struct span *value)
{
	const struct http1_field *found = NULL;
	for (size_t i = 0; i < head->field_count; i++) {
		if (!span_equal_nocase(head->fields[i].name, name))
			continue;
		if (found != NULL)
			return ERR_SYNTAX;
		found = &head->fields[i];
	}
	if (found == NULL)
		return ERR_NOT_FOUND;
	*value = found->value;
	return ERR_OK;
}

/* The next decoded byte at *at, or -1 for a bad escape. */
static int decode_byte(struct span encoded, size_t *at, int plus_is_space)
{
	char c = encoded.text[(*at)++];
	if (c == '+' && plus_is_space)
		return ' ';
	if (c != '%')
		return (unsigned char)c;
	if (encoded.len - *at < 2)
		return -1;
	int high = hex_digit((unsigned char)encoded.text[*at]);
	int low = hex_digit((unsigned char)encoded.text[*at + 1]);
	*at += 2;
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Whether the encoded text decodes to exactly `text`; -1 for a bad escape. */
static int decodes_to(struct span encoded, const char *text)
{
	int equal = 1;
	size_t len = 0, text_len = strlen(text);
	for (size_t at = 0; at < encoded.len;) {
		int byte = decode_byte(encoded, &at, 1);
		if (byte < 0)
			return -1;
		equal = equal && len < text_len && (unsigned char)text[len] == byte;
		len++;
	}
	return equal && len == text_len;
}

static int always_allowed(int byte)
{
	return byte != '\0';
}

static int allowed_in_segment(int byte)
{
	return byte >= 0x20 && byte != 0x7f && byte != '/';
}

/* Looks first and writes then, so that a failure leaves the output untouched. */
static enum err decode(
    struct span encoded, int plus_is_space, int (*allowed)(int byte), char *text, size_t text_max)
{
	size_t len = 0;
	for (size_t at = 0; at < encoded.len; len++) {
		int byte = decode_byte(encoded, &at, plus_is_space);
		if (byte < 0 || !allowed(byte))
			return ERR_SYNTAX;
	}
	if (len >= text_max)
		return ERR_TOO_LONG;
	len = 0;
	for (size_t at = 0; at < encoded.len;)
		text[len++] = (char)decode_byte(encoded, &at, plus_is_space);
	text[len] = '\0';
	return ERR_OK;
}

enum err http1_query(const struct http1_head *head, const char *name, char *value, size_t value_max)
{
	const char *next = head->query.text, *end = next + head->query.len;
	struct span found = {NULL, 0};
	while (next < end) {
		const char *stop = memchr(next, '&', (size_t)(end - next));
		if (stop == NULL)
			stop = end;
		const char *equals = memchr(next, '=', (size_t)(stop - next));
		const char *key_end = equals != NULL ? equals : stop;
		const char *text = equals != NULL ? equals + 1 : stop;
		int match = decodes_to((struct span){next, (size_t)(key_end - next)}, name);
		if (match < 0 || (match && found.text != NULL))
			return ERR_SYNTAX;
		if (match)
			found = (struct span){text, (size_t)(stop - text)};
		next = stop + 1;
	}
	if (found.text == NULL)
		return ERR_NOT_FOUND;
	return decode(found, 1, always_allowed, value, value_max);
}

enum err http1_decode(struct span encoded, char *decoded, size_t decoded_max)
{
	return decode(encoded, 0, allowed_in_segment, decoded, decoded_max);
}
