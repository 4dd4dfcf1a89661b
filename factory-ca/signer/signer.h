/*
 * factory-ca signer: the process that holds the keys.
 *
 * No network, no database. It listens on a Unix socket for the front (told by kernel credentials),
 * takes the typed requests of protocol.h and nothing else, and decides by its own ledger. A
 * malformed frame ends the connection and is logged. Hardened, locked in memory, and held to a list
 * of system calls (signer_sandbox.c).
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_SIGNER_H
#define FIRSTRING_FACTORY_CA_SIGNER_SIGNER_H

#include "common/base/err.h"
#include "factory-ca/config.h"

/* Runs until SIGTERM or SIGINT; an exit status of sysexits.h. `config` lives as long. */
int signer_run(const struct factory_config *config);

/* The system calls that are left once keys and ledger are open; any other kills the process. A
 * PKCS#11 module has a longer list. */
MUST_CHECK enum err signer_sandbox(const struct factory_config *config);

#endif
