/* A configuration table as a manual page: what --print-config shows, for somebody who has no
 * configuration yet. Runs in the build. */
#include <string.h>

#include "common/conf/conf.h"
#include "common/conf/value.h"

void conf_put_mdoc(struct buf *out, const char *text)
{
	int at_line_start = 1;

	for (; *text; text++) {
		if (at_line_start && (*text == '.' || *text == '\''))
			buf_put_str(out, "\\&");
		at_line_start = *text == '\n';
		buf_put_str(out, *text == '\\' ? "\\e" : "");
		if (*text != '\\')
			buf_put(out, text, 1);
	}
}

static const char *type_name(const struct conf_field *field)
{
	switch (field->type) {
	case CONF_STRING:
		return "text";
	case CONF_PATH:
		return "file name";
	case CONF_URL:
		return "URL";
	case CONF_ADDRESS:
		return "address and port";
	case CONF_BOOL:
		return "true or false";
	case CONF_INT:
		return "number";
	case CONF_DURATION:
		return "duration (250ms, 5s, 10m, 24h, 30d)";
	case CONF_SIZE:
		return "size (64KiB, 8MiB)";
	case CONF_WORD:
		return "one of";
	case CONF_STRINGS:
		return "list of texts";
	case CONF_SECTIONS:
		return "list of maps";
	}
	return "";
}

static void put_number(const struct conf_field *field, int64_t value, struct buf *out)
{
	conf_value_print(field, &value, out);
}

static void put_facts(const struct conf_field *field, struct buf *out)
{
	size_t i;

	buf_put_str(out, type_name(field));
	for (i = 0; field->type == CONF_WORD && field->words[i]; i++)
		buf_printf(out, "%s %s", i ? "," : "", field->words[i]);
	if (field->min || field->max) {
		buf_put_str(out, ", ");
		put_number(field, field->min, out);
		buf_put_str(out, " to ");
		put_number(field, field->max, out);
	}
	if (field->type == CONF_SECTIONS || (field->default_value && !*field->default_value))
		buf_put_str(out, "; may be left out");
	else if (!field->default_value)
		buf_put_str(out, "; required");
	else
		buf_printf(out, "; default %s", field->default_value);
	if (field->reloadable)
		buf_put_str(out, "; a reload may change it");
	if (field->secret)
		buf_put_str(out, "; hidden when printed");
	buf_put_str(out, ".\n");
}

void conf_put_manual(const struct conf_table *table, struct buf *out)
{
	size_t i;

	buf_put_str(out, ".Bl -tag -width Ds\n");
	for (i = 0; i < table->field_count; i++) {
		const struct conf_field *field = &table->fields[i];

		buf_put_str(out, ".It Ic ");
		conf_put_mdoc(out, field->name);
		buf_put_str(out, "\n");
		conf_put_mdoc(out, field->help ? field->help : field->name);
		buf_put_str(out, ".\n.br\nIs ");
		put_facts(field, out);
		if (field->section)
			conf_put_manual(field->section, out);
	}
	buf_put_str(out, ".El\n");
}
