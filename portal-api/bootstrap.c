/*
 * `portal-api bootstrap-admin`: the manufacturer's first administrator.
 *
 * Run by who can read portal-api.yaml. Makes a token with both admin scopes, or invites a person
 * who has them; the token or one-time link is printed once. It is audited; where there is an
 * administrator already it refuses, so that this is no back door that
 * nobody looks at. It needs the database, not the daemon.
 */
#include "portal-api/bootstrap.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/db/row.h"
#include "portal-api/auth/scope.h"
#include "portal-api/auth/token.h"
#include "portal-api/http/uuid.h"
#include "portal-api/people/email.h"
#include "portal-api/people/secrets.h"
#include "queries_portal-api.h"

static const char HELP[] =
    "usage: portal-api [--config FILE] bootstrap-admin [--name NAME] [--print-token] [--another]\n"
    "       portal-api [--config FILE] bootstrap-admin --user ADDRESS [--display-name NAME]"
    " [--another]\n"
    "\n"
    "Makes the manufacturer's first administrator: a token with the scopes admin:read and\n"
    "admin:write, or a person who signs in on the pages, by a one-time link. Either is printed\n"
    "once. Refuses when there is such a token, or such a person, already.\n"
    "\n"
    "  --name NAME     the token's name (default: first administrator)\n"
    "  --print-token   prints the token and nothing else\n"
    "  --user ADDRESS  invites a person: prints the link with which to set a password\n"
    "  --display-name NAME\n"
    "                  the person's name (default: Administrator)\n"
    "  --another       makes one although there is one already\n";

struct options {
	const char *name, *user, *display_name;
	int print_token, another, help;
};

static int parse_options(int argc, char **argv, struct options *options)
{
	for (int at = 1; at < argc; at++) {
		if (strcmp(argv[at], "--name") == 0 && at + 1 < argc) {
			options->name = argv[++at];
		} else if (strcmp(argv[at], "--user") == 0 && at + 1 < argc) {
			options->user = argv[++at];
		} else if (strcmp(argv[at], "--display-name") == 0 && at + 1 < argc) {
			options->display_name = argv[++at];
		} else if (strcmp(argv[at], "--print-token") == 0) {
			options->print_token = 1;
		} else if (strcmp(argv[at], "--another") == 0) {
			options->another = 1;
		} else if (strcmp(argv[at], "--help") == 0) {
			options->help = 1;
		} else {
			fprintf(stderr, "bootstrap-admin: what is %s? See --help.\n", argv[at]);
			return -1;
		}
	}
	return 0;
}

static void count_live(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	int *live = ctx;
	int64_t now_us = clock_unix_us();
	CHECK(count == 1);
	for (size_t i = 0; i < row_count(rows[0]); i++) {
		int64_t expires_us = row_time_us(rows[0], i, row_column(rows[0], "expires_at"));
		*live += row_is_null(rows[0], i, row_column(rows[0], "revoked_at")) &&
			 (expires_us == INT64_MIN || expires_us > now_us);
	}
}

static int fail_database(const struct pg_error *error)
{
	fprintf(stderr, "bootstrap-admin: the database says: %s\n",
	    error->message[0] ? error->message : err_name(error->err));
	return EX_UNAVAILABLE;
}

/* Whether an administrator's token is live; an exit status on failure, else EX_OK. */
static int find_administrators(const struct portal_config *config, int *live)
{
	struct pg_error error = {0};
	struct pg_params *params = pg_params_new();
	pg_param_null(params);
	const struct pg_call call = {&query_admin_token_list, params};
	if (pg_run_once(config->admin_database, &call, 1, count_live, live, &error) != ERR_OK)
		return fail_database(&error);
	return EX_OK;
}

static void take_outcome(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	CHECK(count == 1);
	snprintf(ctx, 32, "%s", row_text(rows[0], 0, row_column(rows[0], "outcome")));
}

static int make_token(
    const struct portal_config *config, const char *name, const char *text, char outcome[32])
{
	struct pg_error error = {0};
	struct pg_params *params = pg_params_new();
	uint8_t digest[SHA256_LEN];
	struct uuid id;

	uuid_random(&id);
	token_digest(text, digest);
	pg_param_uuid(params, id.bytes);
	pg_param_null(params); /* the manufacturer's */
	pg_param_text(params, name);
	pg_param_bytea(params, digest, sizeof digest);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	pg_param_text(params, "admin:read");
	pg_param_text(params, "admin:write");
	pg_param_array_end(params);
	pg_param_null(params); /* does not expire */
	pg_param_text(params, "command");
	pg_param_text(params, "portal-api bootstrap-admin");
	pg_param_null(params);
	pg_param_null(params);
	const struct pg_call call = {&query_admin_token_create, params};
	if (pg_run_once(config->admin_database, &call, 1, take_outcome, outcome, &error) != ERR_OK)
		return fail_database(&error);
	return EX_OK;
}

