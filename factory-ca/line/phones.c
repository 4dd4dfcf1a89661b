/* The list of a run, from a range or from CSV. The text is whatever a spreadsheet made of it. Pure.
 */
#include "factory-ca/line/phones.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "factory-ca/signer/csr.h"

enum { COLUMN_MAC, COLUMN_SERIAL, COLUMN_CSR, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {"mac", "serial_number", "csr"};
enum { FIELDS_MAX = 16, FIELD_LEN_MAX = 1024 };

static enum err say(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static enum err say(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, PHONES_WHY_LEN, format, args);
	va_end(args);
	return ERR_SYNTAX;
}

static char *copy_of(const char *text)
{
	char *copy = strdup(text);

	CHECK(copy != NULL);
	return copy;
}

static struct line_phone *add_phone(struct line_phones *phones, size_t *capacity)
{
	if (phones->count == *capacity) {
		*capacity = *capacity ? 2 * *capacity : 256;
		phones->items = realloc(phones->items, *capacity * sizeof(phones->items[0]));
		CHECK(phones->items != NULL);
	}
	memset(&phones->items[phones->count], 0, sizeof(phones->items[0]));
	return &phones->items[phones->count++];
}

static int compare_macs(const void *a, const void *b)
{
	const struct line_phone *const *one = a, *const *other = b;

	return memcmp((*one)->mac.octets, (*other)->mac.octets, MAC_LEN);
}

static int compare_serials(const void *a, const void *b)
{
	const struct line_phone *const *one = a, *const *other = b;

	return strcmp((*one)->serial_number, (*other)->serial_number);
}

const char *phone_place(const struct line_phone *phone, char text[PHONE_PLACE_LEN])
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&phone->mac, mac);
	if (phone->line)
		snprintf(text, PHONE_PLACE_LEN, "line %zu (%s)", phone->line, mac);
	else
		snprintf(text, PHONE_PLACE_LEN, "%s", mac);
	return text;
}

static void sort_by(struct line_phones *phones, int (*compare)(const void *one, const void *other))
{
	size_t i;

	phones->by_mac = realloc(phones->by_mac, (phones->count + 1) * sizeof(phones->by_mac[0]));
	CHECK(phones->by_mac != NULL);
	for (i = 0; i < phones->count; i++)
		phones->by_mac[i] = &phones->items[i];
	qsort(phones->by_mac, phones->count, sizeof(phones->by_mac[0]), compare);
}

/* No MAC and no serial number twice: one key, one phone. */
static enum err index_phones(struct line_phones *phones, char *why)
{
	char one[PHONE_PLACE_LEN], other[PHONE_PLACE_LEN];
	struct line_phone **sorted;
	size_t i;

	sort_by(phones, compare_serials);
	for (i = 1, sorted = phones->by_mac; i < phones->count; i++)
		if (compare_serials(&sorted[i - 1], &sorted[i]) == 0)
			return say(why, "%s and %s have the same serial number %s",
			    phone_place(sorted[i - 1], one), phone_place(sorted[i], other),
			    sorted[i]->serial_number);
	sort_by(phones, compare_macs);
	for (i = 1, sorted = phones->by_mac; i < phones->count; i++)
		if (compare_macs(&sorted[i - 1], &sorted[i]) == 0)
			return say(why, "%s and %s are the same MAC",
			    phone_place(sorted[i - 1], one), phone_place(sorted[i], other));
	return ERR_OK;
}

static enum err finish(
    enum err err, struct line_phones *made, struct line_phones *phones, char *why)
{
	if (!err && made->count == 0)
		err = say(why, "no phone is listed");
	if (!err)
		err = index_phones(made, why);
	made->listed = made->count;
	if (err)
		phones_free(made);
	else
		*phones = *made;
	return err;
}

/* --- a range -------------------------------------------------------------------------------- */

static char *format_serial(const char *format, const struct mac *mac, size_t number)
{
	char text[MAC_TEXT_LEN + 1];
	struct buf out = {0};

	mac_format(mac, text);
	while (*format) {
		if (strncmp(format, "{mac}", 5) == 0) {
			buf_put_str(&out, text);
			format += 5;
		} else if (strncmp(format, "{n}", 3) == 0) {
			buf_printf(&out, "%zu", number);
			format += 3;
		} else {
			buf_put(&out, format++, 1);
		}
	}
	return buf_take(&out, NULL);
}

enum err phones_from_range(const struct mac *first, size_t count, const char *serial_format,
    struct line_phones *phones, char why[PHONES_WHY_LEN])
{
	struct line_phones made = {0};
	size_t capacity = 0, i;
	enum err err = ERR_OK;

