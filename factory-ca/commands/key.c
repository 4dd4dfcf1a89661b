/*
 * factory-ca key: list, which tells the keys of the key store without unlocking any, and what is
 * around custodians (key_custody.c). Run by the PKI officer and by custodians.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/text.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/commands/key_custody.h"
#include "factory-ca/signer/authority.h"
#include "factory-ca/signer/key_uses.h"

static int list_keys(const struct factory_config *config, int argc, char **argv)
{
	char why[AUTHORITY_WHY_LEN] = "", path[FACTORY_PATH_MAX];
	uint64_t uses[CA_KEY_COUNT] = {0};
	struct keystore *store = NULL;
	struct secret pin = {0};
	enum err err = *config->pkcs11_uri ? authority_opener(config, &pin, why) : ERR_OK;
	int i, status = EX_OK;

	(void)argv;
	if (argc > 0)
		return -1;
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
	factory_state_path(config, "key-uses", path);
	if (key_uses_read(path, uses, why)) {
		command_say("key list: %s", why);
		status = EX_DATAERR;
	}
	for (i = 0; i < CA_KEY_COUNT; i++) {
		const char *name = ca_key_name((enum ca_key)i);
		char id[2 * CA_KEY_ID_LEN + 1], spki[2 * SHA256_LEN + 1];
		struct ca_key_info info = {0};

		err = keystore_describe(store, (enum ca_key)i, &info, why);
		if (err == ERR_NOT_FOUND && i >= CA_KEY_FIRST_COUNT)
			continue; /* no generation yet */
		if (err) {
			/* The root's key is kept elsewhere between ceremonies. */
			if (err != ERR_NOT_FOUND || i != CA_KEY_ROOT)
				status = command_status(err);
			printf("%-12s %s\n", name, why);
			continue;
		}
		hex_encode_lower(info.id, sizeof(info.id), id);
		hex_encode_lower(info.spki_sha256, sizeof(info.spki_sha256), spki);
		printf("%-12s %-11s uses %-10llu id %s%s%s%s\n", name,
		    ca_key_algorithm_name(info.algorithm), (unsigned long long)uses[i], id,
		    info.algorithm == CA_ALGORITHM_HMAC_SHA256 ? "" : " spki-sha256 ",
		    info.algorithm == CA_ALGORITHM_HMAC_SHA256 ? "" : spki,
		    info.in_custody ? " sealed for custodians" : "");
	}
	keystore_free(store);
	authority_become_ourselves();
	return status;
}

static const char USAGE[] =
    "usage: factory-ca key list\n"
    "       factory-ca key split --custodians N --threshold K [--passphrase-file FILE]...\n"
    "       factory-ca key unlock --custodian N [--share FILE] [--passphrase-file FILE]\n"
    "       factory-ca key lock\n\n"
    "list    the keys of the key store, and how often each was used by now, whether the signer "
    "runs\n"
    "        or not; none is opened (after a crash a count may be too high by less than 1000, "
    "never\n"
    "        too low)\n"
    "split   seal the key files so that K of N custodians (at most 16) must open them; each "
    "enters\n"
    "        a passphrase of his own, or FILE has it, once for each custodian in their order\n"
    "unlock  one custodian gives his share to the signer, which waits for K of them; FILE is the\n"
    "        share that he carries, else keys/custodian-N.share\n"
    "lock    the signer forgets its keys until custodians come again\n";

int command_key(const struct command_context *context, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct factory_config *config, int argc, char **argv);
	} commands[] = {
	    {"list", list_keys}, {"split", key_split}, {"unlock", key_unlock}, {"lock", key_lock}};
	int asked = argc > 1 && strcmp(argv[argc - 1], "--help") == 0, status = -1;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]) && argc > 1 && !asked; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			status = commands[i].run(context->config, argc - 2, argv + 2);
	if (status >= 0)
		return status;
	fputs(USAGE, asked ? stdout : stderr);
	return asked ? EX_OK : EX_USAGE;
}
