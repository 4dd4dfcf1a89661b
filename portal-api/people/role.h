/*
 * Roles of people, and the scopes that each has: one table. Pure.
 *
 * A role belongs to one audience, as a scope does; a person of an ITSP has one of its four.
 */
#ifndef FIRSTRING_PORTAL_PEOPLE_ROLE_H
#define FIRSTRING_PORTAL_PEOPLE_ROLE_H

#include <stdint.h>

#include "portal-api/auth/scope.h"

/* The scopes of a role by name; 0 for a name that is no role. */
uint32_t role_scopes(const char *name);
/* The names of an audience's roles, the widest first, NULL-terminated. Lives for ever. */
const char *const *roles_of_audience(enum audience audience);

#endif
