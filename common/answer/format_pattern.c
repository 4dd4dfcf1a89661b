/* Reading a pattern of a format file's head: which paths are a file. The text is ours and is
 * checked all the same. Pure. */
#include <string.h>

#include "common/answer/format_reader.h"

int part_is(struct part part, const char *word)
{
	return strlen(word) == part.len && memcmp(part.text, word, part.len) == 0;
}

struct part part_take_word(struct part *rest)
{
	const char *space = memchr(rest->text, ' ', rest->len);
	struct part word = *rest;

	word.len = space != NULL ? (size_t)(space - rest->text) : rest->len;
	rest->text += word.len;
	rest->len -= word.len;
	while (rest->len > 0 && *rest->text == ' ') {
		rest->text++;
		rest->len--;
	}
	return word;
}

static int is_path_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("._-/", c) != NULL;
}

/* Cuts one literal or {field} off a pattern's text. */
static enum err read_part(struct format_reader *reader, struct part *rest, struct part *part)
{
	static const struct {
		const char *text;
		enum part_kind kind;
	} FIELDS[] = {{"{mac}", PART_MAC}, {"{MAC}", PART_MAC}, {"{model}", PART_MODEL}};

	*part = (struct part){.kind = PART_LITERAL, .text = rest->text};
	if (*rest->text == '{') {
		for (size_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++) {
			size_t len = strlen(FIELDS[i].text);
			if (rest->len >= len && memcmp(rest->text, FIELDS[i].text, len) == 0) {
				part->kind = FIELDS[i].kind;
				part->len = len;
			}
		}
		if (part->len == 0)
			return format_error(
			    reader, rest->text, "a pattern's fields are {mac}, {MAC} and {model}");
	} else {
		while (part->len < rest->len && rest->text[part->len] != '{') {
			if (!is_path_character(rest->text[part->len]))
				return format_error(reader, rest->text + part->len,
				    "a pattern holds letters, digits and ._-/ only");
			part->len++;
		}
	}
	rest->text += part->len;
	rest->len -= part->len;
	return ERR_OK;
}

enum err format_read_pattern(struct format_reader *reader, struct part value, enum file_kind kind,
    int needs_no_mac, struct part *body_name)
{
	struct format *format = reader->format;
	struct pattern *pattern = &format->patterns[format->pattern_count];
	const char *at = value.text;

	if (format->pattern_count == FORMAT_PATTERNS_MAX)
		return format_error(reader, at, "more than %d patterns", FORMAT_PATTERNS_MAX);
	*pattern = (struct pattern){.kind = kind, .needs_no_mac = needs_no_mac};
	struct part text = part_take_word(&value), arrow = part_take_word(&value);
	*body_name = part_take_word(&value);
	if (text.len == 0 || value.len > 0 || (arrow.len > 0) != (body_name->len > 0) ||
	    (arrow.len > 0 && (!part_is(arrow, "->") || kind != FILE_OWN)))
		return format_error(reader, at, "write PATTERN, or for own files PATTERN -> BODY");
	if (part_is(text, "/"))
		text.len = 0;
	for (size_t i = 0; i < text.len; i++)
		pattern->slashes += text.text[i] == '/';
	while (text.len > 0) {
		if (pattern->count == FORMAT_PARTS_MAX)
			return format_error(
			    reader, at, "a pattern has at most %d parts", FORMAT_PARTS_MAX);
		enum err err = read_part(reader, &text, &pattern->parts[pattern->count]);
		if (err != ERR_OK)
			return err;
		pattern->has_mac |= pattern->parts[pattern->count++].kind == PART_MAC;
	}
	format->pattern_count++;
	return ERR_OK;
}
