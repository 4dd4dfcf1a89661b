/* Options of the order commands. Pure. */
#include "factory-ca/commands/order_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"

/* What has been given, as the index into OPTIONS. */
struct parser {
	enum order_verb verb;
	struct order_options *options;
	unsigned seen;
	char *why;
};

static enum err refuse(struct parser *parser, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err refuse(struct parser *parser, enum err err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(parser->why, ORDER_WHY_LEN, format, arguments);
	va_end(arguments);
	return err;
}

static enum err take_word(
    struct parser *parser, const char *name, const char *value, char *to, size_t max)
{
	size_t len = strlen(value);

	if (!statement_word_is_valid(value, len, max))
		return refuse(parser, ERR_SYNTAX,
		    "%s %.80s: 1 to %zu letters, digits, '.', '_' or '-'", name, value, max);
	memcpy(to, value, len + 1);
	return ERR_OK;
}

static enum err take_reference(struct parser *parser, const char *value)
{
	return take_word(parser, "--reference", value, parser->options->order.reference,
	    STATEMENT_REFERENCE_MAX);
}

static enum err take_model(struct parser *parser, const char *value)
{
	return take_word(
	    parser, "--model", value, parser->options->order.model, STATEMENT_MODEL_MAX);
}

static enum err take_mac(
    struct parser *parser, const char *name, const char *value, struct mac *mac)
{
	if (mac_parse(value, strlen(value), mac) != ERR_OK)
		return refuse(parser, ERR_SYNTAX,
		    "%s %.80s: not a phone's MAC; write 12 hex digits, as in 001565AABBCC", name,
		    value);
	return ERR_OK;
}

static enum err take_first_mac(struct parser *parser, const char *value)
{
	return take_mac(parser, "--first-mac", value, &parser->options->order.first_mac);
}

static enum err take_phone(struct parser *parser, const char *value)
{
	parser->options->has_mac = 1;
	return take_mac(parser, "--mac", value, &parser->options->mac);
}

static enum err take_one_more_phone(struct parser *parser, const char *value)
{
	struct order_options *options = parser->options;

	if (options->phone_count == ORDER_PHONES_MAX)
		return refuse(parser, ERR_RANGE, "--mac: more than %d at once", ORDER_PHONES_MAX);
	return take_mac(parser, "--mac", value, &options->phones[options->phone_count++]);
}

static enum err take_rotate(struct parser *parser, const char *value)
{
	(void)value;
	parser->options->rotate = 1;
	return ERR_OK;
}

static enum err take_quantity(struct parser *parser, const char *value)
{
	uint64_t number;

	if (number_parse(value, strlen(value), STATEMENT_QUANTITY_MAX, &number) != ERR_OK ||
	    number == 0)
		return refuse(parser, ERR_RANGE, "--quantity %.80s: a number from 1 to %d", value,
		    STATEMENT_QUANTITY_MAX);
	parser->options->order.quantity = (uint32_t)number;
	return ERR_OK;
}

static enum err take_profile(struct parser *parser, const char *value)
{
	parser->options->has_profile = 1;
	if (certificate_profile_parse(value, strlen(value), &parser->options->order.profile))
		return refuse(parser, ERR_SYNTAX,
		    "--profile %.80s: device-1, device-1-compat (without otherNames), or "
		    "device-1-encrypt (for models whose answers are encrypted)",
		    value);
	return ERR_OK;
}

/* "any" is no list, and a list of no station is "any". */
static enum err take_station(struct parser *parser, const char *value)
{
	struct statement_order *order = &parser->options->order;
	size_t i;

	if (strcmp(value, "any") == 0) {
		if (order->station_count > 0)
			return refuse(
			    parser, ERR_SYNTAX, "--station: either any, or the names of stations");
		return ERR_OK;
	}
	if (order->station_count == STATEMENT_STATIONS_MAX)
		return refuse(
		    parser, ERR_RANGE, "--station: more than %d; say any", STATEMENT_STATIONS_MAX);
	for (i = 0; i < order->station_count; i++)
		if (strcmp(order->stations[i], value) == 0)
			return ERR_OK;
	return take_word(parser, "--station", value, order->stations[order->station_count++],
	    STATEMENT_NAME_MAX);
}

static enum err take_time(
    struct parser *parser, const char *name, const char *value, int64_t *unix_s)
{
	int64_t us;

	if (clock_parse(value, strlen(value), &us) != ERR_OK)
		return refuse(parser, ERR_SYNTAX, "%s %.80s: a time such as 2017-05-01T08:00:00Z",
		    name, value);
	if (us % 1000000 != 0)
		return refuse(parser, ERR_SYNTAX, "%s %.80s: whole seconds", name, value);
	*unix_s = us / 1000000;
	return ERR_OK;
}

static enum err take_opens(struct parser *parser, const char *value)
{
	return take_time(parser, "--opens", value, &parser->options->order.opens_unix_s);
}

static enum err take_closes(struct parser *parser, const char *value)
{
	parser->options->has_closes = 1;
	if (strcmp(value, "none") == 0)
		return ERR_OK;
	return take_time(parser, "--closes", value, &parser->options->order.closes_unix_s);
}

static enum err take_serial(struct parser *parser, const char *value)
{
	parser->options->has_serial = 1;
	if (hex_decode(value, strlen(value), parser->options->serial, STATEMENT_SERIAL_LEN))
		return refuse(parser, ERR_SYNTAX,
		    "--serial %.80s: the 32 hex digits of a certificate's serial number", value);
	return ERR_OK;
}

static enum err take_note(struct parser *parser, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || !statement_note_is_valid(value, len))
		return refuse(parser, ERR_SYNTAX,
		    "--reason, --note: 1 to %d printable ASCII characters", STATEMENT_NOTE_MAX);
	memcpy(parser->options->note, value, len + 1);
	return ERR_OK;
}

