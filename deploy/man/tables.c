/*
 * A tool of the build: prints the parts of manual pages that are tables of the code.
 *
 *     tables config factory-ca|portal-api|redirector|factory-line
 *     tables options factory-line
 *     tables text < FILE           a text as it stands, for mdoc(7)
 */
#include <stdio.h>
#include <string.h>

#include "factory-ca/config.h"
#include "factory-ca/line/config.h"
#include "factory-ca/line/options.h"
#include "portal-api/config.h"
#include "redirector/config.h"

static const struct {
	const char *name;
	const struct conf_table *table;
} tables[] = {{"factory-ca", &factory_config_table}, {"portal-api", &portal_config_table},
    {"redirector", &redirector_config_table}, {"factory-line", &line_config_table}};

static int put_config(const char *name, struct buf *out)
{
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (strcmp(tables[i].name, name) == 0) {
			conf_put_manual(tables[i].table, out);
			return 0;
		}
	}
	return 64;
}

static int put_options(struct buf *out)
{
	size_t i;

	buf_put_str(out, ".Bl -tag -width Ds\n");
	for (i = 0; i < line_option_count; i++) {
		buf_printf(out, ".It Fl -%s", line_options[i].name);
		if (line_options[i].argument)
			buf_printf(out, " Ar %s", line_options[i].argument);
		buf_put_str(out, "\n");
		conf_put_mdoc(out, line_options[i].help);
		buf_put_str(out, ".\n");
	}
	buf_put_str(out, ".El\n");
	return 0;
}

static int put_text(struct buf *out)
{
	struct buf text = {0};
	char piece[4096];
	size_t len;

	while ((len = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_put(&text, piece, len);
	buf_put(&text, "", 0);
	conf_put_mdoc(out, (const char *)text.bytes);
	buf_free(&text);
	return 0;
}

int main(int argc, char **argv)
{
	struct buf out = {0};
	int status = 64;

	if (argc == 3 && strcmp(argv[1], "config") == 0)
		status = put_config(argv[2], &out);
	else if (argc == 3 && strcmp(argv[1], "options") == 0 &&
		 strcmp(argv[2], "factory-line") == 0)
		status = put_options(&out);
	else if (argc == 2 && strcmp(argv[1], "text") == 0)
		status = put_text(&out);
	if (status == 0 && fwrite(out.bytes, 1, out.len, stdout) != out.len)
		status = 74;
	buf_free(&out);
	return status;
}
