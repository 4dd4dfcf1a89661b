/* Scalars of a configuration file by type: words, numbers with units, addresses, paths. Pure; the
 * text is the administrator's. */
#include "common/conf/value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, so that a value is printed in the largest unit that divides it. */
static const struct unit DURATIONS[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {0}};
static const struct unit SIZES[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}, {0}};

char *conf_strdup(const char *text)
{
	char *copy = strdup(text);

	CHECK(copy != NULL);
	return copy;
}

static const struct unit *field_units(const struct conf_field *field)
{
	return field->type == CONF_DURATION ? DURATIONS : SIZES;
}

static void range_describe(const struct conf_field *field, const char *text, char why[CONF_WHY_LEN])
{
	struct buf low = {0}, high = {0};

	conf_value_print(field, &field->min, &low);
	conf_value_print(field, &field->max, &high);
	snprintf(why, CONF_WHY_LEN, "%.40s is not in %s..%s", text, (const char *)low.bytes,
	    (const char *)high.bytes);
	buf_free(&low);
	buf_free(&high);
}

static enum err range_check(
    const struct conf_field *field, int64_t value, const char *text, char why[CONF_WHY_LEN])
{
	if ((field->min == 0 && field->max == 0) || (value >= field->min && value <= field->max))
		return ERR_OK;
	range_describe(field, text, why);
	return ERR_RANGE;
}

static enum err int_parse(
    const struct conf_field *field, const char *text, int64_t *member, char why[CONF_WHY_LEN])
{
	int negative = text[0] == '-';
	uint64_t number = 0;

	if (number_parse(text + negative, strlen(text + negative), INT64_MAX, &number) != ERR_OK) {
		snprintf(why, CONF_WHY_LEN, "\"%.40s\" is not a whole number", text);
		return ERR_SYNTAX;
	}
	int64_t value = negative ? -(int64_t)number : (int64_t)number;
	enum err err = range_check(field, value, text, why);
	if (err == ERR_OK)
		*member = value;
	return err;
}

static enum err quantity_parse(
    const struct conf_field *field, const char *text, int64_t *member, char why[CONF_WHY_LEN])
{
	size_t digits = strspn(text, "0123456789");
	uint64_t number = 0;

	for (const struct unit *unit = field_units(field); unit->name != NULL; unit++) {
		if (strcmp(text + digits, unit->name) != 0 ||
		    number_parse(text, digits, (uint64_t)(INT64_MAX / unit->factor), &number) !=
			ERR_OK)
			continue;
		int64_t value = (int64_t)number * unit->factor;
		enum err err = range_check(field, value, text, why);
		if (err == ERR_OK)
			*member = value;
		return err;
	}
	snprintf(why, CONF_WHY_LEN, "\"%.40s\" is not a %s", text,
	    field->type == CONF_DURATION ? "duration such as 250ms, 5s, 10m, 24h or 30d"
					 : "size such as 512, 64KiB or 8MiB");
	return ERR_SYNTAX;
}

static enum err address_parse(const char *text, struct conf_address *member, char why[CONF_WHY_LEN])
{
	const char *colon = strrchr(text, ':');
	struct conf_address made = {0};
	uint8_t octets[16];
	uint64_t port = 0;

	snprintf(why, CONF_WHY_LEN,
	    "\"%.80s\" is not an address such as 127.0.0.1:8443, [::1]:8443 or *:8443", text);
	if (colon == NULL ||
	    number_parse(colon + 1, strlen(colon + 1), UINT16_MAX, &port) != ERR_OK)
		return ERR_SYNTAX;
	size_t len = (size_t)(colon - text);
	int bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	if (bracketed)
		text++, len -= 2;
	if (len >= sizeof made.host)
		return ERR_SYNTAX;
	memcpy(made.host, text, len);
	made.port = (uint16_t)port;
	if (!(strcmp(made.host, "*") == 0 && !bracketed) &&
	    inet_pton(bracketed ? AF_INET6 : AF_INET, made.host, octets) != 1)
		return ERR_SYNTAX;
	*member = made;
	return ERR_OK;
}

static enum err word_parse(
    const struct conf_field *field, const char *text, int *member, char why[CONF_WHY_LEN])
{
	int len = 0;

	for (int i = 0; field->words[i] != NULL; i++) {
		if (strcmp(field->words[i], text) == 0) {
			*member = i;
			return ERR_OK;
		}
	}
	len = snprintf(why, CONF_WHY_LEN, "\"%.40s\" is not one of", text);
	for (int i = 0; field->words[i] != NULL && len < CONF_WHY_LEN; i++)
		len += snprintf(why + len, (size_t)(CONF_WHY_LEN - len), " %s", field->words[i]);
	return ERR_SYNTAX;
}

static enum err bool_parse(const char *text, int *member, char why[CONF_WHY_LEN])
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
		snprintf(why, CONF_WHY_LEN, "\"%.40s\" is neither true nor false", text);
		return ERR_SYNTAX;
	}
	*member = text[0] == 't';
	return ERR_OK;
}