/* Of a re-key a sentence for people, of a revocation a CRLReason. */
static enum err take_reason(struct parser *parser, const char *value)
{
	if (parser->verb == ORDER_REKEY)
		return take_note(parser, value);
	if (strcmp(value, "scrapped") == 0) {
		parser->options->reason = REVOCATION_CESSATION_OF_OPERATION;
		return ERR_OK;
	}
	if (revocation_reason_parse(value, strlen(value), &parser->options->reason))
		return refuse(parser, ERR_SYNTAX,
		    "--reason %.80s: scrapped, or one of " REVOCATION_REASON_NAMES, value);
	return ERR_OK;
}

static enum err take_out(struct parser *parser, const char *value)
{
	parser->options->out = value;
	return ERR_OK;
}

static enum err take_statement(struct parser *parser, const char *value)
{
	parser->options->statement_path = value;
	return ERR_OK;
}

static enum err take_format(struct parser *parser, const char *value)
{
	parser->options->as_csv = strcmp(value, "csv") == 0;
	if (!parser->options->as_csv && strcmp(value, "json") != 0)
		return refuse(parser, ERR_SYNTAX, "--format %.80s: json or csv", value);
	return ERR_OK;
}

static enum err take_url(struct parser *parser, const char *value)
{
	parser->options->url = value;
	return ERR_OK;
}

static enum err take_server_ca(struct parser *parser, const char *value)
{
	parser->options->server_ca = value;
	return ERR_OK;
}

enum {
	OF_ORDER = ORDER_OPEN | ORDER_CLOSE | ORDER_SHOW | ORDER_CODE | ORDER_EXTEND | ORDER_REPORT,
	/* What can be written to a file instead of being sent, or shown. */
	MADE = ORDER_OPEN | ORDER_CLOSE | ORDER_EXTEND | ORDER_REKEY | ORDER_REVOKE | ORDER_REMOVE |
	       ORDER_CRL,
	EVERY = OF_ORDER | MADE | ORDER_SIGN,
};

