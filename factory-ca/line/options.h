/* The command line of factory-line: the configuration's names as options, and the job's own. */
#ifndef FIRSTRING_FACTORY_CA_LINE_OPTIONS_H
#define FIRSTRING_FACTORY_CA_LINE_OPTIONS_H

#include <stdio.h>

#include "common/base/err.h"
#include "factory-ca/line/run.h"

enum { OPTIONS_WHY_LEN = 600 };

/* Options that are of one run; those of the configuration are in line_config_table. For --help and
 * the manual. */
struct line_option {
	const char *name; /* without "--" */
	const char *argument; /* NULL: takes none */
	const char *help;
};
extern const struct line_option line_options[];
extern const size_t line_option_count;

struct line_request {
	struct line_config config; /* to be released with conf_free() */
	struct line_job job;
	int help, version, print_config;
};

/* Reads the configuration (--config, or none) and the options over it. ERR_SYNTAX: misuse;
 * ERR_RANGE: the configuration; `why` tells. */
MUST_CHECK enum err line_options_parse(
    int argc, char **argv, struct line_request *request, char why[OPTIONS_WHY_LEN]);

void line_options_help(FILE *out);

#endif
