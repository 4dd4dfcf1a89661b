/*
 * The canonical text of statements: printed, parsed, compared. The text to be parsed comes over the
 * network from whoever claims to be an operator. Pure; runs in the command line, the front and the
 * signer. Signatures are in statement_sign.c; what an order allows is the signer's ledger.
 */
#include "factory-ca/statement.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"

static const char first_line[] = "firstring statement 1\n";

static const char *const type_names[STATEMENT_TYPE_COUNT] = {
    [STATEMENT_ORDER_OPEN] = "order-open",
    [STATEMENT_ORDER_CLOSE] = "order-close",
};

static const char *const profile_names[CERTIFICATE_PROFILE_COUNT] = {
    [CERTIFICATE_DEVICE_1] = "device-1",
    [CERTIFICATE_DEVICE_1_COMPAT] = "device-1-compat",
    [CERTIFICATE_DEVICE_1_ENCRYPT] = "device-1-encrypt",
};

const char *certificate_profile_name(enum certificate_profile profile)
{
	CHECK(profile < CERTIFICATE_PROFILE_COUNT);
	return profile_names[profile];
}

static int text_is(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(text, name, len) == 0;
}

enum err certificate_profile_parse(const char *text, size_t len, enum certificate_profile *profile)
{
	int i;

	for (i = 0; i < CERTIFICATE_PROFILE_COUNT; i++) {
		if (text_is(text, len, profile_names[i])) {
			*profile = (enum certificate_profile)i;
			return ERR_OK;
		}
	}
	return ERR_SYNTAX;
}

int statement_word_is_valid(const char *text, size_t len, size_t max)
{
	size_t i;

	if (len == 0 || len > max)
		return 0;
	for (i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			c == '.' || c == '_' || c == '-'))
			return 0;
	}
	return 1;
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

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int time_is_valid(int64_t unix_s)
{
	const int64_t year_9999 = 253402300799;

	return unix_s == STATEMENT_NO_TIME || (unix_s >= 0 && unix_s <= year_9999);
}

/* Whether the values may stand in a statement; the stations are sorted. */
static enum err check_open(const struct statement_order *order, char *why, size_t why_len)
{
	size_t i;

	if (!statement_word_is_valid(order->model, strlen(order->model), STATEMENT_MODEL_MAX))
		return say(ERR_RANGE, why, why_len,
		    "model: 1 to %d of letters, digits, '.', '_' and '-'", STATEMENT_MODEL_MAX);
	if (order->profile >= CERTIFICATE_PROFILE_COUNT)
		return say(ERR_RANGE, why, why_len, "profile: not one that is known");
	if (order->key_types == 0 || order->key_types >> KEY_TYPE_COUNT)
		return say(ERR_RANGE, why, why_len, "key types: at least one, and known ones only");
	if (order->quantity == 0 || order->quantity > STATEMENT_QUANTITY_MAX)
		return say(
		    ERR_RANGE, why, why_len, "quantity: not in 1 to %d", STATEMENT_QUANTITY_MAX);
	if (mac_to_uint(&order->first_mac) == 0 || order->first_mac.octets[0] & 1)
		return say(ERR_RANGE, why, why_len, "first MAC: no address that a phone can have");
	if ((mac_to_uint(&order->first_mac) & 0xffffffffffULL) + order->quantity > 1ULL << 40)
		return say(ERR_RANGE, why, why_len,
		    "quantity: the range leaves the addresses that begin with %02X",
		    order->first_mac.octets[0]);
	if (!time_is_valid(order->opens_unix_s) || !time_is_valid(order->closes_unix_s))
		return say(ERR_RANGE, why, why_len, "opens, closes: not in the years 1970 to 9999");
	if (order->opens_unix_s != STATEMENT_NO_TIME && order->closes_unix_s != STATEMENT_NO_TIME &&
	    order->opens_unix_s >= order->closes_unix_s)
		return say(ERR_RANGE, why, why_len, "closes: not after opens");
	if (order->station_count > STATEMENT_STATIONS_MAX)
		return say(
		    ERR_RANGE, why, why_len, "stations: more than %d", STATEMENT_STATIONS_MAX);
	for (i = 0; i < order->station_count; i++) {
		const char *name = order->stations[i];

		if (!statement_word_is_valid(name, strlen(name), STATEMENT_NAME_MAX) ||
		    strcmp(name, "any") == 0)
			return say(ERR_RANGE, why, why_len,
			    "stations: a name is 1 to %d of letters, digits, '.', '_' and '-', and "
			    "not \"any\"",
			    STATEMENT_NAME_MAX);
		if (i > 0 && strcmp(order->stations[i - 1], name) == 0)
			return say(ERR_RANGE, why, why_len, "stations: %s stands twice", name);
	}
	return ERR_OK;
}

static void print_time(struct buf *out, const char *key, int64_t unix_s)
{
	char text[CLOCK_TEXT_LEN + 1] = "none";

	if (unix_s != STATEMENT_NO_TIME)
		clock_format_s(unix_s, text);
	buf_printf(out, "%s: %s\n", key, text);
}

