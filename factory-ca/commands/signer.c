/*
 * factory-ca signer: starts the process that holds the keys; see factory-ca/signer/signer.h.
 */
#include <sysexits.h>

#include "common/base/log.h"
#include "factory-ca/commands.h"
#include "factory-ca/commands/command.h"
#include "factory-ca/signer/signer.h"

int command_signer(const struct command_context *context, int argc, char **argv)
{
	if (argc > 1) {
		command_say("signer: %s: signer takes nothing but --config FILE", argv[1]);
		return EX_USAGE;
	}
	log_set_program("factory-ca-signer");
	return signer_run(context->config);
}
