/* Options from argv. The engineer's: checked so that a slip is told before anything happens. */
#include "factory-ca/line/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/conf/value.h"
#include "factory-ca/statement.h"

const struct line_option line_options[] = {
    {"config", "FILE", "YAML with the names below, '_' for '-'; options go before it"},
    {"order", "R", "the production order's reference"},
    {"out", "DIR", "folder of the run: journal, labels, one folder for each phone"},
    {"list", "FILE", "CSV with header: mac, serial_number, csr (a file; then no key is made)"},
    {"first-mac", "MAC", "first MAC of the range, or of a list without MACs"},
    {"count", "N", "phones of the range"},
    {"serial", "FORMAT", "serial number in a range: {mac}, {n} are replaced (default {mac})"},
    {"rework", NULL,
	"make a new key for each phone of the list that has one; an operator must have allowed it "
	"(factory-ca rekey); what was there is kept as MAC.before-1"},
    {"dry-run", NULL, "check list, order and station; make and send nothing"},
    {"verify", NULL, "then connect to the redirector as each phone"},
    {"print-config", NULL, "show the configuration with its help"},
    {"help", NULL, "this text"},
    {"version", NULL, "the version"},
};
const size_t line_option_count = sizeof(line_options) / sizeof(line_options[0]);

static enum err say(char *why, const char *option, const char *what)
{
	snprintf(why, OPTIONS_WHY_LEN, "%s: %s", option, what);
	return ERR_SYNTAX;
}

/* "server_ca" is --server-ca. */
static void option_name(const struct conf_field *field, char name[64])
{
	size_t i;

	snprintf(name, 64, "%s", field->name);
	for (i = 0; name[i]; i++)
		if (name[i] == '_')
			name[i] = '-';
}

static const struct conf_field *find_field(const char *option)
{
	char name[64];
	size_t i;

	for (i = 0; i < line_config_table.field_count; i++) {
		option_name(&line_config_table.fields[i], name);
		if (strcmp(name, option) == 0)
			return &line_config_table.fields[i];
	}
	return NULL;
}

static const struct line_option *find_option(const char *option)
{
	size_t i;

	for (i = 0; i < line_option_count; i++)
		if (strcmp(line_options[i].name, option) == 0)
			return &line_options[i];
	return NULL;
}

static enum err set_field(
    struct line_config *config, const struct conf_field *field, const char *value, char *why)
{
	char *member = (char *)config + field->offset, *old = NULL, reason[CONF_WHY_LEN] = "";
	char option[66] = "--";

	option_name(field, option + 2);
	if (field->type == CONF_STRING || field->type == CONF_PATH)
		memcpy(&old, member, sizeof(old));
	if (conf_value_parse(field, value, NULL, member, reason))
		return say(why, option, reason);
	free(old);
	return ERR_OK;
}

static enum err set_job(
    struct line_request *request, const char *name, const char *value, char *why)
{
	struct line_job *job = &request->job;
	uint64_t number;

	if (strcmp(name, "order") == 0) {
		job->order = value;
		if (!statement_word_is_valid(value, strlen(value), STATEMENT_REFERENCE_MAX))
			return say(why, "--order", "1 to 64 letters, digits, '.', '_' or '-'");
	} else if (strcmp(name, "out") == 0) {
		job->folder = value;
	} else if (strcmp(name, "list") == 0) {
		job->list_path = value;
	} else if (strcmp(name, "first-mac") == 0) {
		job->has_first_mac = 1;
		if (mac_parse(value, strlen(value), &job->first_mac))
			return say(why, "--first-mac", "not a MAC, such as 001565AABBCC");
	} else if (strcmp(name, "count") == 0) {
		if (number_parse(value, strlen(value), PHONES_MAX, &number) || number == 0)
			return say(why, "--count", "a number from 1 to 1000000");
		job->count = (size_t)number;
	} else if (strcmp(name, "serial") == 0) {
		job->serial_format = value;
	} else if (strcmp(name, "dry-run") == 0) {
		job->dry_run = 1;
	} else if (strcmp(name, "rework") == 0) {
		job->rework = 1;
	} else if (strcmp(name, "verify") == 0) {
		job->verify = 1;
	} else if (strcmp(name, "print-config") == 0) {
		request->print_config = 1;
	} else if (strcmp(name, "help") == 0) {
		request->help = 1;
	} else if (strcmp(name, "version") == 0) {
		request->version = 1;
	}
	return ERR_OK;
}

/* One option: takes its words. */
static enum err take_option(struct line_request *request, int argc, char **argv, int *at, char *why)
{
	const char *name = argv[*at] + 2, *value = NULL;
	const struct conf_field *field;
	const struct line_option *option;

