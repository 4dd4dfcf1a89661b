/*
 * factory-ca code: the claim code of a phone that has been issued, for a label to be printed again.
 * Nothing changes; the front logs who asked. The code goes to stdout and nowhere else.
 */
#include <stdio.h>
#include <sysexits.h>

#include "factory-ca/commands/command.h"
#include "factory-ca/commands/front_api.h"
#include "factory-ca/commands/order_options.h"

static const char USAGE[] =
    "usage: factory-ca [options] code --reference R --mac MAC [--url URL] [--server-ca FILE]\n\n"
    "Prints the claim code of one phone of order R, as it stands on its label. Needs "
    "--operator-cert\n"
    "and --operator-key before \"code\".\n";

static int print_code(const struct front_api *api, const struct order_options *options)
{
	char path[256], mac[MAC_TEXT_LEN + 1];
	json_t *device = NULL;
	int status;

	mac_format(&options->mac, mac);
	snprintf(path, sizeof(path), "/v1/orders/%s/devices/%s", options->order.reference, mac);
	status = front_api_call(api, "GET", path, NULL, &device);
	if (status == EX_OK)
		printf("%s\n", front_api_text(device, "claim_code"));
	json_decref(device);
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
	return status == EX_OK ? print_code(&api, &options) : status;
}