static const struct option {
	const char *name;
	unsigned verbs; /* may have it */
	unsigned required; /* of them, who must */
	int repeats;
	int is_flag; /* has no value */
	enum err (*take)(struct parser *parser, const char *value);
} OPTIONS[] = {
    {"--reference", OF_ORDER, OF_ORDER, 0, 0, take_reference},
    {"--model", ORDER_OPEN, ORDER_OPEN, 0, 0, take_model},
    {"--first-mac", ORDER_OPEN, ORDER_OPEN, 0, 0, take_first_mac},
    {"--quantity", ORDER_OPEN | ORDER_EXTEND, ORDER_OPEN, 0, 0, take_quantity},
    {"--profile", ORDER_OPEN, 0, 0, 0, take_profile},
    {"--station", ORDER_OPEN, 0, 1, 0, take_station},
    {"--opens", ORDER_OPEN, 0, 0, 0, take_opens},
    {"--closes", ORDER_OPEN | ORDER_EXTEND, 0, 0, 0, take_closes},
    {"--mac", ORDER_REKEY | ORDER_REVOKE, ORDER_REKEY, 0, 0, take_phone},
    {"--mac", ORDER_CODE, ORDER_CODE, 1, 0, take_one_more_phone},
    {"--rotate", ORDER_CODE, 0, 0, 1, take_rotate},
    {"--serial", ORDER_REVOKE, 0, 0, 0, take_serial},
    {"--reason", ORDER_REKEY | ORDER_REVOKE, ORDER_REKEY | ORDER_REVOKE, 0, 0, take_reason},
    {"--note", ORDER_REVOKE, 0, 0, 0, take_note},
    {"--statement", ORDER_SIGN, ORDER_SIGN, 0, 0, take_statement},
    {"--format", ORDER_REPORT, 0, 0, 0, take_format},
    {"--out", MADE, 0, 0, 0, take_out},
    {"--url", EVERY, 0, 0, 0, take_url},
    {"--server-ca", EVERY, 0, 0, 0, take_server_ca},
};
enum { OPTION_COUNT = sizeof(OPTIONS) / sizeof(OPTIONS[0]) };

/* "--name value", "--name=value", or "--name" of a flag: how many words it took, 0 after an error.
 */
static int take_option(
    struct parser *parser, enum order_verb verb, char **argv, int left, enum err *err)
{
	size_t name_len = strcspn(argv[0], "=");
	const char *value = argv[0][name_len] == '=' ? argv[0] + name_len + 1 : NULL;
	unsigned i;

	for (i = 0; i < OPTION_COUNT; i++)
		if ((OPTIONS[i].verbs & (unsigned)verb) && strlen(OPTIONS[i].name) == name_len &&
		    strncmp(argv[0], OPTIONS[i].name, name_len) == 0)
			break;
	if (i == OPTION_COUNT)
		*err = refuse(parser, ERR_SYNTAX, "unknown option: %.80s", argv[0]);
	else if ((parser->seen & (1u << i)) && !OPTIONS[i].repeats)
		*err = refuse(parser, ERR_SYNTAX, "%s is given twice", OPTIONS[i].name);
	else if (OPTIONS[i].is_flag && value != NULL)
		*err = refuse(parser, ERR_SYNTAX, "%s takes no value", OPTIONS[i].name);
	else if (!OPTIONS[i].is_flag && value == NULL && left < 2)
		*err = refuse(parser, ERR_SYNTAX, "%s: its value is missing", OPTIONS[i].name);
	else
		*err = OPTIONS[i].take(parser, value ? value : argv[1]);
	if (*err != ERR_OK)
		return 0;
	parser->seen |= 1u << i;
	return value || OPTIONS[i].is_flag ? 1 : 2;
}

enum err order_options_parse(
    enum order_verb verb, int argc, char **argv, struct order_options *options, char *why)
{
	struct order_options parsed = {
	    .order = {.opens_unix_s = STATEMENT_NO_TIME, .closes_unix_s = STATEMENT_NO_TIME}};
	struct parser parser = {.verb = verb, .options = &parsed, .why = why};
	enum err err = ERR_OK;
	unsigned i;
	int at;

	for (at = 1; at < argc; at++)
		parsed.help |= strcmp(argv[at], "--help") == 0;
	for (at = 1; at < argc && !parsed.help;) {
		int taken = take_option(&parser, verb, argv + at, argc - at, &err);

		if (taken == 0)
			return err;
		at += taken;
	}
	for (i = 0; i < OPTION_COUNT && !parsed.help; i++)
		if ((OPTIONS[i].required & (unsigned)verb) && !(parser.seen & (1u << i)))
			return refuse(&parser, ERR_SYNTAX, "%s is missing", OPTIONS[i].name);
	if (verb == ORDER_EXTEND && !parsed.help && !parsed.order.quantity && !parsed.has_closes)
		return refuse(&parser, ERR_SYNTAX, "--quantity or --closes: what is to be wider?");
	if (verb == ORDER_REVOKE && !parsed.help && parsed.has_mac == parsed.has_serial)
		return refuse(&parser, ERR_SYNTAX, "--mac or --serial: which certificate?");
	*options = parsed;
	return ERR_OK;
}
