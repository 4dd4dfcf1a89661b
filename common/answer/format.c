/* Reading a format file: its head, and that the whole makes sense. The file is ours and is checked
 * at load, so that a mistake is found by its author and not by a phone. Pure. */
#include "common/answer/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/format_reader.h"
#include "common/base/text.h"

const char *const format_value_names[VALUE_COUNT] = {
    [VALUE_MAC] = "mac",
    [VALUE_SERIAL_NUMBER] = "serial_number",
    [VALUE_MODEL] = "model",
    [VALUE_PROVISIONING_URL] = "provisioning_url",
    [VALUE_FALLBACK_URLS] = "fallback_urls",
    [VALUE_ADMIN_USER] = "admin_user",
    [VALUE_ADMIN_PASSWORD] = "admin_password",
    [VALUE_OTHER_PASSWORD] = "other_password",
    [VALUE_TRUST_ANCHORS] = "trust_anchors",
};

enum err format_error(const struct format_reader *reader, const char *at, const char *sentence, ...)
{
	size_t line = 1, column = 1;
	va_list args;

	for (const char *c = reader->start; c < at; c++) {
		line += *c == '\n';
		column = *c == '\n' ? 1 : column + 1;
	}
	int used = snprintf(reader->why, reader->why_len,
	    "%s.format:%zu:%zu: ", reader->format->name, line, column);
	if (used >= 0 && (size_t)used < reader->why_len) {
		va_start(args, sentence);
		vsnprintf(reader->why + used, reader->why_len - (size_t)used, sentence, args);
		va_end(args);
	}
	return ERR_SYNTAX;
}

static int is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int name_is_valid(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_name_character(name[i]))
			return 0;
	}
	return len > 0 && len <= FORMAT_NAME_MAX;
}

static int value_find(struct part name, enum value *value)
{
	for (int i = 0; i < VALUE_COUNT; i++) {
		if (part_is(name, format_value_names[i])) {
			*value = (enum value)i;
			return 1;
		}
	}
	return 0;
}

static enum err read_limit(struct format_reader *reader, struct part value)
{
	const char *at = value.text;
	struct part name = part_take_word(&value);
	enum value which;
	uint64_t limit;

	if (!value_find(name, &which))
		return format_error(reader, at, "unknown value \"%.*s\"", (int)name.len, name.text);
	if (number_parse(value.text, value.len, FORMAT_TEXT_MAX, &limit) != ERR_OK || limit == 0)
		return format_error(reader, value.text, "write VALUE and a number of characters");
	reader->format->max_len[which] = limit;
	return ERR_OK;
}

static enum err read_refusal(struct format_reader *reader, struct part value)
{
	const char *at = value.text;
	struct part name = part_take_word(&value);
	enum value which;

	if (!value_find(name, &which))
		return format_error(reader, at, "unknown value \"%.*s\"", (int)name.len, name.text);
	if (value.len == 0 || value.len > FORMAT_REFUSED_MAX)
		return format_error(
		    reader, at, "write VALUE and up to %d characters", FORMAT_REFUSED_MAX);
	memcpy(reader->format->refused[which], value.text, value.len);
	reader->format->refused[which][value.len] = '\0';
	return ERR_OK;
}

static enum err read_content_type(struct format_reader *reader, struct part value)
{
	if (reader->format->content_type[0] != '\0')
		return format_error(reader, value.text, "content-type: twice");
	if (value.len == 0 || value.len > FORMAT_CONTENT_TYPE_MAX)
		return format_error(
		    reader, value.text, "needs 1..%d characters", FORMAT_CONTENT_TYPE_MAX);
	memcpy(reader->format->content_type, value.text, value.len);
	reader->format->content_type[value.len] = '\0';
	return ERR_OK;
}

