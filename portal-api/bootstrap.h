/* The command `portal-api bootstrap-admin`. */
#ifndef FIRSTRING_PORTAL_BOOTSTRAP_H
#define FIRSTRING_PORTAL_BOOTSTRAP_H

#include "portal-api/config.h"

/* argv[0] is "bootstrap-admin". Returns the exit status. */
int command_bootstrap_admin(const struct portal_config *config, int argc, char **argv);

#endif
