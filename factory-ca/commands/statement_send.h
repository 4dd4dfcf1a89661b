/*
 * An operator's statement, signed here and passed on: to the front, or into a file for a second
 * operator. The key never leaves the process. Runs in the operator's commands.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_STATEMENT_SEND_H
#define FIRSTRING_FACTORY_CA_COMMANDS_STATEMENT_SEND_H

#include "factory-ca/commands/front_api.h"
#include "factory-ca/statement.h"

/*
 * Signs and sends; the front's document is the caller's (json_decref). With `out_path` the signed
 * statement is written there instead, and *document stays NULL. An exit status; says what is wrong.
 */
int statement_send(const struct front_api *api, const struct statement *statement,
    const char *out_path, json_t **document);

/* Reads such a file, shows what it says, signs as the second operator and sends. */
int statement_countersign(
    const struct front_api *api, const char *path, json_t **document, struct statement *statement);
/* The same without sending: the struct, which must be empty, is the caller's to free. */
int statement_countersign_here(
    const struct front_api *api, const char *path, struct signed_statement *signed_statement);

#endif
