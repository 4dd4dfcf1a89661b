/*
 * factory-ca: one program, a table of commands. The administrator's command line and configuration
 * are trusted, not believed to be right. It reads options and configuration; the commands do the
 * work, each in its own file.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/conf/conf.h"
#include "common/pki/memory.h"
#include "factory-ca/commands.h"
#include "factory-ca/signer/keystore.h"

static const struct command {
	const char *name;
	command_run_fn *run;
	const char *help;
} commands[] = {
    {"init", command_init, "make root, issuing and line-access CA: the key ceremony"},
    {"ca", command_ca,
	"request | sign | import | crl | renew | retire: issuing CAs, and a root kept offline"},
    {"publish", command_publish, "put chain and CRLs into published_dir and the database"},
    {"operator", command_operator, "add NAME [--out DIR] | remove NAME: who signs orders"},
    {"station", command_station, "add NAME [--out DIR] | revoke NAME: stations of the line"},
    {"key", command_key, "list | split | unlock | lock: the keys, and custodians who open them"},
    {"order", command_order,
	"open | extend | close | sign | show | report: production orders, signed by operators"},
    {"rekey", command_rekey, "grant a phone one certificate for another key"},
    {"revoke", command_revoke, "revoke a phone's certificate, with a reason"},
    {"crl", command_crl, "publish the CRL with all that is revoked now"},
    {"code", command_code,
	"the claim codes of phones, for labels to be printed again, or new ones (--rotate)"},
    {"audit", command_audit, "verify: is the audit log whole, and what was done to it if not"},
    {"ledger", command_ledger, "show | restore: the signer's ledger, and putting it back"},
    {"signer", command_signer, "run the process that holds the keys"},
    {"front", command_front, "run the network side: stations and operators connect here"},
    {"serve", command_serve, "run signer and front together, for a trial"},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *out)
{
	size_t i;

	fprintf(out, "usage: factory-ca [options] command [options] ...\n\noptions:\n"
		     "  --config FILE         default /etc/firstring/factory-ca.yaml\n"
		     "  --operator-cert FILE  who signs orders (PEM)\n"
		     "  --operator-key FILE   with which key (PEM)\n"
		     "  --check-config, --print-config, --help, --version\n\ncommands:\n");
	for (i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* --operator-cert and --operator-key, which other daemons do not have: how many words they took. */
static int take_operator_option(struct command_context *context, char **argv, int left)
{
	const char **path = NULL;

	if (strcmp(argv[0], "--operator-cert") == 0)
		path = &context->operator_cert_path;
	else if (strcmp(argv[0], "--operator-key") == 0)
		path = &context->operator_key_path;
	if (!path || left < 2)
		return 0;
	*path = argv[1];
	return 2;
}

/* An option that every daemon has: how many words it took. */
static int take_common_option(
    struct conf_options *options, char *program, char **argv, int left, struct conf_error *error)
{
	char *slice[] = {program, argv[0], left > 1 ? argv[1] : NULL};
	int has_value = strcmp(argv[0], "--config") == 0 && left > 1;

	if (conf_parse_options(has_value ? 3 : 2, slice, options, error))
		return 0;
	return options->rest - 1;
}

/*
 * Options stand before the command, and the daemons' --config may stand behind it: "factory-ca
 * signer --config FILE". Returns the index of the command's own arguments, -1 with `error`.
 */
static int read_options(int argc, char **argv, struct conf_options *options,
    struct command_context *context, int *command, struct conf_error *error)
{
	int at = 1, taken;

	*command = 0;
	while (at < argc) {
		if (argv[at][0] != '-') {
			if (*command)
				break;
			*command = at++;
			continue;
		}
		/* Every command has a help of its own. */
		if (*command && strcmp(argv[at], "--help") == 0 && find_command(argv[*command]))
			break;
		taken = take_operator_option(context, argv + at, argc - at);
		if (!taken)
			taken = take_common_option(options, argv[0], argv + at, argc - at, error);
		if (!taken && *command)
			break;
		if (!taken)
			return -1;
		at += taken;
	}
	return at;
}

static int run_command(const struct command *command, struct command_context *context,
    struct conf_options *options, int argc, char **argv)
{
	struct factory_config config = {0};
	struct conf_error error = {""};
	int status = EX_OK;

	if (command && argc > 1 && strcmp(argv[argc - 1], "--help") == 0) {
		/* Help needs no configuration. */
		context->config = &config;
		return command->run(context, argc, argv);
	}
	if (conf_load(&factory_config_table, options->config_path, &config, &error)) {
		fprintf(stderr, "factory-ca: %s\n", error.text);
		return EX_CONFIG;
	}
	context->config = &config;
	context->config_path = options->config_path;
	if (options->print_config)
		conf_print(&factory_config_table, &config, stdout);
	else if (!options->check_config)
		status = command->run(context, argc, argv);
	context->config = NULL;
	conf_free(&factory_config_table, &config);
	return status;
}

int main(int argc, char **argv)
{
	struct conf_options options = {.config_path = "/etc/firstring/factory-ca.yaml"};
	struct command_context context = {0};
	const struct command *command = NULL;
	struct conf_error error = {""};
	int name = 0, rest, status;

	pki_memory_init();
	log_set_program("factory-ca");
	rest = read_options(argc, argv, &options, &context, &name, &error);
	if (rest < 0) {
		fprintf(stderr, "factory-ca: %s\n", error.text);
		return EX_USAGE;
	}
	if (options.help) {
		print_help(stdout);
		return EX_OK;
	}
	if (options.version) {
		puts("factory-ca " FIRSTRING_VERSION);
		return EX_OK;
	}
	if (name)
		command = find_command(argv[name]);
	if (!command && (name || !(options.check_config || options.print_config))) {
		fprintf(stderr, "factory-ca: %s%s\n", name ? "unknown command: " : "which command?",
		    name ? argv[name] : "");
		print_help(stderr);
		return EX_USAGE;
	}
	/* The command sees its name and what is its own. */
	if (name)
		argv[rest - 1] = argv[name];
	status = run_command(command, &context, &options, argc - rest + 1, argv + rest - 1);
	keystore_leave(status);
	return status;
}
