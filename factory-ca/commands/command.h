/*
 * What the operator's commands share: messages, exit statuses, PEM, files for people. Runs in
 * commands only.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_COMMAND_H
#define FIRSTRING_FACTORY_CA_COMMANDS_COMMAND_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/db/pg.h"
#include "factory-ca/config.h"

/* "factory-ca: ..." on stderr, with a newline. */
void command_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit status (sysexits.h) that tells an error to a script. */
int command_status(enum err err);

/* Appends PEM of that label. */
void command_put_pem(struct buf *out, const char *label, const struct buf *der);

/* Copies chain and CRLs from the state folder to published_dir; an exit status. */
int command_publish_files(const struct factory_config *config);

/* Who runs the command, for audit rows: the login name, or the user number. Static storage. */
const char *command_actor(void);

/* Runs one statement as the commands' database role; `use` as in pg_run_once(). Says what is wrong.
 * The parameters are taken. */
MUST_CHECK enum err command_query(const struct factory_config *config,
    const struct pg_statement *statement, struct pg_params *params,
    void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx), void *ctx);

/* Appends the four parameters that every changing statement ends with: who, from where, why. */
void command_actor_params(struct pg_params *params);

#endif