/* --- A token --- */

static int bootstrap_token(const struct portal_config *config, const struct options *options)
{
	char text[TOKEN_TEXT_LEN + 1], outcome[32] = "";
	int live = 0;
	int status = find_administrators(config, &live);
	if (status)
		return status;
	if (live > 0 && !options->another) {
		fputs("bootstrap-admin: there is an administrator already; use its token at "
		      "/v1/admin/tokens, or say --another.\n",
		    stderr);
		return EX_DATAERR;
	}
	token_generate(text);
	status = make_token(config, options->name, text, outcome);
	if (status == EX_OK && strcmp(outcome, "created") != 0) {
		fprintf(stderr, "bootstrap-admin: the token was not made: %s\n", outcome);
		status = EX_DATAERR;
	} else if (status == EX_OK && options->print_token) {
		puts(text);
	} else if (status == EX_OK) {
		printf("The token of %s, shown this once:\n%s\n", options->name, text);
	}
	bytes_wipe(text, sizeof text);
	return status;
}

/* --- A person --- */

static void count_people(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	int *live = ctx;
	CHECK(count == 1);
	for (size_t i = 0; i < row_count(rows[0]); i++)
		*live += strcmp(row_text(rows[0], i, row_column(rows[0], "role")),
			     "administrator") == 0 &&
			 strcmp(row_text(rows[0], i, row_column(rows[0], "state")), "live") == 0;
}

static int find_people(const struct portal_config *config, int *live)
{
	struct pg_error error = {0};
	struct pg_params *params = pg_params_new();
	pg_param_null(params);
	pg_param_int(params, 1000);
	pg_param_null(params); /* the manufacturer's */
	pg_param_bool(params, 0);
	const struct pg_call call = {&query_admin_user_list, params};
	if (pg_run_once(config->admin_database, &call, 1, count_people, live, &error) != ERR_OK)
		return fail_database(&error);
	return EX_OK;
}

static int make_person(const struct portal_config *config, const char *email,
    const char *display_name, char link[LINK_PATH_MAX], char outcome[32])
{
	struct pg_error error = {0};
	struct pg_params *params = pg_params_new();
	uint8_t digest[SHA256_LEN];
	struct uuid id;

	uuid_random(&id);
	link_generate(link, digest);
	pg_param_uuid(params, id.bytes);
	pg_param_null(params); /* the manufacturer's */
	pg_param_text(params, email);
	pg_param_text(params, display_name);
	pg_param_text(params, "administrator");
	pg_param_bytea(params, digest, sizeof digest);
	pg_param_int(params, config->link_lifetime_ms / 1000);
	pg_param_text(params, "command");
	pg_param_text(params, "portal-api bootstrap-admin");
	pg_param_null(params);
	pg_param_null(params);
	const struct pg_call call = {&query_admin_user_create, params};
	if (pg_run_once(config->admin_database, &call, 1, take_outcome, outcome, &error) != ERR_OK)
		return fail_database(&error);
	return EX_OK;
}

static int bootstrap_person(const struct portal_config *config, const struct options *options)
{
	char email[EMAIL_MAX + 1], link[LINK_PATH_MAX], outcome[32] = "";
	int live = 0;
	if (email_parse(options->user, strlen(options->user), email) != ERR_OK) {
		fprintf(stderr, "bootstrap-admin: %s is no address such as ada@example.net.\n",
		    options->user);
		return EX_USAGE;
	}
	int status = find_people(config, &live);
	if (status)
		return status;
	if (live > 0 && !options->another) {
		fputs("bootstrap-admin: somebody is an administrator already; sign in as him, or "
		      "say --another.\n",
		    stderr);
		return EX_DATAERR;
	}
	status = make_person(config, email, options->display_name, link, outcome);
	if (status == EX_OK && strcmp(outcome, "email_taken") == 0) {
		fprintf(stderr, "bootstrap-admin: somebody signs in with this address already.\n");
		status = EX_DATAERR;
	} else if (status == EX_OK) {
		printf("%s sets a password on the portal's pages with this link, which can be used "
		       "once:\nhttps://<the portal>%s\n",
		    email, link);
	}
	bytes_wipe(link, sizeof link);
	return status;
}

int command_bootstrap_admin(const struct portal_config *config, int argc, char **argv)
{
	struct options options = {.name = "first administrator", .display_name = "Administrator"};

	if (parse_options(argc, argv, &options))
		return EX_USAGE;
	if (options.help) {
		fputs(HELP, stdout);
		return EX_OK;
	}
	return options.user ? bootstrap_person(config, &options)
			    : bootstrap_token(config, &options);
}
