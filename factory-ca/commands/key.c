/*
 * factory-ca key list: which keys the key store has, without unlocking any. Run by the PKI officer.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/text.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/authority.h"

static int list_keys(const struct factory_config *config)
{
	char why[AUTHORITY_WHY_LEN] = "";
	struct keystore *store = NULL;
	struct secret pin = {0};
	enum err err = *config->pkcs11_uri ? authority_opener(config, &pin, why) : ERR_OK;
	int i, status = EX_OK;

	if (!err)
		err = authority_become_keeper(config, why);
	if (!err) {
		err = authority_key_store(config, &pin, &store, why);
		if (err)
			authority_become_ourselves();
	}
	secret_free(&pin);
	if (err) {
		command_say("key list: %s", why);
		return command_status(err);
	}
	for (i = 0; i < CA_KEY_COUNT; i++) {
		const char *name = ca_key_name((enum ca_key)i);
		char id[2 * CA_KEY_ID_LEN + 1], spki[2 * SHA256_LEN + 1];
		struct ca_key_info info = {0};

		err = keystore_describe(store, (enum ca_key)i, &info, why);
		if (err) {
			/* The root's key is kept elsewhere between ceremonies. */
			if (err != ERR_NOT_FOUND || i != CA_KEY_ROOT)
				status = command_status(err);
			printf("%-12s %s\n", name, why);
			continue;
		}
		hex_encode_lower(info.id, sizeof(info.id), id);
		hex_encode_lower(info.spki_sha256, sizeof(info.spki_sha256), spki);
		printf("%-12s %-11s id %s%s%s\n", name, ca_key_algorithm_name(info.algorithm), id,
		    info.algorithm == CA_ALGORITHM_HMAC_SHA256 ? "" : " spki-sha256 ",
		    info.algorithm == CA_ALGORITHM_HMAC_SHA256 ? "" : spki);
	}
	keystore_free(store);
	authority_become_ourselves();
	return status;
}

int command_key(const struct command_context *context, int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[1], "list") != 0) {
		command_say("usage: factory-ca key list");
		return EX_USAGE;
	}
	return list_keys(context->config);
}
