/* The options that every daemon has. Pure. */
#include <string.h>

#include "common/conf/conf.h"

/* The argument of "--config FILE" or "--config=FILE" at argv[*at]; NULL when it is neither. */
static const char *config_argument(int argc, char **argv, int *at)
{
	static const char OPTION[] = "--config";
	const char *rest = argv[*at] + sizeof OPTION - 1;

	if (strncmp(argv[*at], OPTION, sizeof OPTION - 1) != 0)
		return NULL;
	if (*rest == '=')
		return rest + 1;
	return *rest == '\0' && *at + 1 < argc ? argv[++*at] : NULL;
}

enum err conf_parse_options(
    int argc, char **argv, struct conf_options *options, struct conf_error *error)
{
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		const char *option = argv[at], *path = config_argument(argc, argv, &at);
		if (path != NULL) {
			options->config_path = path;
		} else if (strcmp(option, "--check-config") == 0) {
			options->check_config = 1;
		} else if (strcmp(option, "--print-config") == 0) {
			options->print_config = 1;
		} else if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
			options->help = 1;
		} else if (strcmp(option, "--version") == 0) {
			options->version = 1;
		} else {
			snprintf(error->text, sizeof error->text, "%s: %s; see --help", option,
			    strcmp(option, "--config") == 0 ? "a file is expected after it"
							    : "unknown option");
			return ERR_SYNTAX;
		}
	}
	options->rest = at;
	return ERR_OK;
}
