/*
 * The sub-commands of factory-ca, one row each in main.c's table; one file each in commands/.
 *
 * A command gets the configuration and what stands after its name; it returns an exit status of
 * sysexits.h (64 usage, 65 bad data, 66 no input, 69 unavailable, 73 cannot create, 77 not
 * allowed, 78 configuration).
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_H
#define FIRSTRING_FACTORY_CA_COMMANDS_H

#include "factory-ca/config.h"

struct command_context {
	const struct factory_config *config;
	const char *config_path;
	/* --operator-cert and --operator-key, options of the program; NULL when not given. PEM. */
	const char *operator_cert_path;
	const char *operator_key_path;
};

/* argv[0] is the command's name. */
typedef int command_run_fn(const struct command_context *context, int argc, char **argv);

command_run_fn command_init, command_ca, command_publish, command_operator, command_station,
    command_key, command_signer, command_front, command_serve, command_order, command_code,
    command_audit, command_rekey, command_revoke, command_crl, command_ledger;

#endif
