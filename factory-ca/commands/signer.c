/*
 * factory-ca signer: starts the process that holds the keys; see factory-ca/signer/signer.h.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/signer.h"

static const char USAGE[] =
    "usage: factory-ca [--config FILE] signer\n\n"
    "Runs the process that holds the keys, on signer.socket, for the front. It needs no network "
    "and no\n"
    "database. With custodians it waits until enough of them came (key unlock). SIGTERM answers "
    "what was\n"
    "accepted, and stops.\n";

int command_signer(const struct command_context *context, int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return EX_OK;
	}
	if (argc > 1) {
		command_say("signer: %s: signer takes nothing but --config FILE", argv[1]);
		return EX_USAGE;
	}
	log_set_program("factory-ca-signer");
	return signer_run(context->config);
}
