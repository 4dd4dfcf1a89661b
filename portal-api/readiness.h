/*
 * What /readyz says of a worker's database.
 *
 * The first generation is not ready until it is connected. At a reload others serve still: the
 * moment in which the new one connects is no news, so a database that is missing is said to be
 * missing when it is missing still a little later.
 */
#ifndef FIRSTRING_PORTAL_READINESS_H
#define FIRSTRING_PORTAL_READINESS_H

#include "common/db/pg.h"
#include "common/net/workers.h"

struct readiness;

/* `part` is a literal. `config` is completed with an on_state of its own; the handle that it makes
 * is put in `pg`, and is freed by the caller before readiness_free. */
struct readiness *readiness_connect(
    const struct worker *worker, const char *part, struct pg_config config, struct pg **pg);
void readiness_free(struct readiness *readiness);

#endif
