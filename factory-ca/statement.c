/*
 * The canonical text of statements: checked, printed, compared. The values are an operator's words.
 * Pure; runs in the command line, the front and the signer. Reading is in statement_parse.c,
 * signatures in statement_sign.c; what an order allows is the signer's ledger.
 */
#include "factory-ca/statement.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"

static const char *const type_names[STATEMENT_TYPE_COUNT] = {
    [STATEMENT_ORDER_OPEN] = "order-open",
    [STATEMENT_ORDER_CLOSE] = "order-close",
    [STATEMENT_ORDER_EXTEND] = "order-extend",
    [STATEMENT_REKEY] = "rekey",
    [STATEMENT_REVOKE] = "revoke",
    [STATEMENT_OPERATOR_REMOVE] = "operator-remove",
    [STATEMENT_LEDGER_RESTORE] = "ledger-restore",
};

const char *statement_type_name(enum statement_type type)
{
	CHECK(type < STATEMENT_TYPE_COUNT);
	return type_names[type];
}

int statement_is_of_order(enum statement_type type)
{
	return type == STATEMENT_ORDER_OPEN || type == STATEMENT_ORDER_CLOSE ||
	       type == STATEMENT_ORDER_EXTEND;
}

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

int statement_note_is_valid(const char *text, size_t len)
{
	size_t i;

	if (len > STATEMENT_NOTE_MAX || (len > 0 && (text[0] == ' ' || text[len - 1] == ' ')))
		return 0;
	for (i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return 0;
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

static enum err check_quantity(uint32_t quantity, char *why, size_t why_len)
{
	if (quantity == 0 || quantity > STATEMENT_QUANTITY_MAX)
		return say(
		    ERR_RANGE, why, why_len, "quantity: not in 1 to %d", STATEMENT_QUANTITY_MAX);
	return ERR_OK;
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
	if (check_quantity(order->quantity, why, why_len))
		return ERR_RANGE;
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

static enum err check_phone(const struct statement *statement, char *why, size_t why_len)
{
	size_t note_len = strlen(statement->note);

	if (mac_to_uint(&statement->mac) == 0 || statement->mac.octets[0] & 1)
		return say(ERR_RANGE, why, why_len, "MAC: no address that a phone can have");
	if (!statement_note_is_valid(statement->note, note_len))
		return say(ERR_RANGE, why, why_len, "reason: up to %d printable ASCII characters",
		    STATEMENT_NOTE_MAX);
	if (statement->type == STATEMENT_REKEY && note_len == 0)
		return say(ERR_RANGE, why, why_len, "reason: say why the phone gets a new key");
	if (statement->type == STATEMENT_REVOKE && !revocation_reason_name(statement->reason))
		return say(ERR_RANGE, why, why_len, "reason: one of " REVOCATION_REASON_NAMES);
	return ERR_OK;
}

/* Whether the values may stand in a statement of that type. */
static enum err check(const struct statement *statement, char *why, size_t why_len)
{
	const struct statement_order *order = &statement->order;

	if (statement->type >= STATEMENT_TYPE_COUNT)
		return say(ERR_RANGE, why, why_len, "type: not one that is known");
	if (statement_is_of_order(statement->type) &&
	    !statement_word_is_valid(
		order->reference, strlen(order->reference), STATEMENT_REFERENCE_MAX))
		return say(ERR_RANGE, why, why_len,
		    "reference: 1 to %d of letters, digits, '.', '_' and '-'",
		    STATEMENT_REFERENCE_MAX);
	switch (statement->type) {
	case STATEMENT_ORDER_OPEN:
		return check_open(order, why, why_len);
	case STATEMENT_ORDER_EXTEND:
		if (!time_is_valid(order->closes_unix_s))
			return say(
			    ERR_RANGE, why, why_len, "closes: not in the years 1970 to 9999");
		return check_quantity(order->quantity, why, why_len);
	case STATEMENT_REKEY:
	case STATEMENT_REVOKE:
		return check_phone(statement, why, why_len);
	case STATEMENT_ORDER_CLOSE:
	case STATEMENT_OPERATOR_REMOVE:
	case STATEMENT_LEDGER_RESTORE:
	case STATEMENT_TYPE_COUNT:
		break;
	}
	return ERR_OK;
}

static void print_hex(struct buf *out, const char *key, const uint8_t *bytes, size_t len)
{
	char hex[2 * SHA256_LEN + 1];

	CHECK(len <= SHA256_LEN);
	hex_encode(bytes, len, hex);
	buf_printf(out, "%s: %s\n", key, hex);
}

static void print_phone(struct buf *out, const struct statement *statement)
{
	char mac[MAC_TEXT_LEN + 1];

	mac_format(&statement->mac, mac);
	buf_printf(out, "mac: %s\n", mac);
	if (statement->type == STATEMENT_REKEY) {
		print_hex(out, "grant", statement->grant, STATEMENT_GRANT_LEN);
		buf_printf(out, "reason: %s\n", statement->note);
		return;
	}
	print_hex(out, "serial", statement->serial, STATEMENT_SERIAL_LEN);
	buf_printf(out, "reason: %s\nnote: %s\n", revocation_reason_name(statement->reason),
	    statement->note);
}

enum err statement_print(
    const struct statement *statement, struct buf *out, char *why, size_t why_len)
{
	struct statement sorted = *statement;
	struct statement_order *order = &sorted.order;
	enum err err;

	if (sorted.type == STATEMENT_ORDER_OPEN && order->station_count <= STATEMENT_STATIONS_MAX)
		qsort(order->stations, order->station_count, sizeof(order->stations[0]),
		    compare_names);
	err = check(&sorted, why, why_len);
	if (err)
		return err;
	buf_printf(out, "%stype: %s\n", STATEMENT_FIRST_LINE, type_names[sorted.type]);
	if (statement_is_of_order(sorted.type))
		buf_printf(out, "reference: %s\n", order->reference);
	switch (sorted.type) {
	case STATEMENT_ORDER_OPEN:
		print_open(out, order);
		break;
	case STATEMENT_ORDER_EXTEND:
		buf_printf(out, "quantity: %u\n", order->quantity);
		print_time(out, "closes", order->closes_unix_s);
		break;
	case STATEMENT_REKEY:
	case STATEMENT_REVOKE:
		print_phone(out, &sorted);
		break;
	case STATEMENT_OPERATOR_REMOVE:
		print_hex(out, "operator", sorted.operator_certificate.bytes, SHA256_LEN);
		break;
	case STATEMENT_LEDGER_RESTORE:
		buf_printf(out, "records: %llu\n", (unsigned long long)sorted.ledger.record_count);
		print_hex(out, "record-chain", sorted.ledger.record_chain, SHA256_LEN);
		print_hex(out, "journal-chain", sorted.ledger.journal_chain, SHA256_LEN);
		print_hex(out, "witness-chain", sorted.ledger.witness_chain, SHA256_LEN);
		break;
	case STATEMENT_ORDER_CLOSE:
	case STATEMENT_TYPE_COUNT:
		break;
	}
	return out->err;
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