static enum err url_parse(
    const struct conf_field *field, const char *text, char **member, char why[CONF_WHY_LEN])
{
	/* "" says "none" where that is the default, there and in the file that --print-config made.
	 */
	int may_be_empty = field->default_value != NULL && field->default_value[0] == '\0';
	const char *rest = strncmp(text, "http://", 7) == 0    ? text + 7
			   : strncmp(text, "https://", 8) == 0 ? text + 8
							       : NULL;

	if (text[0] == '\0' && may_be_empty) {
		*member = conf_strdup(text);
		return ERR_OK;
	}
	if (rest == NULL || rest[0] == '\0' || rest[0] == '/' || strchr(text, ' ') != NULL) {
		snprintf(why, CONF_WHY_LEN, "\"%.80s\" is not an http or https URL", text);
		return ERR_SYNTAX;
	}
	*member = conf_strdup(text);
	return ERR_OK;
}

static void path_parse(const char *text, const char *folder, char **member)
{
	struct buf path = {0};

	if (text[0] != '/' && text[0] != '\0' && folder != NULL)
		buf_printf(&path, "%s/", folder);
	buf_put_str(&path, text);
	*member = buf_take(&path, NULL);
}

enum err conf_value_parse(const struct conf_field *field, const char *text, const char *folder,
    void *member, char why[CONF_WHY_LEN])
{
	if (!text_is_printable_utf8(text, strlen(text))) {
		snprintf(why, CONF_WHY_LEN, "the value holds a control character or is not UTF-8");
		return ERR_SYNTAX;
	}
	switch (field->type) {
	case CONF_STRING:
		*(char **)member = conf_strdup(text);
		return ERR_OK;
	case CONF_PATH:
		path_parse(text, folder, member);
		return ERR_OK;
	case CONF_URL:
		return url_parse(field, text, member, why);
	case CONF_ADDRESS:
		return address_parse(text, member, why);
	case CONF_BOOL:
		return bool_parse(text, member, why);
	case CONF_INT:
		return int_parse(field, text, member, why);
	case CONF_DURATION:
	case CONF_SIZE:
		return quantity_parse(field, text, member, why);
	case CONF_WORD:
		return word_parse(field, text, member, why);
	case CONF_STRINGS:
	case CONF_SECTIONS:
		break;
	}
	snprintf(why, CONF_WHY_LEN, "it must be a list");
	return ERR_SYNTAX;
}

/* 1 for what a reader of YAML would refuse or change when it stands there as it is. */
static int needs_escape(uint32_t code_point)
{
	return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) ||
	       code_point == 0x2028 || code_point == 0x2029 || code_point == 0xfeff ||
	       code_point == 0xfffe || code_point == 0xffff;
}

void conf_print_quoted(const char *text, struct buf *out)
{
	size_t len = strlen(text), step = 0;

	buf_put_str(out, "\"");
	for (size_t i = 0; i < len; i += step) {
		uint32_t code_point = 0;
		step = utf8_decode(text + i, len - i, &code_point);
		CHECK(step > 0); /* every value was read as UTF-8 */
		if (needs_escape(code_point)) {
			buf_printf(out, "\\U%08" PRIX32, code_point);
			continue;
		}
		if (code_point == '"' || code_point == '\\')
			buf_put_str(out, "\\");
		buf_put(out, text + i, step);
	}
	buf_put_str(out, "\"");
}

static void quantity_print(const struct unit *unit, int64_t value, struct buf *out)
{
	while (unit->factor != 1 && (value == 0 || value % unit->factor != 0))
		unit++;
	buf_printf(out, "%" PRId64 "%s", value / unit->factor, unit->name);
}

void conf_value_print(const struct conf_field *field, const void *member, struct buf *out)
{
	switch (field->type) {
	case CONF_STRING:
	case CONF_PATH:
	case CONF_URL:
		conf_print_quoted(*(char *const *)member, out);
		break;
	case CONF_ADDRESS: {
		const struct conf_address *address = member;
		int bracketed = strchr(address->host, ':') != NULL;
		buf_printf(out, "\"%s%s%s:%u\"", bracketed ? "[" : "", address->host,
		    bracketed ? "]" : "", address->port);
		break;
	}
	case CONF_BOOL:
		buf_put_str(out, *(const int *)member ? "true" : "false");
		break;
	case CONF_INT:
		buf_printf(out, "%" PRId64, *(const int64_t *)member);
		break;
	case CONF_DURATION:
	case CONF_SIZE:
		quantity_print(field_units(field), *(const int64_t *)member, out);
		break;
	case CONF_WORD:
		buf_put_str(out, field->words[*(const int *)member]);
		break;
	case CONF_STRINGS:
	case CONF_SECTIONS:
		break;
	}
}

int conf_value_equal(const struct conf_field *field, const void *a, const void *b)
{
	switch (field->type) {
	case CONF_STRING:
	case CONF_PATH:
	case CONF_URL:
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case CONF_ADDRESS:
		return memcmp(a, b, sizeof(struct conf_address)) == 0;
	case CONF_BOOL:
	case CONF_WORD:
		return *(const int *)a == *(const int *)b;
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		return *(const int64_t *)a == *(const int64_t *)b;
	case CONF_STRINGS:
	case CONF_SECTIONS:
		break;
	}
	return 0;
}

void conf_value_free(const struct conf_field *field, void *member)
{
	if (field->type == CONF_STRING || field->type == CONF_PATH || field->type == CONF_URL)
		free(*(char **)member);
}
