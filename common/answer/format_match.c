/* From a path to a file of a format. Paths come from phones, patterns from us. Pure. */
#include <string.h>
#include <strings.h>

#include "common/answer/format_internal.h"
#include "common/answer/request_mac.h"

static int is_model_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static int parts_match(const struct part *part, size_t count, const char *text, const char *mac)
{
	if (count == 0)
		return *text == '\0';
	switch (part->kind) {
	case PART_LITERAL:
		return strncmp(text, part->text, part->len) == 0 &&
		       parts_match(part + 1, count - 1, text + part->len, mac);
	case PART_MAC:
		return strncasecmp(text, mac, MAC_TEXT_LEN) == 0 &&
		       parts_match(part + 1, count - 1, text + MAC_TEXT_LEN, mac);
	case PART_MODEL:
		for (size_t len = 1; len <= FORMAT_MODEL_PART_MAX; len++) {
			if (!is_model_character(text[len - 1]))
				return 0;
			if (parts_match(part + 1, count - 1, text + len, mac))
				return 1;
		}
		return 0;
	}
	return 0;
}

/* What follows the last `slashes` + 1 slashes: patterns hold under any leading path. */
static const char *path_tail(const char *path, unsigned slashes)
{
	const char *end = path + strlen(path);

	for (const char *c = end; c > path; c--) {
		if (c[-1] == '/' && slashes-- == 0)
			return c;
	}
	return NULL;
}

enum file_kind format_match(const struct format *format, const struct mac *mac, const char *path,
    const char *query, size_t query_len, unsigned *body)
{
	enum file_kind kind = FILE_UNKNOWN;
	int mac_in_query = request_query_has_mac(mac, query, query_len);
	char mac_text[MAC_TEXT_LEN + 1];

	mac_format(mac, mac_text);
	for (size_t i = 0; i < format->pattern_count; i++) {
		const struct pattern *pattern = &format->patterns[i];
		const char *tail = path_tail(path, pattern->slashes);
		if (tail == NULL || !parts_match(pattern->parts, pattern->count, tail, mac_text))
			continue;
		if (pattern->kind == FILE_COMMON) {
			kind = FILE_COMMON;
		} else if (pattern->needs_no_mac || pattern->has_mac || mac_in_query) {
			*body = pattern->body;
			return FILE_OWN;
		}
	}
	return kind;
}
