/* JSON bodies to structs by tables; see bind.h. Pure. */
#include "portal-api/json/bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/mac.h"
#include "common/base/text.h"
#include "portal-api/http/uuid.h"

/* Deeper than JSON_DEPTH_MAX? Told before the parser recurses. Strings are skipped. */
static int is_too_deep(const char *text, size_t len)
{
	int depth = 0, in_string = 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = 0;
		} else if (c == '"') {
			in_string = 1;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return 1;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return 0;
}

enum err json_parse_object(
    const char *text, size_t len, json_t **document, char *detail, size_t detail_len)
{
	json_error_t error;
	if (len == 0) {
		snprintf(detail, detail_len, "The body is empty; a JSON object is needed.");
		return ERR_SYNTAX;
	}
	if (is_too_deep(text, len)) {
		snprintf(detail, detail_len, "The body is nested deeper than %d levels.",
		    JSON_DEPTH_MAX);
		return ERR_SYNTAX;
	}
	json_t *parsed = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!parsed) {
		/* jansson's text may quote the body, which may hold a secret: only the place is
		 * told. */
		snprintf(detail, detail_len,
		    "The body is not acceptable JSON at line %d, column %d%s.", error.line,
		    error.column,
		    json_error_code(&error) == json_error_duplicate_key ? ": a key stands twice"
									: "");
		return ERR_SYNTAX;
	}
	if (!json_is_object(parsed)) {
		json_decref(parsed);
		snprintf(detail, detail_len, "The body must be a JSON object.");
		return ERR_SYNTAX;
	}
	*document = parsed;
	return ERR_OK;
}

struct binding {
	const struct bind_field *field;
	struct field_errors *errors;
	char path[FIELD_PATH_MAX];
};

static void fail_type(struct binding *binding, const char *wanted)
{
	field_error_add(binding->errors, binding->path, "wrong_type", "This must be %s.", wanted);
}

static int has_only_text(const char *text, size_t len, int lines)
{
	if (!lines)
		return text_is_printable_utf8(text, len);
	while (len > 0) {
		size_t line_len = strcspn(text, "\r\n");
		if (!text_is_printable_utf8(text, line_len))
			return 0;
		if (line_len < len)
			line_len++;
		text += line_len;
		len -= line_len;
	}
	return 1;
}

/* The text of a string value of min..max bytes, or NULL with the error added. */
static const char *take_text(
    struct binding *binding, const json_t *value, int64_t min, int64_t max, int lines)
{
	if (!json_is_string(value)) {
		fail_type(binding, "a string");
		return NULL;
	}
	const char *text = json_string_value(value);
	int64_t len = (int64_t)json_string_length(value);
	if (len < min) {
		field_error_add(binding->errors, binding->path, "too_short",
		    min == 1 ? "This must not be empty."
			     : "This must have at least %lld characters.",
		    (long long)min);
	} else if (len > max) {
		field_error_add(binding->errors, binding->path, "too_long",
		    "This must have at most %lld bytes.", (long long)max);
	} else if (!has_only_text(text, (size_t)len, lines)) {
		field_error_add(binding->errors, binding->path, "bad_text",
		    "Control characters are not allowed here.");
	} else {
		return text;
	}
	return NULL;
}

static const char *take_name(struct binding *binding, const json_t *value)
{
	const char *text = take_text(binding, value, binding->field->min, binding->field->max, 0);
	if (!text || (text[0] != ' ' && text[strlen(text) - 1] != ' '))
		return text;
	field_error_add(
	    binding->errors, binding->path, "bad_text", "This must not begin or end with a space.");
	return NULL;
}

static const char *take_word(struct binding *binding, const json_t *value)
{
	if (!json_is_string(value)) {
		fail_type(binding, "a string");
		return NULL;
	}
	char list[FIELD_DETAIL_MAX - 32] = "";
	size_t used = 0;
	for (const char *const *word = binding->field->words; *word; word++) {
		if (strcmp(*word, json_string_value(value)) == 0)
			return *word;
		int len =
		    snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", *word);
		used += len > 0 && (size_t)len < sizeof(list) - used ? (size_t)len : 0;
	}
	field_error_add(
	    binding->errors, binding->path, "not_one_of", "This must be one of: %s.", list);
	return NULL;
}

static const char *take_uuid(struct binding *binding, const json_t *value)
{
	struct uuid uuid;
	if (!json_is_string(value)) {
		fail_type(binding, "a string");
		return NULL;
	}
	if (uuid_parse(json_string_value(value), json_string_length(value), &uuid) != ERR_OK) {
		field_error_add(binding->errors, binding->path, "bad_id",
		    "This must be an id: 36 characters such as "
		    "1b4e28ba-2fa1-4d2e-883f-0016d3cca427.");
		return NULL;
	}
	return json_string_value(value);
}

static void bind_int(struct binding *binding, const json_t *value, int64_t *member)
{
	const struct bind_field *field = binding->field;
	if (!json_is_integer(value)) {
		fail_type(binding, "a whole number");
		return;
	}
	int64_t number = json_integer_value(value);
	if (number < field->min || number > field->max)
		field_error_add(binding->errors, binding->path, "out_of_range",
		    "This must be a number from %lld to %lld.", (long long)field->min,
		    (long long)field->max);
	else
		*member = number;
}

