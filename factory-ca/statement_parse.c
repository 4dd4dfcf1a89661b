/*
 * Reading the canonical text of a statement, line by line in the one order there is. The text comes
 * over the network from whoever claims to be an operator: what does not print as what was given is
 * refused. Pure; runs in the command line, the front and the signer.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "factory-ca/statement.h"

static int text_is(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(text, name, len) == 0;
}

static enum err say(enum err err, char *why, size_t why_len, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static enum err say(enum err err, char *why, size_t why_len, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_len, format, args);
	va_end(args);
	return err;
}

struct lines {
	const char *next, *end;
	unsigned number;
	char *why;
	size_t why_len;
	enum err err;
};

struct value {
	const char *text;
	size_t len;
};

static void fail_line(struct lines *lines, const char *key)
{
	if (!lines->err)
		lines->err = say(ERR_SYNTAX, lines->why, lines->why_len,
		    "statement, line %u: not a valid \"%s\"", lines->number, key);
}

static struct value next_value(struct lines *lines, const char *key)
{
	struct value none = {"", 0}, value;
	size_t key_len = strlen(key);
	const char *newline;

	lines->number++;
	if (lines->err)
		return none;
	newline = memchr(lines->next, '\n', (size_t)(lines->end - lines->next));
	if (!newline || (size_t)(newline - lines->next) < key_len + 2 ||
	    memcmp(lines->next, key, key_len) != 0 || memcmp(lines->next + key_len, ": ", 2) != 0) {
		fail_line(lines, key);
		return none;
	}
	value.text = lines->next + key_len + 2;
	value.len = (size_t)(newline - value.text);
	lines->next = newline + 1;
	return value;
}

static void read_word(struct lines *lines, const char *key, char *to, size_t max)
{
	struct value value = next_value(lines, key);

	if (!statement_word_is_valid(value.text, value.len, max)) {
		fail_line(lines, key);
		return;
	}
	memcpy(to, value.text, value.len);
	to[value.len] = '\0';
}

static int64_t read_time(struct lines *lines, const char *key)
{
	struct value value = next_value(lines, key);
	int64_t unix_us = 0;

	if (text_is(value.text, value.len, "none"))
		return STATEMENT_NO_TIME;
	if (clock_parse(value.text, value.len, &unix_us))
		fail_line(lines, key);
	return unix_us / 1000000;
}

/* The next name of a comma-separated list; 0 at its end. */
static int next_name(struct value *list, struct value *name)
{
	const char *comma;

	if (!list->text)
		return 0;
	comma = memchr(list->text, ',', list->len);
	name->text = list->text;
	name->len = comma ? (size_t)(comma - list->text) : list->len;
	if (comma) {
		list->len -= name->len + 1;
		list->text = comma + 1;
	} else {
		list->text = NULL;
	}
	return 1;
}

static void read_key_types(struct lines *lines, uint32_t *key_types)
{
	struct value list = next_value(lines, "key-types"), name;
	enum key_type type;

	while (next_name(&list, &name)) {
		if (key_type_parse(name.text, name.len, &type)) {
			fail_line(lines, "key-types");
			return;
		}
		*key_types |= 1U << type;
	}
}

static void read_stations(struct lines *lines, struct statement_order *order)
{
	struct value list = next_value(lines, "stations"), name;

	if (text_is(list.text, list.len, "any"))
		return;
	while (next_name(&list, &name)) {
		if (order->station_count == STATEMENT_STATIONS_MAX ||
		    !statement_word_is_valid(name.text, name.len, STATEMENT_NAME_MAX)) {
			fail_line(lines, "stations");
			return;
		}
		memcpy(order->stations[order->station_count++], name.text, name.len);
	}
}

static void read_quantity(struct lines *lines, struct statement_order *order)
{
	struct value value = next_value(lines, "quantity");
	uint64_t quantity = 0;

	if (number_parse(value.text, value.len, STATEMENT_QUANTITY_MAX, &quantity))
		fail_line(lines, "quantity");
	order->quantity = (uint32_t)quantity;
}

static void read_mac(struct lines *lines, const char *key, struct mac *mac)
{
	struct value value = next_value(lines, key);

	if (mac_parse_canonical(value.text, value.len, mac))
		fail_line(lines, key);
}

static void read_open(struct lines *lines, struct statement_order *order)
{
	struct value value;

	read_word(lines, "model", order->model, STATEMENT_MODEL_MAX);
	value = next_value(lines, "profile");
	if (certificate_profile_parse(value.text, value.len, &order->profile))
		fail_line(lines, "profile");
	read_key_types(lines, &order->key_types);
	read_mac(lines, "first-mac", &order->first_mac);
	read_quantity(lines, order);
	order->opens_unix_s = read_time(lines, "opens");
	order->closes_unix_s = read_time(lines, "closes");
	read_stations(lines, order);
}

