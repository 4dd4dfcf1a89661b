/* The table of all operations: what there is to ask of the portal. */
#ifndef FIRSTRING_PORTAL_ROUTES_H
#define FIRSTRING_PORTAL_ROUTES_H

#include "common/net/router.h"
#include "portal-api/operation.h"

extern const struct operation portal_operations[];
extern const size_t portal_operation_count;

/* The same as routes; each target is its struct operation. */
const struct route *portal_routes(size_t *count);

#endif
