/*
 * factory-ca order open|extend|close|sign|show|report: an operator's production orders.
 *
 * Makes the statement here, signs it (statement_send.h) and has the front pass it on. The same
 * words always make the same statement, so that repeating a command whose answer was lost is safe.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/pki/key_type.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/front_api.h"
#include "factory-ca/commands/order_options.h"
#include "factory-ca/commands/statement_send.h"

enum { PATH_MAX_LEN = 256 };

static const char USAGE_OPEN[] =
    "usage: factory-ca [options] order open --reference R --model M --first-mac MAC --quantity N\n"
    "         [--station NAME|any]... [--opens T] [--closes T] [--profile "
    "device-1|device-1-compat|device-1-encrypt]\n"
    "         [--out FILE] [--url URL] [--server-ca FILE]\n\n"
    "Opens a production order: N MACs from MAC on, for phones of model M, from T to T (RFC 3339; "
    "none:\n"
    "at once, and until it is closed), at the stations named (none: any). Needs --operator-cert "
    "and\n"
    "--operator-key before \"order\". The identical order again is fine (exit 0); a reference "
    "that\n"
    "names another order, or a range that overlaps with one not closed, exits 65.\n"
    "Stations must be on record: add them first.\n"
    "Profiles: device-1; device-1-compat, without otherNames; device-1-encrypt, for models whose\n"
    "answers are encrypted to the phone: its key may be used for that, too. None given: the one "
    "that\n"
    "the model needs.\n"
    "--out writes the signed statement to FILE, for a second operator: see order sign.\n";
static const char USAGE_EXTEND[] =
    "usage: factory-ca [options] order extend --reference R [--quantity N] [--closes T|none]\n"
    "         [--out FILE] [--url URL] [--server-ca FILE]\n\n"
    "Widens an order that is not closed: N is its new quantity, T its new end; neither may be "
    "less\n"
    "than before. The same extension again is fine (exit 0).\n";
static const char USAGE_SIGN[] =
    "usage: factory-ca [options] order sign --statement FILE [--url URL] [--server-ca FILE]\n\n"
    "Shows the statement that another operator wrote with --out (an order, an extension, a re-key\n"
    "grant, a revocation, a removal), signs it as the second operator and sends it.\n";
static const char USAGE_REPORT[] =
    "usage: factory-ca [options] order report --reference R [--format json|csv] [--url URL]\n"
    "         [--server-ca FILE]\n\n"
    "The order's yield: certificates issued, asked for again (existing), phones reworked "
    "(re-keyed\n"
    "under a grant), keys made again by the signer, certificates revoked because the phone was\n"
    "scrapped or for another reason, and rows refused, by reason.\n";
static const char USAGE_CLOSE[] =
    "usage: factory-ca [options] order close --reference R [--out FILE] [--url URL]\n"
    "         [--server-ca FILE]\n\n"
    "Closes an order for good: nothing new is issued under it, what was issued is still shown.\n"
    "Closing it again is fine (exit 0).\n";
static const char USAGE_SHOW[] =
    "usage: factory-ca [options] order show --reference R [--url URL] [--server-ca FILE]\n\n"
    "Prints the order as JSON.\n";

/* --- open and close ------------------------------------------------------------------------- */

static void print_order(const json_t *order)
{
	printf("order %s: %s, %lld of %lld from %s issued, model %s\n",
	    front_api_text(order, "reference"), front_api_text(order, "state"),
	    (long long)json_integer_value(json_object_get(order, "issued")),
	    (long long)json_integer_value(json_object_get(order, "quantity")),
	    front_api_text(order, "first_mac"), front_api_text(order, "model"));
}

/* Of a model whose answers are encrypted to the phone the certificates must allow that, and of
 * another they need not. */
static int take_profile(
    const json_t *model, const struct order_options *options, struct statement_order *order)
{
	int encrypts = json_is_true(json_object_get(model, "encrypt_answers"));

	if (!options->has_profile)
		order->profile = encrypts ? CERTIFICATE_DEVICE_1_ENCRYPT : CERTIFICATE_DEVICE_1;
	if (encrypts == (order->profile == CERTIFICATE_DEVICE_1_ENCRYPT))
		return EX_OK;
	command_say("--profile %s: answers to phones of model %s are %sencrypted to their "
		    "certificates, which need profile %s; leave --profile out",
	    certificate_profile_name(order->profile), order->model, encrypts ? "" : "not ",
	    encrypts ? "device-1-encrypt" : "device-1 or device-1-compat");
	return EX_DATAERR;
}

/* The key types of an order are those of its model; so is the profile, where none is given. */
static int take_model(
    const struct front_api *api, const struct order_options *options, struct statement_order *order)
{
	char path[PATH_MAX_LEN];
	json_t *model = NULL, *name;
	enum key_type type;
	size_t i;
	int status;

	snprintf(path, sizeof(path), "/v1/models/%s", order->model);
	status = front_api_call(api, "GET", path, NULL, &model);
	if (status != EX_OK) {
		if (status == EX_DATAERR)
			command_say("--model %s: the portal's administrator adds models"
				    " (POST /v1/admin/models)",
			    order->model);
		return status;
	}
	json_array_foreach(json_object_get(model, "key_types"), i, name) {
		const char *text = json_string_value(name);

		if (text && key_type_parse(text, strlen(text), &type) == ERR_OK)
			order->key_types |= 1u << type;
	}
	if (order->key_types == 0) {
		command_say("model %s allows no key type", order->model);
		status = EX_DATAERR;
	} else {
		status = take_profile(model, options, order);
	}
	json_decref(model);
	return status;
}

