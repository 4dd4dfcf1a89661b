/* A strict CSV reader; see csv.h. Pure. */
#include "portal-api/csv/csv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/text.h"

void csv_init(struct csv *csv, const char *text, size_t len)
{
	memset(csv, 0, sizeof(*csv));
	csv->separator = ',';
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	csv->next = text;
	csv->end = text + len;
	buf_init(&csv->row, CSV_FIELDS_MAX * (CSV_FIELD_LEN_MAX + 1));
}

void csv_free(struct csv *csv)
{
	buf_wipe(&csv->row);
}

static enum err fail(struct csv *csv, const char *why)
{
	csv->why = why;
	return ERR_SYNTAX;
}

static enum err fail_saying(struct csv *csv, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enum err fail_saying(struct csv *csv, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(csv->said, sizeof csv->said, format, args);
	va_end(args);
	CHECK(len >= 0 && (size_t)len < sizeof csv->said);
	return fail(csv, csv->said);
}

/* The separator may be a control character; no other one is part of a line. */
static int is_printable(const struct csv *csv, const char *line, size_t len)
{
	while (csv->separator == '\t') {
		const char *tab = memchr(line, '\t', len);
		size_t field_len = tab ? (size_t)(tab - line) : len;
		if (!tab)
			break;
		if (!text_is_printable_utf8(line, field_len))
			return 0;
		line += field_len + 1;
		len -= field_len + 1;
	}
	return text_is_printable_utf8(line, len);
}

/* What stands before the line's end. Spreadsheets that save UTF-16 are told so. */
static enum err check_line(struct csv *csv, const char *line, size_t len)
{
	if (memchr(line, '\0', len) ||
	    (csv->line == 1 && len >= 2 && (unsigned char)line[0] >= 0xfe))
		return fail(csv, "This is not UTF-8: save the file as CSV in UTF-8.");
	if (len > CSV_FIELDS_MAX * (CSV_FIELD_LEN_MAX + 3))
		return fail(csv, "The line is too long.");
	if (!is_printable(csv, line, len))
		return fail(csv, "The line holds a control character or is not UTF-8.");
	return ERR_OK;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t skip_blanks(const struct csv *csv, const char *text, size_t len, size_t at)
{
	while (at < len && text[at] != csv->separator && is_blank(text[at]))
		at++;
	return at;
}

/* From behind the opening quote; *at is left behind the closing one and blanks. */
static enum err take_quoted(struct csv *csv, const char *text, size_t len, size_t *at)
{
	size_t i = *at;
	for (;; i++) {
		if (i == len)
			return fail(csv, "A quote is opened and not closed on this line.");
		if (text[i] == '"' && i + 1 < len && text[i + 1] == '"')
			i++;
		else if (text[i] == '"')
			break;
		if (text[i] == '\t')
			return fail(csv, "A tab stands inside a field.");
		buf_put_u8(&csv->row, (uint8_t)text[i]);
	}
	*at = skip_blanks(csv, text, len, i + 1);
	if (*at < len && text[*at] != csv->separator)
		return fail(csv, "Something stands between a closing quote and the separator.");
	return ERR_OK;
}

/* One field from text[*at..len) into the row buffer; *at is left at the separator or the end. */
static enum err take_field(struct csv *csv, const char *text, size_t len, size_t *at)
{
	enum err err = ERR_OK;
	*at = skip_blanks(csv, text, len, *at);
	if (*at < len && text[*at] == '"') {
		++*at;
		err = take_quoted(csv, text, len, at);
	} else {
		for (; *at < len && text[*at] != csv->separator; ++*at) {
			if (text[*at] == '"')
				return fail(
				    csv, "A quote stands inside a field that is not quoted.");
			buf_put_u8(&csv->row, (uint8_t)text[*at]);
		}
	}
	buf_put_u8(&csv->row, '\0');
	return err;
}

/* The field's text without blanks around it; NUL-terminated in place. */
static const char *trimmed(struct csv *csv, size_t start)
{
	char *text = (char *)csv->row.bytes + start;
	while (is_blank(*text))
		text++;
	size_t len = strlen(text);
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static enum err split(struct csv *csv, const char *text, size_t len)
{
	size_t starts[CSV_FIELDS_MAX] = {0};
	size_t at = 0;
	enum err err;
	buf_clear(&csv->row);
	csv->field_count = 0;
	for (;;) {
		if (csv->field_count == CSV_FIELDS_MAX)
			return fail(csv, "The line has too many fields.");
		starts[csv->field_count] = csv->row.len;
		err = take_field(csv, text, len, &at);
		if (err)
			return err;
		if (csv->row.err || csv->row.len - starts[csv->field_count] > CSV_FIELD_LEN_MAX)
			return fail(csv, "A field is too long.");
		csv->field_count++;
		if (at == len)
			break;
		at++;
	}
	for (size_t i = 0; i < csv->field_count; i++)
		csv->fields[i] = trimmed(csv, starts[i]);
	return ERR_OK;
}

/* Up to the last field that is not empty: spreadsheets put separators behind it. */
static size_t filled_count(const struct csv *csv)
{
	size_t count = csv->field_count;
	while (count > 0 && !csv->fields[count - 1][0])
		count--;
	return count;
}

enum err csv_next(struct csv *csv)
{
	while (csv->next < csv->end) {
		const char *line = csv->next;
		const char *feed = memchr(line, '\n', (size_t)(csv->end - line));
		size_t len = (size_t)((feed ? feed : csv->end) - line);
		csv->next = feed ? feed + 1 : csv->end;
		csv->line++;
		if (len > 0 && line[len - 1] == '\r')
			len--;
		if (len == 0)
			continue;
		enum err err = check_line(csv, line, len);
		return err ? err : split(csv, line, len);
	}
	return ERR_NOT_FOUND;
}

/* The first line that is not empty; its length in *len, 0 when there is none. */
static const char *first_line(const struct csv *csv, size_t *len)
{
	const char *line = csv->next;
	while (line < csv->end && (*line == '\n' || *line == '\r'))
		line++;
	size_t left = (size_t)(csv->end - line);
	const char *feed = left ? memchr(line, '\n', left) : NULL;
	*len = feed ? (size_t)(feed - line) : left;
	if (*len > 0 && line[*len - 1] == '\r')
		--*len;
	return line;
}

/* A line `sep=;` before the header is for the spreadsheet, and says what separates. */
static int take_separator_line(struct csv *csv)
{
	static const char word[] = "sep=";
	enum { WORD_LEN = sizeof word - 1 };
	size_t len;
	const char *line = first_line(csv, &len);
	if (len != WORD_LEN + 1 || strncasecmp(line, word, WORD_LEN) != 0 ||
	    !strchr(",;\t", line[WORD_LEN]))
		return 0;
	for (; csv->next < line; csv->next++)
		csv->line += *csv->next == '\n';
	csv->line++;
	csv->separator = line[WORD_LEN];
	const char *feed = memchr(line, '\n', (size_t)(csv->end - line));
	csv->next = feed ? feed + 1 : csv->end;
	return 1;
}

/* By the header: a comma, unless there is none and another one is. */
static char separator_of(const struct csv *csv)
{
	static const char others[] = {';', '\t'};
	size_t len;
	const char *line = first_line(csv, &len);
	for (size_t i = 0; len && !memchr(line, ',', len) && i < sizeof others; i++)
		if (memchr(line, others[i], len))
			return others[i];
	return ',';
}

/* As people write it: MAC, Claim Code, claim-code. */
static int is_name(const char *text, const char *name)
{
	for (; *text && *name; text++, name++) {
		char c = *text == ' ' || *text == '-' ? '_' : *text;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != *name)
			return 0;
	}
	return !*text && !*name;
}

/* Appends ",name", or as much of it as has room before whole characters would be cut. */
static void list_name(char list[], size_t size, const char *name)
{
	size_t used = strlen(list), len = strlen(name);
	if (used > 0 && used + 1 < size)
		list[used++] = ',';
	if (len >= size - used) {
		len = size - used - 1;
		while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(list + used, name, len);
	list[used + len] = '\0';
}

static enum err fail_expecting(struct csv *csv, const char *const *names, size_t count)
{
	char expected[80] = "", found[80] = "";
	for (size_t i = 0; i < count; i++)
		list_name(expected, sizeof expected, names[i]);
	for (size_t i = 0; i < csv->header_count; i++)
		list_name(found, sizeof found, csv->fields[i]);
	return fail_saying(csv, "Expected: %s; found: %s.", expected, found[0] ? found : "nothing");
}

/* Where the header has the name; header_count: nowhere. */
static size_t column_of(const struct csv *csv, const char *name, size_t from)
{
	size_t at = from;
	while (at < csv->header_count && !is_name(csv->fields[at], name))
		at++;
	return at;
}

enum err csv_header(struct csv *csv, const char *const *names, size_t count)
{
	CHECK(count > 0 && count <= CSV_FIELDS_MAX);
	if (!take_separator_line(csv))
		csv->separator = separator_of(csv);
	enum err err = csv_next(csv);
	if (err == ERR_NOT_FOUND)
		return fail(csv, "The file is empty; it begins with a header line.");
	if (err)
		return err;
	csv->header_count = filled_count(csv);
	csv->column_count = count;
	for (size_t i = 0; i < count; i++) {
		csv->columns[i] = column_of(csv, names[i], 0);
		if (csv->columns[i] == csv->header_count)
			return fail_expecting(csv, names, count);
		if (column_of(csv, names[i], csv->columns[i] + 1) < csv->header_count)
			return fail_saying(csv, "The column %s is there twice.", names[i]);
	}
	return ERR_OK;
}

enum err csv_next_by_names(struct csv *csv)
{
	const char *fields[CSV_FIELDS_MAX];
	size_t filled = 0;
	do {
		enum err err = csv_next(csv);
		if (err)
			return err;
		filled = filled_count(csv);
	} while (filled == 0);
	int fits = filled <= csv->header_count;
	for (size_t i = 0; fits && i < csv->column_count; i++) {
		fits = csv->columns[i] < csv->field_count;
		if (fits)
			fields[i] = csv->fields[csv->columns[i]];
	}
	if (!fits) {
		(void)fail_saying(csv, "A row has %zu fields, as the header has; this one has %zu.",
		    csv->header_count, csv->field_count);
		csv->field_count = 0;
		return ERR_OK;
	}
	memcpy(csv->fields, fields, csv->column_count * sizeof fields[0]);
	csv->field_count = csv->column_count;
	return ERR_OK;
}
