/*
 * factory-ca code: the claim codes of phones that have been issued, for labels to be printed again;
 * with --rotate new ones, and the old ones prove nothing any more. The front logs who asked, and
 * puts a rotation on record before it shows the code. Codes go to stdout and nowhere else.
 */
#include <stdio.h>
#include <sysexits.h>

#include "factory-ca/commands/command.h"
#include "factory-ca/commands/front_api.h"
#include "factory-ca/commands/order_options.h"

static const char USAGE[] =
    "usage: factory-ca [options] code --reference R --mac MAC [--mac MAC ...] [--rotate] [--url "
    "URL]\n"
    "         [--server-ca FILE]\n\n"
    "Prints the claim code of a phone of order R, as it stands on its label; of several phones "
    "one\n"
    "line each, \"MAC CODE\".\n\n"
    "  --rotate   makes a new code first. The one on the old label proves nothing from then on; a\n"
    "             claim that stands, stays. For a label that strangers have seen, and after a\n"
    "             transfer between ITSPs, which leaves the phone without a code.\n\n"
    "It stops at the first phone that the front refuses (exit 65); what is printed by then is "
    "good.\n"
    "Needs --operator-cert and --operator-key before \"code\".\n";

static int print_code(
    const struct front_api *api, const struct order_options *options, const struct mac *phone)
{
	char path[256], mac[MAC_TEXT_LEN + 1];
	json_t *device = NULL;
	const char *code;
	int status;

	mac_format(phone, mac);
	snprintf(path, sizeof(path), "/v1/orders/%s/devices/%s%s", options->order.reference, mac,
	    options->rotate ? "/rotate-code" : "");
	status = front_api_call(api, options->rotate ? "POST" : "GET", path, NULL, &device);
	code = status == EX_OK ? front_api_text(device, "claim_code") : "";
	if (status == EX_OK && *code == '\0') {
		command_say("%s has no claim code: a transfer made the one on its label void. "
			    "--rotate makes a new one",
		    mac);
		status = EX_DATAERR;
	} else if (status == EX_OK && options->phone_count > 1) {
		printf("%s %s\n", mac, code);
	} else if (status == EX_OK) {
		printf("%s\n", code);
	} else if (options->phone_count > 1) {
		command_say("%s: stopped here", mac);
	}
	/* What is lost after a rotation is a label: each line goes out before the next is asked
	 * for. */
	if (fflush(stdout) != 0 && status == EX_OK) {
		command_say("%s: cannot write the code; ask for it again without --rotate", mac);
		status = EX_IOERR;
	}
	json_decref(device);
	return status;
}

static int print_codes(const struct front_api *api, const struct order_options *options)
{
	int status = EX_OK;
	size_t i;

	for (i = 0; i < options->phone_count && status == EX_OK; i++)
		status = print_code(api, options, &options->phones[i]);
	return status;
}

int command_code(const struct command_context *context, int argc, char **argv)
{
	struct order_options options;
	struct front_api api = {0};
	char why[ORDER_WHY_LEN];
	int status;

	if (order_options_parse(ORDER_CODE, argc, argv, &options, why) != ERR_OK) {
		command_say("code: %s", why);
		fputs(USAGE, stderr);
		return EX_USAGE;
	}
	if (options.help) {
		fputs(USAGE, stdout);
		return EX_OK;
	}
	api.url = options.url;
	api.server_ca = options.server_ca;
	status = front_api_open(&api, context);
	return status == EX_OK ? print_codes(&api, &options) : status;
}
