/* The rows of a claim job; see rows.h. Pure. */
#include "portal-api/jobs/rows.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/csv/csv.h"
#include "portal-api/json/bind.h"

static const char *const header[] = {"mac", "claim_code", "profile"};
enum { COLUMNS = 3 };

const char *job_rows_text(const struct job_rows *rows, size_t at)
{
	CHECK(at < rows->texts.len);
	return (const char *)rows->texts.bytes + at;
}

void job_rows_free(struct job_rows *rows)
{
	free(rows->items);
	buf_wipe(&rows->texts);
	memset(rows, 0, sizeof *rows);
}

static void grow(struct job_rows *rows)
{
	if (rows->count < rows->capacity)
		return;
	rows->capacity = rows->capacity ? 2 * rows->capacity : 64;
	rows->items = reallocarray(rows->items, rows->capacity, sizeof *rows->items);
	CHECK(rows->items);
}

static size_t keep(struct job_rows *rows, const char *text)
{
	size_t at = rows->texts.len;
	buf_put(&rows->texts, text, strlen(text) + 1);
	return at;
}

static enum err add(struct job_rows *rows, size_t line, const char *mac, const char *code,
    const char *profile, char *why, size_t why_len)
{
	if (rows->count == JOB_ROWS_MAX) {
		snprintf(why, why_len, "A job takes up to %d rows.", JOB_ROWS_MAX);
		return ERR_TOO_LONG;
	}
	if (strlen(mac) > JOB_FIELD_MAX || strlen(code) > JOB_FIELD_MAX ||
	    strlen(profile) > JOB_FIELD_MAX) {
		snprintf(why, why_len, "Line %zu: a field is too long.", line);
		return ERR_SYNTAX;
	}
	grow(rows);
	rows->items[rows->count++] =
	    (struct job_row){line, keep(rows, mac), keep(rows, code), keep(rows, profile)};
	return ERR_OK;
}

static enum err read_csv(
    const char *text, size_t len, struct job_rows *rows, char *why, size_t why_len)
{
	struct csv csv;
	csv_init(&csv, text, len);
	enum err err = csv_header(&csv, header, COLUMNS);
	while (!err && (err = csv_next_by_names(&csv)) == ERR_OK) {
		err = csv.field_count != COLUMNS ? ERR_SYNTAX
						 : add(rows, csv.line, csv.fields[0], csv.fields[1],
						       csv.fields[2], why, why_len);
	}
	if (err == ERR_SYNTAX && csv.why)
		snprintf(why, why_len, "Line %zu: %s", csv.line, csv.why);
	csv_free(&csv);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

struct row_body {
	const char *mac, *claim_code, *profile;
};

static const struct bind_field row_fields[] = {
    {.name = "mac",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct row_body, mac),
	.max = JOB_FIELD_MAX},
    {.name = "claim_code",
	.type = BIND_TEXT,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct row_body, claim_code),
	.max = JOB_FIELD_MAX},
    {.name = "profile",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct row_body, profile),
	.max = JOB_FIELD_MAX},
};

static enum err read_json_line(
    const char *text, size_t len, size_t line, struct job_rows *rows, char *why, size_t why_len)
{
	struct row_body body = {.claim_code = ""};
	struct field_errors errors = {0};
	json_t *document = NULL;
	char detail[FIELD_DETAIL_MAX];
	enum err err = json_parse_object(text, len, &document, detail, sizeof detail);
	if (err) {
		snprintf(why, why_len, "Line %zu is not a JSON object of its own.", line);
	} else if (bind_object(document, row_fields, COLUMNS, &body, &errors)) {
		err = ERR_SYNTAX;
		snprintf(why, why_len, "Line %zu: %s: %s", line, errors.items[0].field,
		    errors.items[0].detail);
	} else {
		err = add(rows, line, body.mac, body.claim_code, body.profile, why, why_len);
	}
	json_decref(document);
	return err;
}

static enum err read_ndjson(
    const char *text, size_t len, struct job_rows *rows, char *why, size_t why_len)
{
	const char *end = text + len;
	enum err err = ERR_OK;
	for (size_t line = 1; !err && text < end; line++) {
		const char *feed = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((feed ? feed : end) - text);
		size_t content = line_len && text[line_len - 1] == '\r' ? line_len - 1 : line_len;
		if (content > 0)
			err = read_json_line(text, content, line, rows, why, why_len);
		text += line_len + 1;
	}
	return err;
}

enum err job_rows_read(enum job_rows_form form, const char *text, size_t len, struct job_rows *rows,
    char *why, size_t why_len)
{
	enum err err = form == JOB_ROWS_CSV ? read_csv(text, len, rows, why, why_len)
					    : read_ndjson(text, len, rows, why, why_len);
	if (!err && rows->count == 0) {
		snprintf(why, why_len, "There is no row.");
		err = ERR_SYNTAX;
	}
	CHECK(rows->texts.err == ERR_OK);
	return err;
}
