/*
 * What the database's functions answer, and which problem that is: one table. Pure.
 */
#ifndef FIRSTRING_PORTAL_HTTP_OUTCOME_H
#define FIRSTRING_PORTAL_HTTP_OUTCOME_H

#include "portal-api/http/problem.h"

struct outcome {
	const char *name; /* as the statement returns it */
	enum problem_kind kind;
	const char *field, *code; /* with PROBLEM_INVALID: which field is to blame */
	const char *detail;
};

/* NULL for a name that is in no statement's list: our own mistake. */
const struct outcome *outcome_find(const char *name);

#endif
