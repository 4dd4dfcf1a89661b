/*
 * The people at the terminal: custodians who enter passphrases, each for himself. Commands only.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_CUSTODIANS_H
#define FIRSTRING_FACTORY_CA_COMMANDS_CUSTODIANS_H

#include "factory-ca/signer/authority.h"

/* Asks on /dev/tty without echo. ERR_UNAVAILABLE: there is no terminal; ERR_SYNTAX: nothing was
 * entered. */
MUST_CHECK enum err custodian_ask_passphrase(const char *question, struct secret *passphrase);

/* authority_open() for commands: where the key store is in custody, custodians are asked one after
 * another until it opens. `why` as there. */
MUST_CHECK enum err custodians_open_authority(const struct factory_config *config,
    const enum ca_key *keys, size_t count, struct authority *authority,
    char why[AUTHORITY_WHY_LEN]);
/* The key alone. ERR_UNAVAILABLE: there is no terminal. */
MUST_CHECK enum err custodians_open(
    const struct factory_config *config, struct secret *kek, char why[AUTHORITY_WHY_LEN]);

#endif