static enum err read_escape(struct format_reader *reader, struct part value)
{
	if (reader->format->has_escaping)
		return format_error(reader, value.text, "escape: twice");
	if (escape_parse(value.text, value.len, &reader->format->escaping) != ERR_OK)
		return format_error(
		    reader, value.text, "escape is xml, xml-attribute, json, line or quoted-line");
	reader->format->has_escaping = 1;
	return ERR_OK;
}

static enum err read_choice(
    struct format_reader *reader, struct part value, const char *no, const char *yes, int *choice)
{
	if (!part_is(value, no) && !part_is(value, yes))
		return format_error(reader, value.text, "write %s or %s", no, yes);
	*choice = part_is(value, yes);
	return ERR_OK;
}

/* no, yes, or BODY -> BODY: what stage one renders in place of which; found once all were read. */
static enum err read_staged(struct format_reader *reader, struct part value)
{
	const char *at = value.text;
	struct part body = part_take_word(&value), arrow = part_take_word(&value);

	if (arrow.len == 0)
		return read_choice(reader, body, "no", "yes", &reader->format->staged);
	if (!part_is(arrow, "->") || value.len == 0 || memchr(value.text, ' ', value.len) != NULL)
		return format_error(reader, at, "write no, yes, or BODY -> BODY");
	reader->format->staged = 1;
	reader->stage_body = body;
	reader->stage_one_body = value;
	return ERR_OK;
}

static enum err read_key(
    struct format_reader *reader, struct part key, struct part value, struct part *body_name)
{
	struct format *format = reader->format;

	if (part_is(key, "content-type"))
		return read_content_type(reader, value);
	if (part_is(key, "escape"))
		return read_escape(reader, value);
	if (part_is(key, "own"))
		return format_read_pattern(reader, value, FILE_OWN, 0, body_name);
	if (part_is(key, "own-without-mac"))
		return format_read_pattern(reader, value, FILE_OWN, 1, body_name);
	if (part_is(key, "common"))
		return format_read_pattern(reader, value, FILE_COMMON, 0, body_name);
	if (part_is(key, "staged"))
		return read_staged(reader, value);
	if (part_is(key, "other-accounts"))
		return read_choice(
		    reader, value, "password", "disabled", &format->others_need_no_password);
	if (part_is(key, "max"))
		return read_limit(reader, value);
	if (part_is(key, "refuse"))
		return read_refusal(reader, value);
	return format_error(reader, key.text, "unknown key \"%.*s\"", (int)key.len, key.text);
}

/* One line, without its end; empty at the end of the text. */
static struct part line_take(struct format_reader *reader)
{
	const char *newline = memchr(reader->next, '\n', (size_t)(reader->end - reader->next));
	const char *stop = newline != NULL ? newline : reader->end;
	struct part line = {.text = reader->next, .len = (size_t)(stop - reader->next)};

	reader->next = newline != NULL ? newline + 1 : reader->end;
	return line;
}

static enum err read_head(struct format_reader *reader, struct part body_names[FORMAT_PATTERNS_MAX])
{
	while (reader->next < reader->end && strncmp(reader->next, "---", 3) != 0) {
		struct part line = line_take(reader);
		if (line.len == 0 || *line.text == '#')
			continue;
		const char *colon = memchr(line.text, ':', line.len);
		if (colon == NULL)
			return format_error(reader, line.text, "write KEY: VALUE, or --- BODY");
		struct part key = {.text = line.text, .len = (size_t)(colon - line.text)};
		struct part value = {.text = colon + 1, .len = line.len - key.len - 1};
		while (value.len > 0 && *value.text == ' ') {
			value.text++;
			value.len--;
		}
		struct part body_name = {0};
		size_t before = reader->format->pattern_count;
		enum err err = read_key(reader, key, value, &body_name);
		if (err != ERR_OK)
			return err;
		if (reader->format->pattern_count > before)
			body_names[before] = body_name;
	}
	return ERR_OK;
}

static enum err read_bodies(struct format_reader *reader)
{
	struct format *format = reader->format;

