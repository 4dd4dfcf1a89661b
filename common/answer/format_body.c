/* Reading a template body into segments. The text is ours and is checked all the same: a mistake
 * must be found at load and not by a phone. Pure. */
#include <stdlib.h>
#include <string.h>

#include "common/answer/format_reader.h"

static const struct {
	const char *name;
	int is_list;
	unsigned values; /* bits of enum value */
} FIELDS[FIELD_COUNT] = {
    [FIELD_MAC_LOWER] = {"mac", 0, 1u << VALUE_MAC},
    [FIELD_MAC_UPPER] = {"MAC", 0, 1u << VALUE_MAC},
    [FIELD_SERIAL_NUMBER] = {"serial_number", 0, 1u << VALUE_SERIAL_NUMBER},
    [FIELD_MODEL] = {"model", 0, 1u << VALUE_MODEL},
    [FIELD_PROVISIONING_URL] = {"provisioning_url", 0, 1u << VALUE_PROVISIONING_URL},
    [FIELD_PROVISIONING_AUTHORITY] = {"provisioning_authority", 0, 1u << VALUE_PROVISIONING_URL},
    [FIELD_PROVISIONING_HOST] = {"provisioning_host", 0, 1u << VALUE_PROVISIONING_URL},
    [FIELD_PROVISIONING_PORT] = {"provisioning_port", 0, 1u << VALUE_PROVISIONING_URL},
    [FIELD_PROVISIONING_PATH] = {"provisioning_path", 0, 1u << VALUE_PROVISIONING_URL},
    [FIELD_ADMIN_USER] = {"admin_user", 0, 1u << VALUE_ADMIN_USER},
    [FIELD_ADMIN_PASSWORD] = {"admin_password", 0, 1u << VALUE_ADMIN_PASSWORD},
    [FIELD_OTHER_PASSWORD] = {"other_password", 0, 1u << VALUE_OTHER_PASSWORD},
    [FIELD_PROVISIONING_URLS] = {"provisioning_urls", 1,
	1u << VALUE_PROVISIONING_URL | 1u << VALUE_FALLBACK_URLS},
    [FIELD_FALLBACK_URLS] = {"fallback_urls", 1, 1u << VALUE_FALLBACK_URLS},
    [FIELD_TRUST_ANCHORS] = {"trust_anchors", 1, 1u << VALUE_TRUST_ANCHORS},
};

static int text_is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static int field_find(const char *name, size_t len, int is_list, enum field *field)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (FIELDS[i].is_list == is_list && text_is(name, len, FIELDS[i].name)) {
			*field = (enum field)i;
			return 1;
		}
	}
	return 0;
}

static void body_add(struct body *body, struct segment segment)
{
	body->segments = reallocarray(body->segments, body->count + 1, sizeof(segment));
	CHECK(body->segments != NULL);
	body->segments[body->count++] = segment;
}

/* One {{tag}}; `open` is the index of the {{each}} that it stands in, or -1. */
static enum err read_tag(
    struct format_reader *reader, struct body *body, const char *tag, size_t len, ptrdiff_t *open)
{
	static const char EACH[] = "each ";
	const size_t each_len = sizeof(EACH) - 1;
	struct segment segment = {0};

	if (len > each_len && memcmp(tag, EACH, each_len) == 0) {
		if (*open >= 0)
			return format_error(reader, tag, "{{each}} inside {{each}}");
		if (!field_find(tag + each_len, len - each_len, 1, &segment.field))
			return format_error(reader, tag + each_len, "\"%.*s\" is not a list",
			    (int)(len - each_len), tag + each_len);
		segment.kind = SEGMENT_EACH;
		*open = (ptrdiff_t)body->count;
		body->values |= FIELDS[segment.field].values;
	} else if (text_is(tag, len, "/each")) {
		if (*open < 0)
			return format_error(reader, tag, "{{/each}} without {{each}}");
		segment.kind = SEGMENT_END;
		body->segments[*open].end = body->count;
		*open = -1;
	} else if (text_is(tag, len, "item") || text_is(tag, len, ",")) {
		if (*open < 0)
			return format_error(
			    reader, tag, "{{%.*s}} outside {{each}}", (int)len, tag);
		segment.kind = *tag == ',' ? SEGMENT_COMMA : SEGMENT_ITEM;
	} else if (field_find(tag, len, 0, &segment.field)) {
		segment.kind = SEGMENT_FIELD;
		body->values |= FIELDS[segment.field].values;
	} else {
		return format_error(reader, tag, "unknown field \"%.*s\"", (int)len, tag);
	}
	body_add(body, segment);
	return ERR_OK;
}

static const char *find(const char *text, const char *end, const char *word)
{
	return memmem(text, (size_t)(end - text), word, strlen(word));
}

/* The start of the next line that begins with "---", or the end. */
static const char *body_end(const struct format_reader *reader)
{
	const char *line = reader->next;

	while (line < reader->end) {
		if (reader->end - line >= 3 && memcmp(line, "---", 3) == 0)
			return line;
		const char *newline = memchr(line, '\n', (size_t)(reader->end - line));
		line = newline != NULL ? newline + 1 : reader->end;
	}
	return reader->end;
}

enum err format_read_body(struct format_reader *reader, struct body *body)
{
	const char *end = body_end(reader), *text = reader->next;
	ptrdiff_t open = -1;

	while (text < end) {
		const char *tag = find(text, end, "{{");
		const char *stop = tag != NULL ? tag : end;
		if (stop > text)
			body_add(body, (struct segment){.kind = SEGMENT_LITERAL,
					   .text = text,
					   .len = (size_t)(stop - text)});
		if (tag == NULL)
			break;
		const char *close = find(tag, end, "}}");
		if (close == NULL)
			return format_error(reader, tag, "{{ is never closed");
		enum err err = read_tag(reader, body, tag + 2, (size_t)(close - tag - 2), &open);
		if (err != ERR_OK)
			return err;
		text = close + 2;
	}
	if (open >= 0)
		return format_error(reader, end, "{{each}} is never closed");
	reader->next = end;
	return ERR_OK;
}
