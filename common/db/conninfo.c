/*
 * Connection strings: which ones we accept, and what we add to them.
 *
 * The string is the administrator's. Nothing that would block the event loop is let through: libpq
 * resolves host names without a deadline, so each server is a Unix socket folder or an address.
 * The string may hold a password: no message repeats any part of it but host names.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db/internal.h"

/* Item `index` of a comma-separated list into `item`; 0 when there are fewer. NULL is "". */
static int list_item(const char *list, size_t index, char *item, size_t size)
{
	const char *start = list != NULL ? list : "";

	for (; index > 0; index--) {
		start = strchr(start, ',');
		if (start == NULL)
			return 0;
		start++;
	}
	snprintf(item, size, "%.*s", (int)strcspn(start, ","), start);
	return 1;
}

static int is_address(const char *host)
{
	uint8_t address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

static enum err check_hosts(const char *hosts, const char *addresses, char *why, size_t why_len)
{
	char host[256], address[64];

	if ((hosts == NULL || hosts[0] == '\0') && (addresses == NULL || addresses[0] == '\0')) {
		snprintf(why, why_len,
		    "names no server: give host=/folder/of/the/socket or hostaddr=ADDRESS");
		return ERR_SYNTAX;
	}
	for (size_t i = 0;; i++) {
		int has_host = list_item(hosts, i, host, sizeof(host));
		int has_address = list_item(addresses, i, address, sizeof(address));

		if (!has_host && !has_address)
			return ERR_OK;
		if (has_address && address[0] != '\0')
			continue;
		/* '@' is the abstract socket namespace. */
		if (has_host && (host[0] == '/' || host[0] == '@' || is_address(host)))
			continue;
		snprintf(why, why_len,
		    "host \"%s\" is a name, and names are not resolved here: give "
		    "host=/folder/of/the/socket or hostaddr=ADDRESS (host may stay beside hostaddr "
		    "for the certificate's name)",
		    has_host ? host : "");
		return ERR_SYNTAX;
	}
}

enum err pg_check_conninfo(const char *conninfo, char *why, size_t why_len)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);

	if (options == NULL) {
		snprintf(why, why_len,
		    "is not a PostgreSQL connection string: keyword=value pairs (values with "
		    "spaces in single quotes) or a postgresql:// URL");
		return ERR_SYNTAX;
	}
	enum err err = check_hosts(
	    option_value(options, "host"), option_value(options, "hostaddr"), why, why_len);
	PQconninfoFree(options);
	return err;
}

PGconn *pg_conninfo_start(const char *conninfo)
{
	/* libpq lets later ones win: ours that may be changed, the administrator's, ours that may
	 * not. Kerberos would talk to its own servers, and block. */
	const char *const keywords[] = {
	    "fallback_application_name", "gssencmode", "dbname", "client_encoding", NULL};
	const char *const values[] = {
	    program_invocation_short_name, "disable", conninfo, "UTF8", NULL};

	/* libpq puts these two into the startup packet, which is above the settings of role and
	 * database; rows.c reads times in this spelling. */
	setenv("PGDATESTYLE", "ISO, YMD", 1);
	setenv("PGTZ", "UTC", 1);
	return PQconnectStartParams(keywords, values, 1);
}
