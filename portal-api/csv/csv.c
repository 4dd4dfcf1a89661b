/* A strict CSV reader; see csv.h. Pure. */
#include "portal-api/csv/csv.h"

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

/* What stands before the line's end. Spreadsheets that save UTF-16 are told so. */
static enum err check_line(struct csv *csv, const char *line, size_t len)
{
	if (memchr(line, '\0', len) ||
	    (csv->line == 1 && len >= 2 && (unsigned char)line[0] >= 0xfe))
		return fail(csv, "This is not UTF-8: save the file as CSV in UTF-8.");
	if (len > CSV_FIELDS_MAX * (CSV_FIELD_LEN_MAX + 3))
		return fail(csv, "The line is too long.");
	if (!text_is_printable_utf8(line, len))
		return fail(csv, "The line holds a control character or is not UTF-8.");
	return ERR_OK;
}

/* One field from text[*at..len) into the row buffer; *at is left at the separator or the end. */
static enum err take_field(struct csv *csv, const char *text, size_t len, size_t *at)
{
	size_t i = *at;
	if (i < len && text[i] == '"') {
		for (i++;; i++) {
			if (i == len)
				return fail(csv, "A quote is opened and not closed on this line.");
			if (text[i] == '"' && i + 1 < len && text[i + 1] == '"')
				i++;
			else if (text[i] == '"')
				break;
			buf_put_u8(&csv->row, (uint8_t)text[i]);
		}
		i++;
		if (i < len && text[i] != csv->separator)
			return fail(csv, "Something stands between a closing quote and the comma.");
	} else {
		for (; i < len && text[i] != csv->separator; i++) {
			if (text[i] == '"')
				return fail(
				    csv, "A quote stands inside a field that is not quoted.");
			buf_put_u8(&csv->row, (uint8_t)text[i]);
		}
	}
	buf_put_u8(&csv->row, '\0');
	*at = i;
	return ERR_OK;
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
		csv->fields[i] = (const char *)csv->row.bytes + starts[i];
	return ERR_OK;
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

/* By the first line that is not empty: a comma, unless there is none and a semicolon is. */
static char separator_of(const struct csv *csv)
{
	const char *line = csv->next;
	while (line < csv->end && (*line == '\n' || *line == '\r'))
		line++;
	size_t left = (size_t)(csv->end - line);
	const char *feed = left ? memchr(line, '\n', left) : NULL;
	size_t len = feed ? (size_t)(feed - line) : left;
	return len && !memchr(line, ',', len) && memchr(line, ';', len) ? ';' : ',';
}

enum err csv_header(struct csv *csv, const char *const *names, size_t count)
{
	csv->separator = separator_of(csv);
	enum err err = csv_next(csv);
	if (err == ERR_NOT_FOUND)
		return fail(csv, "The file is empty; it begins with a header line.");
	if (err)
		return err;
	int same = csv->field_count == count;
	for (size_t i = 0; same && i < count; i++)
		same = strcasecmp(csv->fields[i], names[i]) == 0;
	return same ? ERR_OK : fail(csv, "The first line is not the header that is expected here.");
}