	if (strncmp(argv[*at], "--", 2) != 0)
		return say(why, argv[*at], "what is this? See --help");
	field = find_field(name);
	option = find_option(name);
	if (!field && !option)
		return say(why, argv[*at], "no such option; see --help");
	if (field ? field->type != CONF_BOOL : option->argument != NULL) {
		if (*at + 1 == argc)
			return say(why, argv[*at], "a value is missing");
		value = argv[++*at];
	}
	if (field)
		return set_field(&request->config, field, value ? value : "true", why);
	return set_job(request, name, value ? value : "", why);
}

static enum err load_config(int argc, char **argv, struct line_config *config, char *why)
{
	struct conf_error error = {""};
	const char *path = NULL;
	enum err err;
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--config") == 0)
			path = argv[i + 1];
	err = path ? conf_load(&line_config_table, path, config, &error)
		   : conf_load_text(&line_config_table, "defaults", "/", "{}", 2, config, &error);
	if (err)
		snprintf(why, OPTIONS_WHY_LEN, "%s", error.text);
	return err ? ERR_RANGE : ERR_OK;
}

static enum err check(const struct line_request *request, char *why)
{
	const struct line_config *config = &request->config;
	const struct line_job *job = &request->job;
	const struct {
		const char *value, *option, *what;
	} needed[] = {{job->order, "--order", "which production order?"},
	    {job->folder, "--out", "into which folder?"},
	    {config->url, "--url", "where is the factory front?"},
	    {config->server_ca, "--server-ca", "which CA vouches for the factory front (PEM)?"},
	    {config->station_cert, "--station-cert", "who is this station (PEM)?"},
	    {config->station_key, "--station-key", "the station's key (PEM)?"}};
	size_t i;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!needed[i].value || !*needed[i].value)
			return say(why, needed[i].option, needed[i].what);
	if (strlen(job->folder) > 3800)
		return say(why, "--out", "the name is too long");
	if (!job->list_path && !(job->has_first_mac && job->count))
		return say(why, "--list", "which phones? A list, or --first-mac and --count");
	if (job->list_path && job->count)
		return say(why, "--count", "goes with a range, not with --list");
	if (job->verify && !*config->redirector)
		return say(why, "--verify", "needs --redirector https://host[:port]");
	return ERR_OK;
}

enum err line_options_parse(
    int argc, char **argv, struct line_request *request, char why[OPTIONS_WHY_LEN])
{
	enum err err;
	int i;

	memset(request, 0, sizeof(*request));
	request->job.serial_format = "{mac}";
	err = load_config(argc, argv, &request->config, why);
	if (err)
		return err;
	for (i = 1; i < argc && !err; i++)
		err = take_option(request, argc, argv, &i, why);
	if (!err && !request->help && !request->version && !request->print_config)
		err = check(request, why);
	request->job.config = &request->config;
	if (err)
		conf_free(&line_config_table, &request->config);
	return err;
}

void line_options_help(FILE *out)
{
	char name[64], left[96];
	size_t i;

	fputs(
	    "usage: factory-line --order R --out DIR (--list FILE | --first-mac MAC --count N) "
	    "[options]\n\n"
	    "Gets a certificate and a claim code for each phone of a list or range, and writes a\n"
	    "folder for each and the labels of all. Run again, it goes on where it stopped.\n\n",
	    out);
	for (i = 0; i < line_option_count; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", line_options[i].name,
		    line_options[i].argument ? " " : "",
		    line_options[i].argument ? line_options[i].argument : "");
		fprintf(out, "  %-26s %s\n", left, line_options[i].help);
	}
	fputs("\nalso in the configuration file:\n", out);
	for (i = 0; i < line_config_table.field_count; i++) {
		const struct conf_field *field = &line_config_table.fields[i];

		option_name(field, name);
		snprintf(left, sizeof(left), "--%s%s", name,
		    field->type == CONF_BOOL   ? ""
		    : field->type == CONF_INT  ? " N"
		    : field->type == CONF_PATH ? " FILE"
					       : " VALUE");
		fprintf(out, "  %-26s %s%s%s%s\n", left, field->help,
		    *field->default_value ? " (" : "", field->default_value,
		    *field->default_value ? ")" : "");
	}
	fputs(
	    "\nexit status: 0 all done; 64 misuse; 65 list or phones refused; 66 a file cannot be "
	    "read;\n69 the factory is away; 73, 74 the disk; 75 interrupted, or another run in "
	    "this folder; 76 a phone\nthat does not verify, or a strange answer; 77 the station "
	    "is refused; 78 the configuration.\n",
	    out);
}
