/*
 * factory-ca crl: has the issuing CA's CRL published as it is now, and writes it where web servers
 * find it. The front does so by itself within seconds of a change and once a day.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/file.h"
#include "common/base/text.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/front_api.h"
#include "factory-ca/commands/order_options.h"
#include "factory-ca/crl_files.h"

static const char USAGE[] =
    "usage: factory-ca [options] crl [--out FILE] [--url URL] [--server-ca FILE]\n\n"
    "Publishes the issuing CA's CRL with all that is revoked now: in the database, from which the\n"
    "portal's status worker serves it, and in pki.published_dir (issuing-0.crl, crls.pem), or, "
    "with\n"
    "--out, as DER in FILE instead of the folder. Needs --operator-cert and --operator-key before\n"
    "\"crl\".\n";

static enum err keep(const struct factory_config *config, const char *out, const struct buf *der)
{
	enum err err =
	    out ? file_write(out, 0644, der->bytes, der->len) : crl_files_write(config, der);

	if (err == ERR_EXISTS)
		return ERR_OK; /* the front was faster with a newer one */
	if (err)
		command_say("crl: %s cannot be written: %s", out ? out : config->published_dir,
		    strerror(errno));
	return err;
}

static int run(const struct command_context *context, const struct front_api *api, const char *out)
{
	json_t *document = NULL;
	struct buf der = {0};
	const char *text;
	enum err err;
	int status = front_api_call(api, "POST", "/v1/crl", NULL, &document);

	if (status != EX_OK)
		return status;
	text = front_api_text(document, "crl");
	err = base64_decode(text, strlen(text), &der);
	if (err)
		command_say("crl: the front's answer holds no CRL");
	else
		err = keep(context->config, out, &der);
	if (!err)
		printf("crl: number %lld, %lld revoked, next update %s\n",
		    (long long)json_integer_value(json_object_get(document, "number")),
		    (long long)json_integer_value(json_object_get(document, "entries")),
		    front_api_text(document, "next_update"));
	buf_free(&der);
	json_decref(document);
	return command_status(err);
}

int command_crl(const struct command_context *context, int argc, char **argv)
{
	struct order_options options = {0};
	struct front_api api = {0};
	char why[ORDER_WHY_LEN];
	int status;

	if (order_options_parse(ORDER_CRL, argc, argv, &options, why) != ERR_OK) {
		command_say("crl: %s", why);
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
	return status == EX_OK ? run(context, &api, options.out) : status;
}
