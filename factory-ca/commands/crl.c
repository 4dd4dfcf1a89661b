/*
 * factory-ca crl: has the issuing CAs' CRLs published as they are now, and writes them where web
 * servers find them. The front does so by itself within seconds of a change and once a day.
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
    "Publishes the CRLs of the issuing CAs with all that is revoked now: in the database, from\n"
    "which the portal's status worker serves them, and in pki.published_dir (issuing-0.crl,\n"
    "issuing-2.crl, crls.pem), or, with --out, the newest CA's alone as DER in FILE instead of "
    "the\n"
    "folder. Needs --operator-cert and --operator-key before \"crl\".\n";

static enum err keep(const struct factory_config *config, unsigned generation, const char *out,
    const struct buf *der)
{
	enum err err = out ? file_write(out, 0644, der->bytes, der->len)
			   : crl_files_write(config, generation, der);

	if (err == ERR_EXISTS)
		return ERR_OK; /* the front was faster with a newer one */
	if (err)
		command_say("crl: %s cannot be written: %s", out ? out : config->published_dir,
		    strerror(errno));
	return err;
}

static enum err take(const struct factory_config *config, const json_t *crl, const char *out)
{
	json_int_t generation = json_integer_value(json_object_get(crl, "generation"));
	const char *text = front_api_text(crl, "crl");
	struct buf der = {0};
	enum err err = base64_decode(text, strlen(text), &der);

	if (!err && (generation < GENERATION_FIRST || generation > GENERATION_MAX))
		err = ERR_SYNTAX;
	if (err)
		command_say("crl: the front's answer holds no CRL");
	else
		err = keep(config, (unsigned)generation, out, &der);
	if (!err)
		printf("crl: issuing CA %lld: number %lld, %lld revoked, next update %s\n",
		    (long long)generation,
		    (long long)json_integer_value(json_object_get(crl, "number")),
		    (long long)json_integer_value(json_object_get(crl, "entries")),
		    front_api_text(crl, "next_update"));
	buf_free(&der);
	return err;
}

static int run(const struct command_context *context, const struct front_api *api, const char *out)
{
	json_t *document = NULL, *crl;
	size_t i;
	enum err err;
	int status = front_api_call(api, "POST", "/v1/crl", NULL, &document);

	if (status != EX_OK)
		return status;
	err = take(context->config, document, out);
	/* With --out the newest's alone. */
	json_array_foreach(json_object_get(document, "older"), i, crl)
		if (!err && !out)
			err = take(context->config, crl, NULL);
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
