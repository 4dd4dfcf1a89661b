/*
 * Shared by the operator's commands. Their input is the administrator's; what goes wrong is told in
 * one sentence on stderr and one exit status.
 */
#include "factory-ca/commands/command.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/text.h"

enum { PEM_COLUMNS = 64 };

void command_say(const char *format, ...)
{
	va_list args;

	fputs("factory-ca: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int command_status(enum err err)
{
	switch (err) {
	case ERR_OK:
		return EX_OK;
	case ERR_DENIED:
		return EX_NOPERM;
	case ERR_NOT_FOUND:
		return EX_NOINPUT;
	case ERR_EXISTS:
		return EX_CANTCREAT;
	case ERR_IO:
	case ERR_FULL:
		return EX_IOERR;
	case ERR_TIMEOUT:
	case ERR_UNAVAILABLE:
	case ERR_CLOSED:
		return EX_UNAVAILABLE;
	default:
		return EX_DATAERR;
	}
}

void command_put_pem(struct buf *out, const char *label, const struct buf *der)
{
	buf_printf(out, "-----BEGIN %s-----\n", label);
	base64_encode(out, der->bytes, der->len, PEM_COLUMNS);
	if (out->len && out->bytes[out->len - 1] != '\n')
		buf_put_str(out, "\n");
	buf_printf(out, "-----END %s-----\n", label);
}

const char *command_actor(void)
{
	static char number[32];
	const struct passwd *user = getpwuid(getuid());

	if (user)
		return user->pw_name;
	snprintf(number, sizeof(number), "%u", getuid());
	return number;
}

void command_actor_params(struct pg_params *params)
{
	pg_param_text(params, "command");
	pg_param_text(params, command_actor());
	pg_param_null(params);
	pg_param_null(params);
}

enum err command_query(const struct factory_config *config, const struct pg_statement *statement,
    struct pg_params *params,
    void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx), void *ctx)
{
	const struct pg_call call = {.statement = statement, .params = params};
	struct pg_error error = {0};
	enum err err = pg_run_once(config->database_conninfo, &call, 1, use, ctx, &error);

	if (err)
		command_say("the database did not do it (%s): %s", statement->name,
		    error.message[0] ? error.message : err_name(err));
	return err;
}