/* What the order has already stands for what was not given. */
static int fill_extension(
    const struct front_api *api, const struct order_options *options, struct statement_order *order)
{
	char path[PATH_MAX_LEN];
	json_t *known = NULL;
	const char *closes;
	int64_t us = 0;
	int status;

	snprintf(path, sizeof(path), "/v1/orders/%s", order->reference);
	status = front_api_call(api, "GET", path, NULL, &known);
	if (status != EX_OK)
		return status;
	if (order->quantity == 0)
		order->quantity = (uint32_t)json_integer_value(json_object_get(known, "quantity"));
	closes = front_api_text(known, "closes_at");
	if (!options->has_closes && *closes && clock_parse(closes, strlen(closes), &us) == ERR_OK)
		order->closes_unix_s = us / 1000000;
	json_decref(known);
	return EX_OK;
}

static int run_statement(
    const struct front_api *api, enum order_verb verb, const struct order_options *options)
{
	struct statement statement = {.type = verb == ORDER_OPEN     ? STATEMENT_ORDER_OPEN
					      : verb == ORDER_EXTEND ? STATEMENT_ORDER_EXTEND
								     : STATEMENT_ORDER_CLOSE,
	    .order = options->order};
	json_t *order = NULL;
	int status = EX_OK;

	if (verb == ORDER_OPEN)
		status = take_model(api, options, &statement.order);
	else if (verb == ORDER_EXTEND)
		status = fill_extension(api, options, &statement.order);
	if (status == EX_OK)
		status = statement_send(api, &statement, options->out, &order);
	if (order)
		print_order(order);
	json_decref(order);
	return status;
}

static int run_sign(const struct front_api *api, const struct order_options *options)
{
	struct statement statement = {0};
	json_t *document = NULL;
	int status = statement_countersign(api, options->statement_path, &document, &statement);

	if (document && statement_is_of_order(statement.type))
		print_order(document);
	else if (document)
		printf("%s: %s\n", front_api_text(document, "act"),
		    front_api_text(document, "outcome"));
	json_decref(document);
	return status;
}

static int run_show(const struct front_api *api, const struct order_options *options)
{
	char path[PATH_MAX_LEN];
	json_t *order = NULL;
	int status;

	snprintf(path, sizeof(path), "/v1/orders/%s", options->order.reference);
	status = front_api_call(api, "GET", path, NULL, &order);
	if (status == EX_OK) {
		json_dumpf(order, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	}
	json_decref(order);
	return status;
}

static void print_csv(const json_t *report)
{
	const char *key;
	json_t *value, *refusal;

	printf("what,count\n");
	json_object_foreach((json_t *)(uintptr_t)report, key, value) {
		if (json_is_integer(value))
			printf("%s,%lld\n", key, (long long)json_integer_value(value));
	}
	json_object_foreach(json_object_get(report, "refused"), key, refusal)
		printf("refused_%s,%lld\n", key, (long long)json_integer_value(refusal));
}

static int run_report(const struct front_api *api, const struct order_options *options)
{
	char path[PATH_MAX_LEN];
	json_t *report = NULL;
	int status;

	snprintf(path, sizeof(path), "/v1/orders/%s/report", options->order.reference);
	status = front_api_call(api, "GET", path, NULL, &report);
	if (status == EX_OK && options->as_csv) {
		print_csv(report);
	} else if (status == EX_OK) {
		json_dumpf(report, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	}
	json_decref(report);
	return status;
}

static const struct {
	const char *name;
	enum order_verb verb;
	const char *usage;
} VERBS[] = {
    {"open", ORDER_OPEN, USAGE_OPEN},
    {"extend", ORDER_EXTEND, USAGE_EXTEND},
    {"close", ORDER_CLOSE, USAGE_CLOSE},
    {"sign", ORDER_SIGN, USAGE_SIGN},
    {"show", ORDER_SHOW, USAGE_SHOW},
    {"report", ORDER_REPORT, USAGE_REPORT},
};
enum { VERB_COUNT = sizeof(VERBS) / sizeof(VERBS[0]) };

static int run_verb(const struct command_context *context, unsigned verb, int argc, char **argv)
{
	struct order_options options;
	struct front_api api = {0};
	char why[ORDER_WHY_LEN];
	int status;

	if (order_options_parse(VERBS[verb].verb, argc, argv, &options, why) != ERR_OK) {
		command_say("order %s: %s", VERBS[verb].name, why);
		fputs(VERBS[verb].usage, stderr);
		return EX_USAGE;
	}
	if (options.help) {
		fputs(VERBS[verb].usage, stdout);
		return EX_OK;
	}
	api.url = options.url;
	api.server_ca = options.server_ca;
	status = front_api_open(&api, context);
	if (status != EX_OK)
		return status;
	switch (VERBS[verb].verb) {
	case ORDER_SHOW:
		return run_show(&api, &options);
	case ORDER_SIGN:
		return run_sign(&api, &options);
	case ORDER_REPORT:
		return run_report(&api, &options);
	default:
		return run_statement(&api, VERBS[verb].verb, &options);
	}
}

int command_order(const struct command_context *context, int argc, char **argv)
{
	int asked = argc > 1 && strcmp(argv[1], "--help") == 0;
	unsigned i;

	for (i = 0; i < VERB_COUNT && argc > 1; i++)
		if (strcmp(argv[1], VERBS[i].name) == 0)
			return run_verb(context, i, argc - 1, argv + 1);
	if (!asked)
		command_say("order: open, close or show? extend, sign or report?");
	for (i = 0; i < VERB_COUNT; i++)
		fprintf(asked ? stdout : stderr, "%s\n", VERBS[i].usage);
	return asked ? EX_OK : EX_USAGE;
}