	if (count == 0 || count > PHONES_MAX)
		return say(why, "--count: 1 to %d phones", PHONES_MAX);
	for (i = 0; i < count && !err; i++) {
		struct line_phone *phone = add_phone(&made, &capacity);

		if (mac_from_uint(mac_to_uint(first) + i, &phone->mac)) {
			phone->serial_number = copy_of("");
			err = say(why, "--count: the range goes past the last MAC");
			break;
		}
		phone->serial_number = format_serial(serial_format, &phone->mac, i + 1);
		if (!csr_serial_number_is_valid(phone->serial_number, strlen(phone->serial_number)))
			err = say(why,
			    "--serial makes \"%.80s\": 1 to 64 letters, digits, spaces or '().-:?",
			    phone->serial_number);
	}
	return finish(err, &made, phones, why);
}

/* --- CSV ------------------------------------------------------------------------------------ */

struct csv {
	const char *next, *end;
	char separator; /* ',' or ';': which one a spreadsheet takes is a matter of its language */
	size_t line;
	char fields[FIELDS_MAX][FIELD_LEN_MAX + 1];
	size_t count;
};

static enum err put_field(struct csv *csv, size_t *len, char c, char *why)
{
	if (*len == FIELD_LEN_MAX)
		return say(
		    why, "line %zu: a field of more than %d characters", csv->line, FIELD_LEN_MAX);
	csv->fields[csv->count][(*len)++] = c;
	return ERR_OK;
}

/* Reads one field; the separator or the line's end comes next. */
static enum err read_field(struct csv *csv, char *why)
{
	int quoted = csv->next < csv->end && *csv->next == '"';
	enum err err = ERR_OK;
	size_t len = 0;

	if (csv->count == FIELDS_MAX)
		return say(why, "line %zu: more than %d fields", csv->line, FIELDS_MAX);
	csv->next += quoted;
	for (; !err && csv->next < csv->end; csv->next++) {
		char c = *csv->next;

		if (c == '\n' || (!quoted && (c == csv->separator || c == '\r')))
			break;
		if (quoted && c == '"') {
			if (csv->next + 1 < csv->end && csv->next[1] == '"') {
				csv->next++;
			} else {
				csv->next++;
				quoted = 2;
				break;
			}
		}
		err = put_field(csv, &len, c, why);
	}
	if (!err && quoted == 1)
		err = say(why, "line %zu: a quote is opened and not closed", csv->line);
	if (!err && quoted == 2 && csv->next < csv->end && *csv->next != csv->separator &&
	    !strchr("\r\n", *csv->next))
		err = say(why, "line %zu: text behind a closing quote", csv->line);
	csv->fields[csv->count++][len] = '\0';
	return err;
}

/* ERR_NOT_FOUND at the end. Blank lines are passed over. */
static enum err read_line(struct csv *csv, char *why)
{
	enum err err = ERR_OK;

	do {
		if (csv->next == csv->end)
			return ERR_NOT_FOUND;
		csv->line++;
		csv->count = 0;
		do {
			err = read_field(csv, why);
		} while (
		    !err && csv->next < csv->end && *csv->next == csv->separator && csv->next++);
		if (!err && csv->next < csv->end && *csv->next == '\r')
			csv->next++;
		if (!err && csv->next < csv->end && *csv->next++ != '\n')
			err = say(why, "line %zu: a carriage return in the middle", csv->line);
	} while (!err && csv->count == 1 && csv->fields[0][0] == '\0');
	return err;
}

/* No column's name has either in it. */
static char find_separator(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	return memchr(text, ';', end ? (size_t)(end - text) : len) ? ';' : ',';
}

static enum err read_header(
    struct csv *csv, const struct mac *first, int columns[COLUMN_COUNT], char *why)
{
	enum err err = read_line(csv, why);
	size_t i;
	int c;

	if (err)
		return err == ERR_NOT_FOUND ? say(why, "the list is empty") : err;
	for (c = 0; c < COLUMN_COUNT; c++)
		columns[c] = -1;
	for (i = 0; i < csv->count; i++) {
		for (c = 0; c < COLUMN_COUNT; c++)
			if (strcasecmp(csv->fields[i], column_names[c]) == 0)
				break;
		if (c == COLUMN_COUNT)
			return say(why,
			    "line %zu: column \"%.40s\": the header names mac, serial_number, csr, "
			    "with ',' or ';' between them",
			    csv->line, csv->fields[i]);
		if (columns[c] >= 0)
			return say(why, "line %zu: column %s twice", csv->line, column_names[c]);
		columns[c] = (int)i;
	}
	if (columns[COLUMN_SERIAL] < 0)
		return say(why, "line %zu: the header has no column serial_number", csv->line);
	if (columns[COLUMN_MAC] < 0 && !first)
		return say(why,
		    "line %zu: the header has no column mac; give --first-mac to count MACs up",
		    csv->line);
	if (columns[COLUMN_MAC] >= 0 && first)
		return say(why, "the list has MACs: --first-mac does not go with it");
	return ERR_OK;
}

