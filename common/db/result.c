/* How libpq's failures are told: for the log, and as one of our errors for the caller. Pure. */
#include "common/db/result.h"

#include <stdio.h>
#include <string.h>

struct sqlstate_error {
	const char *prefix;
	enum err err;
};

/* The first prefix that fits; PostgreSQL's appendix A. */
static const struct sqlstate_error SQLSTATES[] = {
    {"23505", ERR_EXISTS}, /* unique_violation */
    {"42501", ERR_DENIED}, /* insufficient_privilege */
    {"57014", ERR_TIMEOUT}, /* query_canceled: statement_timeout */
    {"55P03", ERR_TIMEOUT}, /* lock_not_available */
    {"22", ERR_REFUSED}, /* data exception */
    {"23", ERR_REFUSED}, /* integrity constraint violation */
    {"P0", ERR_REFUSED}, /* raised by our own functions */
    {"", ERR_UNAVAILABLE},
};

void pg_error_set(struct pg_error *error, enum err err, const char *message)
{
	*error = (struct pg_error){.err = err};
	snprintf(error->message, sizeof error->message, "%s", message != NULL ? message : "");
	for (char *next = error->message; (next = strpbrk(next, "\r\n")) != NULL;)
		*next = ' ';
}

void pg_error_from_result(const PGresult *result, struct pg_error *error)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const struct sqlstate_error *entry = SQLSTATES;

	if (sqlstate == NULL)
		sqlstate = "";
	while (strncmp(sqlstate, entry->prefix, strlen(entry->prefix)) != 0)
		entry++;
	pg_error_set(error, entry->err, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate);
}
