/*
 * PostgreSQL's SQLSTATEs as enum err. Pure but for reading the PGresult.
 *
 * The message is the server's primary one, without what it quotes of a value: parameters are never
 * logged. Detail and hint, which quote keys, are not looked at.
 */
#include <stdio.h>
#include <string.h>

#include "common/db/internal.h"

/* A whole code or, with two characters, a class (PostgreSQL manual, appendix A). The first match
 * counts. */
static const struct {
	const char *prefix;
	enum err err;
} meanings[] = {
    {"23505", ERR_EXISTS}, /* unique_violation */
    {"42501", ERR_DENIED}, /* insufficient_privilege */
    {"57014", ERR_TIMEOUT}, /* query_canceled: statement_timeout */
    {"55P03", ERR_TIMEOUT}, /* lock_not_available: lock_timeout */
    {"22", ERR_REFUSED}, /* data exception */
    {"23", ERR_REFUSED}, /* integrity constraint violation */
    {"P0", ERR_REFUSED}, /* raise exception */
};

static enum err error_of_sqlstate(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strncmp(sqlstate, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
			return meanings[i].err;
	/* Serialization, resources, shutdown, a schema of another release: not the request's
	 * fault, and it may go well later. */
	return ERR_UNAVAILABLE;
}

void pg_error_from_result(const PGresult *result, struct pg_error *error)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (sqlstate == NULL) {
		/* libpq's own, such as a lost connection. */
		pg_error_set(error, ERR_UNAVAILABLE, PQresultErrorMessage(result));
		return;
	}
	pg_error_set(error, error_of_sqlstate(sqlstate), message);
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
	/* 'invalid input syntax for type uuid: "…"' */
	char *value = strncmp(sqlstate, "22", 2) == 0 ? strstr(error->message, ": \"") : NULL;
	if (value != NULL)
		*value = '\0';
}

void pg_error_set(struct pg_error *error, enum err err, const char *message)
{
	*error = (struct pg_error){.err = err};
	snprintf(error->message, sizeof(error->message), "%s", message != NULL ? message : "");
	error->message[strcspn(error->message, "\n")] = '\0';
}

int pg_error_wants_new_connection(const struct pg_error *error)
{
	/* read_only_sql_transaction: the server was demoted under us; invalid_sql_statement_name:
	 * somebody discarded our statements; feature_not_supported is what a plan answers whose
	 * columns a migration changed ("cached plan must not change result type"). */
	static const char *const sqlstates[] = {"25006", "26000", "0A000"};

	for (size_t i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++)
		if (strcmp(error->sqlstate, sqlstates[i]) == 0)
			return 1;
	return 0;
}

int pg_error_is_of_session(const struct pg_error *error)
{
	return strcmp(error->sqlstate, "26000") == 0 || strcmp(error->sqlstate, "0A000") == 0;
}

int pg_error_is_outage(const struct pg_error *error)
{
	/* Connection exception, insufficient resources, operator intervention, system error. */
	static const char *const classes[] = {"08", "53", "57", "58"};

	if (error->sqlstate[0] == '\0')
		return 1;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strncmp(error->sqlstate, classes[i], 2) == 0)
			return 1;
	return 0;
}