static enum err take_row(const struct csv *csv, const int columns[COLUMN_COUNT],
    const struct mac *first, size_t number, struct line_phone *phone, char *why)
{
	const char *serial = csv->fields[columns[COLUMN_SERIAL]];
	enum err err;

	phone->line = csv->line;
	phone->serial_number = copy_of(serial);
	if (columns[COLUMN_CSR] >= 0 && csv->fields[columns[COLUMN_CSR]][0])
		phone->csr_path = copy_of(csv->fields[columns[COLUMN_CSR]]);
	if (columns[COLUMN_MAC] >= 0) {
		const char *mac = csv->fields[columns[COLUMN_MAC]];

		err = mac_parse(mac, strlen(mac), &phone->mac);
		if (err)
			return say(why, "line %zu: \"%.40s\" is no MAC of a phone", csv->line, mac);
	} else if (mac_from_uint(mac_to_uint(first) + number, &phone->mac)) {
		return say(why, "line %zu: past the last MAC", csv->line);
	}
	if (!csr_serial_number_is_valid(serial, strlen(serial)))
		return say(why,
		    "line %zu: serial number \"%.70s\": 1 to 64 letters, digits, spaces or '().-:?",
		    csv->line, serial);
	return ERR_OK;
}

enum err phones_from_csv(const char *text, size_t len, const struct mac *first,
    struct line_phones *phones, char why[PHONES_WHY_LEN])
{
	struct csv *csv = calloc(1, sizeof(*csv));
	int columns[COLUMN_COUNT] = {0};
	struct line_phones made = {0};
	size_t capacity = 0;
	enum err err;

	CHECK(csv != NULL);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	csv->next = text;
	csv->end = text + len;
	csv->separator = find_separator(text, len);
	if (memchr(text, '\0', len))
		err = say(why, "the list is no plain text: save it as CSV in UTF-8");
	else
		err = read_header(csv, first, columns, why);
	while (!err && (err = read_line(csv, why)) == ERR_OK) {
		size_t header_fields = 0, number = made.count;
		int c;

		for (c = 0; c < COLUMN_COUNT; c++)
			header_fields += columns[c] >= 0;
		if (csv->count != header_fields)
			err = say(why, "line %zu: %zu fields, and the header has %zu", csv->line,
			    csv->count, header_fields);
		else if (number == PHONES_MAX)
			err = say(why, "line %zu: more than %d phones", csv->line, PHONES_MAX);
		else
			err =
			    take_row(csv, columns, first, number, add_phone(&made, &capacity), why);
	}
	free(csv);
	return finish(err == ERR_NOT_FOUND ? ERR_OK : err, &made, phones, why);
}

static int compare_mac_values(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mac));
}

void phones_add_others(struct line_phones *phones, const struct mac *macs, size_t count)
{
	struct mac *others = calloc(count + 1, sizeof(others[0]));
	size_t capacity = phones->count, added = 0, i;

	CHECK(others != NULL);
	for (i = 0; i < count; i++)
		if (!phones_find(phones, &macs[i]))
			others[added++] = macs[i];
	qsort(others, added, sizeof(others[0]), compare_mac_values);
	for (i = 0; i < added; i++) {
		struct line_phone *other;

		if (i > 0 && mac_equal(&others[i], &others[i - 1]))
			continue;
		other = add_phone(phones, &capacity);
		other->mac = others[i];
		other->is_other = 1;
		other->serial_number = copy_of("");
	}
	free(others);
	sort_by(phones, compare_macs);
}

void phones_free(struct line_phones *phones)
{
	size_t i;

	for (i = 0; i < phones->count; i++) {
		free(phones->items[i].serial_number);
		free(phones->items[i].csr_path);
		free(phones->items[i].recorded_serial_number);
		free(phones->items[i].detail);
	}
	free(phones->items);
	free(phones->by_mac);
	memset(phones, 0, sizeof(*phones));
}

struct line_phone *phones_find(const struct line_phones *phones, const struct mac *mac)
{
	const struct line_phone wanted = {.mac = *mac}, *key = &wanted;
	struct line_phone **found =
	    bsearch(&key, phones->by_mac, phones->count, sizeof(phones->by_mac[0]), compare_macs);

	return found ? *found : NULL;
}
