/*
 * What pg.c reads of a built set of parameters: libpq's four parallel arrays. Inside common/db
 * only.
 */
#ifndef FIRSTRING_DB_PARAMS_H
#define FIRSTRING_DB_PARAMS_H

#include "common/db/pg.h"

enum { PG_PARAMS_MAX = 32 };

struct pg_params_view {
	int count;
	const char *values[PG_PARAMS_MAX]; /* NULL: SQL null */
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX]; /* 0 text, 1 binary */
};

/* Borrowed from `params` (NULL: none) until it is freed. No array may be open. */
void pg_params_view(const struct pg_params *params, struct pg_params_view *view);

#endif
