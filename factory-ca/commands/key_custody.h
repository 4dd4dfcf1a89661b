/*
 * factory-ca key split, key unlock, key lock: see key_custody.c. Each takes what follows its name.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_KEY_CUSTODY_H
#define FIRSTRING_FACTORY_CA_COMMANDS_KEY_CUSTODY_H

#include "factory-ca/config.h"

/* An exit status; -1: the arguments are not understood. */
int key_split(const struct factory_config *config, int argc, char **argv);
int key_unlock(const struct factory_config *config, int argc, char **argv);
int key_lock(const struct factory_config *config, int argc, char **argv);

#endif
