/* From files to struct front_state: in the parent, at start and on SIGHUP. Private to front/. */
#ifndef FIRSTRING_FACTORY_CA_FRONT_STATE_H
#define FIRSTRING_FACTORY_CA_FRONT_STATE_H

#include "factory-ca/front/front.h"

/* Reads configuration, TLS key, published certificates. Logs what is wrong and where
 * ("configuration_refused"). `previous` is what is in force, or NULL: what a reload cannot change
 * must be the same. */
MUST_CHECK enum err front_state_load(
    const char *config_path, const struct front_state *previous, struct front_state **state);
void front_state_free(struct front_state *state);

#endif