static void read_hex(struct lines *lines, const char *key, uint8_t *bytes, size_t len)
{
	struct value value = next_value(lines, key);

	if (hex_decode(value.text, value.len, bytes, len))
		fail_line(lines, key);
}

static void read_note(struct lines *lines, const char *key, char note[STATEMENT_NOTE_MAX + 1])
{
	struct value value = next_value(lines, key);

	if (!statement_note_is_valid(value.text, value.len)) {
		fail_line(lines, key);
		return;
	}
	memcpy(note, value.text, value.len);
}

static void read_revocation(struct lines *lines, struct statement *statement)
{
	struct value value;

	read_hex(lines, "serial", statement->serial, STATEMENT_SERIAL_LEN);
	value = next_value(lines, "reason");
	if (revocation_reason_parse(value.text, value.len, &statement->reason))
		fail_line(lines, "reason");
	read_note(lines, "note", statement->note);
}

static void read_records(struct lines *lines, uint64_t *count)
{
	struct value value = next_value(lines, "records");

	if (number_parse(value.text, value.len, INT64_MAX, count))
		fail_line(lines, "records");
}

/* What follows the type. */
static void read_rest(struct lines *lines, struct statement *statement)
{
	if (statement_is_of_order(statement->type))
		read_word(lines, "reference", statement->order.reference, STATEMENT_REFERENCE_MAX);
	switch (statement->type) {
	case STATEMENT_ORDER_OPEN:
		read_open(lines, &statement->order);
		break;
	case STATEMENT_ORDER_EXTEND:
		read_quantity(lines, &statement->order);
		statement->order.closes_unix_s = read_time(lines, "closes");
		break;
	case STATEMENT_REKEY:
		read_mac(lines, "mac", &statement->mac);
		read_hex(lines, "grant", statement->grant, STATEMENT_GRANT_LEN);
		read_note(lines, "reason", statement->note);
		break;
	case STATEMENT_REVOKE:
		read_mac(lines, "mac", &statement->mac);
		read_revocation(lines, statement);
		break;
	case STATEMENT_OPERATOR_REMOVE:
		read_hex(lines, "operator", statement->operator_certificate.bytes, SHA256_LEN);
		break;
	case STATEMENT_LEDGER_RESTORE:
		read_records(lines, &statement->ledger.record_count);
		read_hex(lines, "record-chain", statement->ledger.record_chain, SHA256_LEN);
		read_hex(lines, "journal-chain", statement->ledger.journal_chain, SHA256_LEN);
		read_hex(lines, "witness-chain", statement->ledger.witness_chain, SHA256_LEN);
		break;
	case STATEMENT_ORDER_CLOSE:
	case STATEMENT_TYPE_COUNT:
		break;
	}
}

static void read_statement(struct lines *lines, struct statement *statement)
{
	const size_t first_len = sizeof(STATEMENT_FIRST_LINE) - 1;
	struct value type;
	int i;

	lines->number = 1;
	if ((size_t)(lines->end - lines->next) < first_len ||
	    memcmp(lines->next, STATEMENT_FIRST_LINE, first_len) != 0) {
		lines->err = say(ERR_SYNTAX, lines->why, lines->why_len,
		    "statement, line 1: not \"%.*s\"", (int)first_len - 1, STATEMENT_FIRST_LINE);
		return;
	}
	lines->next += first_len;
	type = next_value(lines, "type");
	for (i = 0; i < STATEMENT_TYPE_COUNT; i++)
		if (text_is(type.text, type.len, statement_type_name((enum statement_type)i)))
			break;
	if (i == STATEMENT_TYPE_COUNT) {
		fail_line(lines, "type");
		return;
	}
	statement->type = (enum statement_type)i;
	read_rest(lines, statement);
}

enum err statement_parse(
    const char *text, size_t len, struct statement *statement, char *why, size_t why_len)
{
	struct lines lines = {.next = text, .end = text + len, .why = why, .why_len = why_len};
	struct statement found = {0};
	struct buf again = {0};
	enum err err;

	if (len > STATEMENT_TEXT_MAX)
		return say(ERR_SYNTAX, why, why_len, "statement: longer than %d bytes",
		    STATEMENT_TEXT_MAX);
	read_statement(&lines, &found);
	if (lines.err)
		return lines.err;
	/* One spelling only: what was read must print as what was given. */
	err = statement_print(&found, &again, why, why_len);
	if (!err && (again.len != len || (len > 0 && memcmp(again.bytes, text, len) != 0)))
		err = say(ERR_SYNTAX, why, why_len,
		    "statement: not in its canonical spelling, or something follows its end");
	buf_free(&again);
	if (err)
		return ERR_SYNTAX;
	*statement = found;
	return ERR_OK;
}
