/* Putting a phone's values into a format's template. Values come from ITSPs; each is checked whole
 * before the first byte is written. Pure. */
#include <string.h>

#include "common/answer/format_internal.h"
#include "common/base/secret.h"

static const char SCHEME[] = "https://";
enum { SCHEME_LEN = sizeof(SCHEME) - 1 };

static const char *value_text(const struct answer_values *values, enum value value)
{
	switch (value) {
	case VALUE_SERIAL_NUMBER:
		return values->serial_number;
	case VALUE_MODEL:
		return values->model;
	case VALUE_PROVISIONING_URL:
		return values->provisioning_url;
	case VALUE_ADMIN_USER:
		return values->admin_user != NULL ? values->admin_user : "admin";
	case VALUE_ADMIN_PASSWORD:
		return values->admin_password;
	case VALUE_OTHER_PASSWORD:
		return values->other_password;
	case VALUE_MAC:
	case VALUE_FALLBACK_URLS:
	case VALUE_TRUST_ANCHORS:
	case VALUE_COUNT:
		break;
	}
	CHECK(0);
}

static int can_carry(const struct format *format, enum value value, const char *text)
{
	/* An empty password or URL would leave the phone open or lost. */
	if (text == NULL || *text == '\0')
		return 0;
	size_t len = strlen(text);
	if ((value == VALUE_PROVISIONING_URL || value == VALUE_FALLBACK_URLS) &&
	    (len <= SCHEME_LEN || memcmp(text, SCHEME, SCHEME_LEN) != 0))
		return 0;
	if (format->max_len[value] != 0 && len > format->max_len[value])
		return 0;
	return strpbrk(text, format->refused[value]) == NULL &&
	       escape_can_carry(format->escaping, text, len);
}

static int can_carry_all(
    const struct format *format, enum value value, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!can_carry(format, value, texts[i]))
			return 0;
	}
	return 1;
}

static int can_carry_value(
    const struct format *format, enum value value, const struct answer_values *values)
{
	switch (value) {
	case VALUE_MAC:
		return 1;
	case VALUE_FALLBACK_URLS:
		return can_carry_all(format, value, values->fallback_urls, values->fallback_count);
	case VALUE_TRUST_ANCHORS:
		return can_carry_all(
		    format, value, values->trust_anchors, values->trust_anchor_count);
	default:
		return can_carry(format, value, value_text(values, value));
	}
}

static enum err check_body(const struct format *format, const struct body *body,
    const struct answer_values *values, const char **field)
{
	for (int i = 0; i < VALUE_COUNT; i++) {
		if (format_body_uses(body, (enum value)i) &&
		    !can_carry_value(format, (enum value)i, values)) {
			*field = format_value_names[i];
			return ERR_REFUSED;
		}
	}
	return ERR_OK;
}

static void put_text(const struct format *format, const char *text, size_t len, struct buf *out)
{
	escape_put(format->escaping, text, len, out);
}

/* host, host:port, port or path?query of an https URL. */
static void put_url_part(
    const struct format *format, enum field field, const char *url, struct buf *out)
{
	const char *authority = url + SCHEME_LEN;
	size_t authority_len = strcspn(authority, "/?");
	const char *colon = memchr(authority, ':', authority_len);
	const char *path = authority + authority_len;

	switch (field) {
	case FIELD_PROVISIONING_HOST:
		put_text(format, authority,
		    colon != NULL ? (size_t)(colon - authority) : authority_len, out);
		break;
	case FIELD_PROVISIONING_PORT:
		if (colon != NULL)
			put_text(format, colon + 1, (size_t)(path - colon - 1), out);
		else
			buf_put_str(out, "443");
		break;
	case FIELD_PROVISIONING_PATH:
		if (*path == '/')
			path++;
		put_text(format, path, strlen(path), out);
		break;
	default:
		put_text(format, authority, authority_len, out);
		break;
	}
}

static void put_field(const struct format *format, enum field field,
    const struct answer_values *values, struct buf *out)
{
	char mac[MAC_TEXT_LEN + 1];
	const char *text;

	switch (field) {
	case FIELD_MAC_LOWER:
		mac_format_lower(&values->mac, mac);
		text = mac;
		break;
	case FIELD_MAC_UPPER:
		mac_format(&values->mac, mac);
		text = mac;
		break;
	case FIELD_SERIAL_NUMBER:
		text = value_text(values, VALUE_SERIAL_NUMBER);
		break;
	case FIELD_MODEL:
		text = value_text(values, VALUE_MODEL);
		break;
	case FIELD_PROVISIONING_URL:
		text = value_text(values, VALUE_PROVISIONING_URL);
		break;
	case FIELD_ADMIN_USER:
		text = value_text(values, VALUE_ADMIN_USER);
		break;
	case FIELD_ADMIN_PASSWORD:
		text = value_text(values, VALUE_ADMIN_PASSWORD);
		break;
	case FIELD_OTHER_PASSWORD:
		text = value_text(values, VALUE_OTHER_PASSWORD);
		break;
	default:
		put_url_part(format, field, value_text(values, VALUE_PROVISIONING_URL), out);
		return;
	}
	put_text(format, text, strlen(text), out);
}

/* The list's item, or NULL past its end. */
static const char *list_item(const struct answer_values *values, enum field field, size_t index)
{
	if (field == FIELD_TRUST_ANCHORS)
		return index < values->trust_anchor_count ? values->trust_anchors[index] : NULL;
	if (field == FIELD_PROVISIONING_URLS) {
		if (index == 0)
			return values->provisioning_url;
		index--;
	}
	return index < values->fallback_count ? values->fallback_urls[index] : NULL;
}

/* Segments first..end-1; `item` and `last` are for those inside {{each}}. */
static void put_segments(const struct format *format, const struct body *body, size_t first,
    size_t end, const struct answer_values *values, const char *item, int last, struct buf *out)
{
	for (size_t i = first; i < end; i++) {
		const struct segment *segment = &body->segments[i];
		switch (segment->kind) {
		case SEGMENT_LITERAL:
			buf_put(out, segment->text, segment->len);
			break;
		case SEGMENT_FIELD:
			put_field(format, segment->field, values, out);
			break;
		case SEGMENT_ITEM:
			CHECK(item != NULL);
			put_text(format, item, strlen(item), out);
			break;
		case SEGMENT_COMMA:
			if (!last)
				buf_put_str(out, ",");
			break;
		case SEGMENT_EACH:
			for (size_t n = 0; (item = list_item(values, segment->field, n)) != NULL;
			     n++)
				put_segments(format, body, i + 1, segment->end, values, item,
				    list_item(values, segment->field, n + 1) == NULL, out);
			i = segment->end;
			break;
		case SEGMENT_END:
			break;
		}
	}
}

enum err format_render(const struct format *format, unsigned body,
    const struct answer_values *values, struct buf *out, const char **field)
{
	CHECK(body < format->body_count);
	const struct body *template = &format->bodies[body];
	size_t start = out->len;

	enum err err = check_body(format, template, values, field);
	if (err != ERR_OK)
		return err;
	put_segments(format, template, 0, template->count, values, NULL, 1, out);
	if (out->err != ERR_OK && out->len > start) {
		bytes_wipe(out->bytes + start, out->len - start);
		out->len = start;
	}
	return out->err;
}

enum err format_check_values(
    const struct format *format, const struct answer_values *values, const char **field)
{
	enum err err = ERR_OK;

	for (unsigned i = 0; err == ERR_OK && i < format->body_count; i++)
		err = check_body(format, &format->bodies[i], values, field);
	return err;
}