static void print_open(struct buf *out, const struct statement_order *order)
{
	char mac[MAC_TEXT_LEN + 1];
	const char *comma = "";
	size_t i;

	mac_format(&order->first_mac, mac);
	buf_printf(out, "model: %s\nprofile: %s\nkey-types: ", order->model,
	    profile_names[order->profile]);
	for (i = 0; i < KEY_TYPE_COUNT; i++) {
		if (order->key_types & 1U << i) {
			buf_printf(out, "%s%s", comma, key_type_name((enum key_type)i));
			comma = ",";
		}
	}
	buf_printf(out, "\nfirst-mac: %s\nquantity: %u\n", mac, order->quantity);
	print_time(out, "opens", order->opens_unix_s);
	print_time(out, "closes", order->closes_unix_s);
	buf_printf(out, "stations: %s", order->station_count ? "" : "any");
	for (i = 0; i < order->station_count; i++)
		buf_printf(out, "%s%s", i ? "," : "", order->stations[i]);
	buf_put_str(out, "\n");
}

enum err statement_print(
    const struct statement *statement, struct buf *out, char *why, size_t why_len)
{
	struct statement_order order = statement->order;
	enum err err;

	if (statement->type >= STATEMENT_TYPE_COUNT)
		return say(ERR_RANGE, why, why_len, "type: not one that is known");
	if (!statement_word_is_valid(
		order.reference, strlen(order.reference), STATEMENT_REFERENCE_MAX))
		return say(ERR_RANGE, why, why_len,
		    "reference: 1 to %d of letters, digits, '.', '_' and '-'",
		    STATEMENT_REFERENCE_MAX);
	if (statement->type == STATEMENT_ORDER_OPEN) {
		if (order.station_count <= STATEMENT_STATIONS_MAX)
			qsort(order.stations, order.station_count, sizeof(order.stations[0]),
			    compare_names);
		err = check_open(&order, why, why_len);
		if (err)
			return err;
	}
	buf_put_str(out, first_line);
	buf_printf(out, "type: %s\nreference: %s\n", type_names[statement->type], order.reference);
	if (statement->type == STATEMENT_ORDER_OPEN)
		print_open(out, &order);
	return out->err;
}

/* Reading: line by line in the one order there is. */
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

static void read_open(struct lines *lines, struct statement_order *order)
{
	struct value value;
	uint64_t quantity = 0;

	read_word(lines, "model", order->model, STATEMENT_MODEL_MAX);
	value = next_value(lines, "profile");
	if (certificate_profile_parse(value.text, value.len, &order->profile))
		fail_line(lines, "profile");
	read_key_types(lines, &order->key_types);
	value = next_value(lines, "first-mac");
	if (mac_parse_canonical(value.text, value.len, &order->first_mac))
		fail_line(lines, "first-mac");
	value = next_value(lines, "quantity");
	if (number_parse(value.text, value.len, STATEMENT_QUANTITY_MAX, &quantity))
		fail_line(lines, "quantity");
	order->quantity = (uint32_t)quantity;
	order->opens_unix_s = read_time(lines, "opens");
	order->closes_unix_s = read_time(lines, "closes");
	read_stations(lines, order);
}

static void read_statement(struct lines *lines, struct statement *statement)
{
	struct value type;
	int i;

	lines->number = 1;
	if ((size_t)(lines->end - lines->next) < sizeof(first_line) - 1 ||
	    memcmp(lines->next, first_line, sizeof(first_line) - 1) != 0) {
		lines->err = say(ERR_SYNTAX, lines->why, lines->why_len,
		    "statement, line 1: not \"%.*s\"", (int)sizeof(first_line) - 2, first_line);
		return;
	}
	lines->next += sizeof(first_line) - 1;
	type = next_value(lines, "type");
	for (i = 0; i < STATEMENT_TYPE_COUNT; i++)
		if (text_is(type.text, type.len, type_names[i]))
			break;
	if (i == STATEMENT_TYPE_COUNT) {
		fail_line(lines, "type");
		return;
	}
	statement->type = (enum statement_type)i;
	read_word(lines, "reference", statement->order.reference, STATEMENT_REFERENCE_MAX);
	if (statement->type == STATEMENT_ORDER_OPEN)
		read_open(lines, &statement->order);
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

int statement_allows_station(const struct statement_order *order, const char *station)
{
	size_t i;

	for (i = 0; i < order->station_count; i++)
		if (strcmp(order->stations[i], station) == 0)
			return 1;
	return order->station_count == 0;
}

int statement_orders_overlap(const struct statement_order *a, const struct statement_order *b)
{
	uint64_t a_first = mac_to_uint(&a->first_mac), b_first = mac_to_uint(&b->first_mac);

	return a_first < b_first + b->quantity && b_first < a_first + a->quantity;
}
