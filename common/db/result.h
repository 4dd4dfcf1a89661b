/* What struct pg_rows is, and how libpq's failures are told. Inside common/db only. */
#ifndef FIRSTRING_DB_RESULT_H
#define FIRSTRING_DB_RESULT_H

#include <libpq-fe.h>

#include "common/db/pg.h"

struct pg_rows {
	PGresult *result;
};

/* What the server said of a failed statement. */
void pg_error_from_result(const PGresult *result, struct pg_error *error);
/* A failure of ours: the message is copied, without line ends. */
void pg_error_set(struct pg_error *error, enum err err, const char *message);

#endif
