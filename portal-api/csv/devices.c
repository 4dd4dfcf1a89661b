/* The import file; see devices.h. Pure. */
#include "portal-api/csv/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "portal-api/csv/csv.h"

static const char *const header[] = {"mac", "serial_number", "model", "fingerprint"};
enum { COLUMNS = 4 };

/* 64 hex digits, with or without colons between the octets (as openssl prints them). */
static enum err read_fingerprint(const char *text, struct fingerprint *fingerprint)
{
	char digits[2 * SHA256_LEN];
	size_t len = strlen(text), used = 0;
	if (len != 2 * SHA256_LEN && len != 3 * SHA256_LEN - 1)
		return ERR_SYNTAX;
	int has_colons = len != 2 * SHA256_LEN;
	for (size_t i = 0; i < len; i++) {
		if (!has_colons || i % 3 != 2)
			digits[used++] = text[i];
		else if (text[i] != ':')
			return ERR_SYNTAX;
	}
	return hex_decode(digits, used, fingerprint->bytes, SHA256_LEN);
}

/* Characters of a PrintableString that a one-line subject can carry: see is_serial_number in sql.
 */
static int is_serial_number(const char *text)
{
	size_t len = strlen(text);
	if (len < 1 || len > DEVICE_TEXT_MAX)
		return 0;
	return strspn(text,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ().:=?'-") ==
	       len;
}

static void read_row(const struct csv *csv, struct device_row *row, struct field_errors *errors)
{
	char place[FIELD_PATH_MAX];
	snprintf(place, sizeof(place), "line %zu", csv->line);
	memset(row, 0, sizeof(*row));
	row->line = csv->line;
	if (csv->field_count != COLUMNS) {
		field_error_add(errors, place, "bad_row", "%s", csv->why);
		return;
	}
	const char *const *fields = csv->fields;
	if (mac_parse(fields[0], strlen(fields[0]), &row->mac) != ERR_OK)
		field_error_add(errors, place, "bad_mac", "mac: this is no phone's MAC.");
	if (is_serial_number(fields[1]))
		memcpy(row->serial_number, fields[1], strlen(fields[1]) + 1);
	else
		field_error_add(errors, place, "bad_serial_number",
		    "serial_number: 1 to 64 letters, digits, spaces and ( ) . : = ? ' -");
	if (fields[2][0] && strlen(fields[2]) <= DEVICE_TEXT_MAX)
		memcpy(row->model, fields[2], strlen(fields[2]) + 1);
	else
		field_error_add(errors, place, "bad_model", "model: 1 to 64 characters.");
	row->has_fingerprint = fields[3][0] != '\0';
	if (row->has_fingerprint && read_fingerprint(fields[3], &row->fingerprint) != ERR_OK)
		field_error_add(errors, place, "bad_fingerprint",
		    "fingerprint: the certificate's SHA-256 as 64 hex digits, or nothing.");
}

enum err devices_csv_read(const char *text, size_t len, struct device_row **rows, size_t *count,
    struct field_errors *errors, char *why, size_t why_len)
{
	struct csv csv;
	struct device_row *read = NULL;
	size_t used = 0, capacity = 0, before = errors->count;
	why[0] = '\0';
	csv_init(&csv, text, len);
	enum err err = csv_header(&csv, header, COLUMNS);
	while (!err && (err = csv_next_by_names(&csv)) == ERR_OK) {
		if (used == DEVICE_ROWS_MAX) {
			csv.why = "One import takes up to 10,000 rows.";
			err = ERR_SYNTAX;
		} else {
			if (used == capacity) {
				capacity = capacity ? 2 * capacity : 16;
				read = reallocarray(read, capacity, sizeof *read);
				CHECK(read);
			}
			read_row(&csv, &read[used++], errors);
		}
	}
	if (err == ERR_NOT_FOUND && used > 0) {
		err = errors->count == before ? ERR_OK : ERR_SYNTAX;
	} else {
		snprintf(why, why_len, "Line %zu: %s", csv.line,
		    err == ERR_NOT_FOUND ? "There is no row below the header." : csv.why);
		err = ERR_SYNTAX;
	}
	csv_free(&csv);
	if (err) {
		free(read);
		return err;
	}
	*rows = read;
	*count = used;
	return ERR_OK;
}
