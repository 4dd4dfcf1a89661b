/*
 * factory-line: a station's client of factory-ca. A program of its own: it holds the station's key
 * and those of the phones that it makes, and runs on the line, far from the CA's keys.
 */
#include <stdio.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "factory-ca/line/options.h"
#include "factory-ca/line/say.h"

int main(int argc, char **argv)
{
	struct line_request request;
	char why[OPTIONS_WHY_LEN] = "";
	int status = EX_OK;
	enum err err = line_options_parse(argc, argv, &request, why);

	log_set_program("factory-line");
	if (err) {
		line_say("%s", why);
		return err == ERR_RANGE ? EX_CONFIG : EX_USAGE;
	}
	if (request.help)
		line_options_help(stdout);
	else if (request.version)
		puts("factory-line " FIRSTRING_VERSION);
	else if (request.print_config)
		conf_print(&line_config_table, &request.config, stdout);
	else
		status = line_run(&request.job);
	conf_free(&line_config_table, &request.config);
	return status;
}