static void bind_time(struct binding *binding, const json_t *value, int64_t *member)
{
	if (!json_is_string(value))
		fail_type(binding, "a string");
	else if (clock_parse(json_string_value(value), json_string_length(value), member) != ERR_OK)
		field_error_add(binding->errors, binding->path, "bad_time",
		    "This must be a time of RFC 3339 such as 2017-05-01T12:34:56Z.");
}

static void check_mac(struct binding *binding, const json_t *value)
{
	struct mac mac;
	if (!json_is_string(value))
		fail_type(binding, "a string");
	else if (mac_parse(json_string_value(value), json_string_length(value), &mac) != ERR_OK)
		field_error_add(binding->errors, binding->path, "bad_mac",
		    "This must be a phone's MAC such as 001565AABBCC or 00:15:65:aa:bb:cc.");
}

static void bind_array(struct binding *binding, const json_t *value, const json_t **member)
{
	const struct bind_field *field = binding->field;
	struct field_errors *errors = binding->errors;
	size_t before = errors->count;
	if (!json_is_array(value)) {
		fail_type(binding, "an array");
		return;
	}
	size_t count = json_array_size(value);
	if ((int64_t)count < field->min || (int64_t)count > field->max) {
		field_error_add(errors, binding->path, "out_of_range",
		    "This must have from %lld to %lld elements.", (long long)field->min,
		    (long long)field->max);
		return;
	}
	for (size_t i = 0; i < count && errors->count < FIELD_ERRORS_MAX; i++) {
		struct binding item = {.field = field, .errors = errors};
		snprintf(item.path, sizeof(item.path), "%s[%zu]", field->name, i);
		if (field->type == BIND_MACS)
			check_mac(&item, json_array_get(value, i));
		else
			(void)take_text(
			    &item, json_array_get(value, i), 1, (int64_t)field->item_max, 0);
	}
	if (errors->count == before)
		*member = value;
}

static void fold_scheme(json_t *value)
{
	static const char scheme[] = "https:";
	const size_t len = sizeof(scheme) - 1;
	const char *text = json_string_value(value);
	if (!text || strncasecmp(text, scheme, len) != 0 || strncmp(text, scheme, len) == 0)
		return;
	char *folded = strdup(text);
	CHECK(folded);
	memcpy(folded, scheme, len);
	CHECK(json_string_set(value, folded) == 0);
	free(folded);
}

static void fold_schemes(json_t *value)
{
	fold_scheme(value);
	for (size_t i = 0; i < json_array_size(value); i++)
		fold_scheme(json_array_get(value, i));
}

static void bind_value(struct binding *binding, json_t *value, void *member)
{
	const struct bind_field *field = binding->field;
	const char *text = NULL;
	if (field->flags & BIND_URL)
		fold_schemes(value);
	switch (field->type) {
	case BIND_TEXT:
	case BIND_LINES:
		text = take_text(binding, value, field->min, field->max, field->type == BIND_LINES);
		break;
	case BIND_NAME:
		text = take_name(binding, value);
		break;
	case BIND_WORD:
		text = take_word(binding, value);
		break;
	case BIND_UUID:
		text = take_uuid(binding, value);
		break;
	case BIND_BOOL:
		if (json_is_boolean(value))
			*(int *)member = json_is_true(value);
		else
			fail_type(binding, "true or false");
		break;
	case BIND_INT:
		bind_int(binding, value, member);
		break;
	case BIND_TIME:
		bind_time(binding, value, member);
		break;
	case BIND_OBJECT:
		if (json_is_object(value))
			*(const json_t **)member = value;
		else
			fail_type(binding, "an object");
		break;
	case BIND_TEXTS:
	case BIND_MACS:
		bind_array(binding, value, member);
		break;
	}
	if (text)
		*(const char **)member = text;
}

static const struct bind_field *field_named(
    const struct bind_field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

/* A key comes from the client: what is not plain text is not shown back. */
static void refuse_unknown(struct field_errors *errors, const char *name)
{
	int plain = text_is_printable_utf8(name, strlen(name));
	field_error_add(
	    errors, plain ? name : "(key)", "unknown_field", "There is no such field here.");
}

enum err bind_object(const json_t *object, const struct bind_field *fields, size_t count,
    void *bound, struct field_errors *errors)
{
	size_t before = errors->count;
	CHECK(json_is_object(object));
	for (size_t i = 0; i < count; i++) {
		struct binding binding = {.field = &fields[i], .errors = errors};
		json_t *value = json_object_get(object, fields[i].name);
		snprintf(binding.path, sizeof(binding.path), "%s", fields[i].name);
		if (value && json_is_null(value) && fields[i].flags & BIND_NULLABLE)
			value = NULL;
		if (value)
			bind_value(&binding, value, (char *)bound + fields[i].offset);
		else if (fields[i].flags & BIND_REQUIRED)
			field_error_add(errors, binding.path, "required", "This field is needed.");
	}
	for (void *place = json_object_iter((json_t *)(uintptr_t)object); place;
	     place = json_object_iter_next((json_t *)(uintptr_t)object, place))
		if (!field_named(fields, count, json_object_iter_key(place)))
			refuse_unknown(errors, json_object_iter_key(place));
	return errors->count == before ? ERR_OK : ERR_SYNTAX;
}