	while (reader->next < reader->end) {
		struct part line = line_take(reader);
		struct part name = {.text = line.text + 3, .len = line.len - 3};
		while (name.len > 0 && *name.text == ' ') {
			name.text++;
			name.len--;
		}
		if (!name_is_valid(name.text, name.len))
			return format_error(reader, line.text,
			    "a body begins with \"--- NAME\", NAME of a-z, 0-9, - and _");
		if (format->body_count == FORMAT_BODIES_MAX)
			return format_error(
			    reader, line.text, "more than %d bodies", FORMAT_BODIES_MAX);
		for (unsigned i = 0; i < format->body_count; i++) {
			if (part_is(name, format->bodies[i].name))
				return format_error(
				    reader, name.text, "body \"%s\" twice", format->bodies[i].name);
		}
		struct body *body = &format->bodies[format->body_count++];
		memcpy(body->name, name.text, name.len);
		enum err err = format_read_body(reader, body);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static enum err find_body(const struct format_reader *reader, struct part name, unsigned *body)
{
	const struct format *format = reader->format;

	for (*body = 0; *body < format->body_count; ++*body) {
		if (part_is(name, format->bodies[*body].name))
			return ERR_OK;
	}
	return format_error(reader, name.text, "no body \"%.*s\"", (int)name.len, name.text);
}

static enum err resolve_stages(struct format_reader *reader)
{
	struct format *format = reader->format;
	enum err err;

	if (reader->stage_body.len == 0)
		return ERR_OK;
	if ((err = find_body(reader, reader->stage_body, &format->stage_body)) != ERR_OK ||
	    (err = find_body(reader, reader->stage_one_body, &format->stage_one_body)) != ERR_OK)
		return err;
	if (!format_body_delivers(format, format->stage_body) ||
	    !format_body_delivers(format, format->stage_one_body))
		return format_error(reader, reader->stage_body.text,
		    "stages are of bodies that set the admin password and the URL");
	format->bodies[format->stage_one_body].has_pattern = 1;
	return ERR_OK;
}

static enum err resolve_patterns(
    struct format_reader *reader, const struct part body_names[FORMAT_PATTERNS_MAX])
{
	struct format *format = reader->format;

	for (size_t i = 0; i < format->pattern_count; i++) {
		struct pattern *pattern = &format->patterns[i];
		if (pattern->kind != FILE_OWN)
			continue;
		if (body_names[i].len > 0) {
			enum err err = find_body(reader, body_names[i], &pattern->body);
			if (err != ERR_OK)
				return err;
		}
		if (format->body_count > 0)
			format->bodies[pattern->body].has_pattern = 1;
	}
	return ERR_OK;
}

/* What the parts alone cannot tell. Errors of the whole are placed at its end. */
static enum err check_whole(const struct format_reader *reader)
{
	const struct format *format = reader->format;
	int delivers = 0;

	if (format->content_type[0] == '\0' || !format->has_escaping)
		return format_error(reader, reader->end, "needs content-type: and escape:");
	for (unsigned i = 0; i < format->body_count; i++) {
		const struct body *body = &format->bodies[i];
		int password = format_body_uses(body, VALUE_ADMIN_PASSWORD);
		if (!body->has_pattern)
			return format_error(reader, reader->end,
			    "no own: pattern leads to body \"%s\"", body->name);
		if (password != format_body_uses(body, VALUE_PROVISIONING_URL))
			return format_error(reader, reader->end,
			    "body \"%s\" must set the admin password and the URL, or neither",
			    body->name);
		if (password && !format->others_need_no_password &&
		    !format_body_uses(body, VALUE_OTHER_PASSWORD))
			return format_error(reader, reader->end,
			    "body \"%s\" leaves the model's other accounts as they are: use "
			    "{{other_password}}, or disable them and say other-accounts: disabled",
			    body->name);
		delivers |= password;
	}
	if (!delivers)
		return format_error(
		    reader, reader->end, "no body sets the admin password and the URL");
	return ERR_OK;
}

/* Plain UTF-8 lines that end in LF; nothing that a phone's parser could trip over. */
static enum err check_text(const struct format_reader *reader)
{
	const char *line = reader->start;

	if (reader->end > reader->start && reader->end[-1] != '\n')
		return format_error(reader, reader->end, "the last line has no end");
	while (line < reader->end) {
		const char *newline = memchr(line, '\n', (size_t)(reader->end - line));
		if (!text_is_printable_utf8(line, (size_t)(newline - line)))
			return format_error(
			    reader, line, "a control character (tab, CR, ...) or bad UTF-8");
		line = newline + 1;
	}
	return ERR_OK;
}

enum err format_parse(const char *name, const char *text, size_t len, struct format **format,
    char *why, size_t why_len)
{
	struct part body_names[FORMAT_PATTERNS_MAX] = {0};
	enum err err = ERR_SYNTAX;

	if (!name_is_valid(name, strlen(name))) {
		snprintf(why, why_len,
		    "%.64s.format: a format's name is of a-z, 0-9, - and _, up to %d", name,
		    FORMAT_NAME_MAX);
		return ERR_SYNTAX;
	}
	if (len > FORMAT_TEXT_MAX) {
		snprintf(why, why_len, "%s.format: larger than %d bytes", name, FORMAT_TEXT_MAX);
		return ERR_SYNTAX;
	}
	struct format *made = calloc(1, sizeof(*made));
	CHECK(made != NULL);
	strcpy(made->name, name);
	made->text = malloc(len + 1);
	CHECK(made->text != NULL);
	memcpy(made->text, text, len);
	made->text[len] = '\0';
	struct format_reader reader = {.format = made,
	    .start = made->text,
	    .next = made->text,
	    .end = made->text + len,
	    .why = why,
	    .why_len = why_len};
	if ((err = check_text(&reader)) != ERR_OK)
		goto out;
	if ((err = read_head(&reader, body_names)) != ERR_OK)
		goto out;
	if ((err = read_bodies(&reader)) != ERR_OK)
		goto out;
	if ((err = resolve_patterns(&reader, body_names)) != ERR_OK)
		goto out;
	if ((err = resolve_stages(&reader)) != ERR_OK)
		goto out;
	if ((err = check_whole(&reader)) != ERR_OK)
		goto out;
	*format = made;
	made = NULL;
out:
	format_free(made);
	return err;
}

void format_free(struct format *format)
{
	if (format == NULL)
		return;
	for (unsigned i = 0; i < format->body_count; i++)
		free(format->bodies[i].segments);
	free(format->text);
	free(format);
}

const char *format_name(const struct format *format)
{
	return format->name;
}

const char *format_content_type(const struct format *format)
{
	return format->content_type;
}

int format_can_stage(const struct format *format)
{
	return format->staged;
}

unsigned format_stage_one_body(const struct format *format, unsigned body)
{
	return body == format->stage_body ? format->stage_one_body : body;
}

unsigned format_settings_body(const struct format *format)
{
	unsigned body = 0;

	while (!format_body_delivers(format, body))
		body++;
	return body;
}

int format_tells(const struct format *format, const char *value)
{
	for (unsigned body = 0; body < format->body_count; body++)
		for (int i = 0; i < VALUE_COUNT; i++)
			if (strcmp(format_value_names[i], value) == 0 &&
			    format_body_uses(&format->bodies[body], (enum value)i))
				return 1;
	return 0;
}

unsigned format_body_count(const struct format *format)
{
	return format->body_count;
}

int format_body_delivers(const struct format *format, unsigned body)
{
	CHECK(body < format->body_count);
	return format_body_uses(&format->bodies[body], VALUE_ADMIN_PASSWORD);
}
