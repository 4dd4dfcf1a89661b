/*
 * factory-ca rekey, factory-ca revoke: what an operator signs about one phone. The front is asked
 * which certificate it is about; what is signed names it by its serial.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/text.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/order_options.h"
#include "factory-ca/commands/statement_send.h"

enum { PATH_MAX_LEN = 256 };

static const char USAGE_REKEY[] =
    "usage: factory-ca [options] rekey --mac MAC --reason TEXT [--out FILE] [--url URL]\n"
    "         [--server-ca FILE]\n\n"
    "Grants one MAC one certificate for another key (its board was replaced, its key was lost). "
    "The\n"
    "old certificate is superseded when the new one is issued, under the phone's own order, open "
    "or\n"
    "closed. A grant is used once; a second one beside one that waits changes nothing.\n";
static const char USAGE_REVOKE[] =
    "usage: factory-ca [options] revoke (--mac MAC | --serial S) --reason REASON [--note TEXT]\n"
    "         [--out FILE] [--url URL] [--server-ca FILE]\n\n"
    "Revokes the live certificate of a MAC, or the one of that serial, for good. REASON is "
    "scrapped\n"
    "(the phone is no more), or one of " REVOCATION_REASON_NAMES ".\n"
    "From then on the redirector serves the phone nothing; its claim stays. Again is fine (exit "
    "0).\n";

/* Reads the words and finds the front; EX_OK and help unset: go on. */
static int begin(const struct command_context *context, enum order_verb verb, const char *usage,
    int argc, char **argv, struct order_options *options, struct front_api *api)
{
	char why[ORDER_WHY_LEN];

	if (order_options_parse(verb, argc, argv, options, why) != ERR_OK) {
		command_say("%s: %s", argv[0], why);
		fputs(usage, stderr);
		return EX_USAGE;
	}
	if (options->help) {
		fputs(usage, stdout);
		return EX_OK;
	}
	api->url = options->url;
	api->server_ca = options->server_ca;
	return front_api_open(api, context);
}

/* The phone on record, by MAC or serial. */
static int look_up(const struct front_api *api, const struct order_options *options, json_t **phone)
{
	char path[PATH_MAX_LEN], text[2 * STATEMENT_SERIAL_LEN + 1];

	if (options->has_mac) {
		mac_format(&options->mac, text);
		snprintf(path, sizeof(path), "/v1/devices/%s", text);
	} else {
		hex_encode(options->serial, STATEMENT_SERIAL_LEN, text);
		snprintf(path, sizeof(path), "/v1/certificates/%s", text);
	}
	return front_api_call(api, "GET", path, NULL, phone);
}

static int finish(const struct front_api *api, const struct statement *statement,
    const struct order_options *options)
{
	json_t *document = NULL;
	char mac[MAC_TEXT_LEN + 1];
	int status = statement_send(api, statement, options->out, &document);

	mac_format(&statement->mac, mac);
	if (document)
		printf("%s %s: %s\n", statement_type_name(statement->type), mac,
		    front_api_text(document, "outcome"));
	json_decref(document);
	return status;
}

int command_rekey(const struct command_context *context, int argc, char **argv)
{
	struct statement statement = {.type = STATEMENT_REKEY};
	struct order_options options = {0};
	struct front_api api = {0};
	int status = begin(context, ORDER_REKEY, USAGE_REKEY, argc, argv, &options, &api);

	if (status != EX_OK || options.help)
		return status;
	statement.mac = options.mac;
	random_fill(statement.grant, sizeof(statement.grant));
	memcpy(statement.note, options.note, sizeof(statement.note));
	return finish(&api, &statement, &options);
}

int command_revoke(const struct command_context *context, int argc, char **argv)
{
	struct statement statement = {.type = STATEMENT_REVOKE};
	struct order_options options = {0};
	struct front_api api = {0};
	json_t *phone = NULL;
	const char *serial, *mac;
	int status = begin(context, ORDER_REVOKE, USAGE_REVOKE, argc, argv, &options, &api);

	if (status != EX_OK || options.help)
		return status;
	status = look_up(&api, &options, &phone);
	if (status != EX_OK)
		return status;
	serial = front_api_text(phone, "serial");
	mac = front_api_text(phone, "mac");
	if (hex_decode(serial, strlen(serial), statement.serial, STATEMENT_SERIAL_LEN) ||
	    mac_parse(mac, strlen(mac), &statement.mac)) {
		command_say("revoke: this phone's certificate was not issued here");
		json_decref(phone);
		return EX_DATAERR;
	}
	statement.reason = options.reason;
	memcpy(statement.note, options.note, sizeof(statement.note));
	json_decref(phone);
	return finish(&api, &statement, &options);
}
