/* The parts of a format that reading (format.c), matching (format_match.c) and rendering
 * (format_render.c) share. Nobody else includes this. */
#ifndef FIRSTRING_ANSWER_FORMAT_INTERNAL_H
#define FIRSTRING_ANSWER_FORMAT_INTERNAL_H

#include "common/answer/escape.h"
#include "common/answer/format.h"

enum {
	FORMAT_NAME_MAX = 32,
	FORMAT_TEXT_MAX = 64 * 1024,
	FORMAT_CONTENT_TYPE_MAX = 64,
	FORMAT_BODIES_MAX = 4,
	FORMAT_PATTERNS_MAX = 24,
	FORMAT_PARTS_MAX = 8,
	FORMAT_MODEL_PART_MAX = 32,
	FORMAT_REFUSED_MAX = 16,
};

/* The members of struct answer_values, for limits and refusals. */
enum value {
	VALUE_MAC,
	VALUE_SERIAL_NUMBER,
	VALUE_MODEL,
	VALUE_PROVISIONING_URL,
	VALUE_FALLBACK_URLS,
	VALUE_ADMIN_USER,
	VALUE_ADMIN_PASSWORD,
	VALUE_OTHER_PASSWORD,
	VALUE_TRUST_ANCHORS,
	VALUE_COUNT,
};
extern const char *const format_value_names[VALUE_COUNT];

/* What {{name}} may say. */
enum field {
	FIELD_MAC_LOWER,
	FIELD_MAC_UPPER,
	FIELD_SERIAL_NUMBER,
	FIELD_MODEL,
	FIELD_PROVISIONING_URL,
	FIELD_PROVISIONING_AUTHORITY, /* host, and ":port" where the URL has one */
	FIELD_PROVISIONING_HOST,
	FIELD_PROVISIONING_PORT, /* "443" where the URL has none */
	FIELD_PROVISIONING_PATH, /* path and query, without the leading slash */
	FIELD_ADMIN_USER,
	FIELD_ADMIN_PASSWORD,
	FIELD_OTHER_PASSWORD,
	/* Lists, for {{each NAME}}. */
	FIELD_PROVISIONING_URLS, /* the URL, then the fallbacks */
	FIELD_FALLBACK_URLS,
	FIELD_TRUST_ANCHORS,
	FIELD_COUNT,
};

enum segment_kind {
	SEGMENT_LITERAL,
	SEGMENT_FIELD,
	SEGMENT_EACH, /* `end` is the index of its SEGMENT_END */
	SEGMENT_END,
	SEGMENT_ITEM, /* {{item}} */
	SEGMENT_COMMA, /* {{,}}: a comma but after the last item */
};

struct segment {
	enum segment_kind kind;
	enum field field;
	const char *text; /* a literal: into format->text */
	size_t len;
	size_t end;
};

struct body {
	char name[FORMAT_NAME_MAX + 1];
	struct segment *segments;
	size_t count;
	unsigned values; /* a bit for each enum value that it uses */
	int has_pattern;
};

enum part_kind { PART_LITERAL, PART_MAC, PART_MODEL };

struct part {
	enum part_kind kind;
	const char *text;
	size_t len;
};

struct pattern {
	enum file_kind kind; /* FILE_OWN or FILE_COMMON */
	int needs_no_mac; /* own by its name alone */
	int has_mac; /* {mac} is in it; else an own file needs ?mac= */
	struct part parts[FORMAT_PARTS_MAX];
	size_t count;
	unsigned slashes;
	unsigned body;
};

struct format {
	char name[FORMAT_NAME_MAX + 1];
	char *text; /* a copy of the file; literals point into it */
	char content_type[FORMAT_CONTENT_TYPE_MAX + 1];
	enum escaping escaping;
	int has_escaping;
	int staged;
	unsigned stage_body, stage_one_body; /* the one, and what stage one renders for it */
	int others_need_no_password;
	struct pattern patterns[FORMAT_PATTERNS_MAX];
	size_t pattern_count;
	struct body bodies[FORMAT_BODIES_MAX];
	unsigned body_count;
	size_t max_len[VALUE_COUNT]; /* 0: no limit of its own */
	char refused[VALUE_COUNT][FORMAT_REFUSED_MAX + 1];
};

static inline int format_body_uses(const struct body *body, enum value value)
{
	return (body->values >> value & 1) != 0;
}

#endif
