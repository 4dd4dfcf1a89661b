/* A bound configuration as YAML again, with each key's help beside it; and what a reload may
 * change. Runs in commands and parents. */
#include "common/conf/conf.h"

#include <string.h>

#include "common/conf/value.h"

static void print_indent(struct buf *out, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		buf_put_str(out, "  ");
}

static void print_strings(const struct conf_strings *strings, struct buf *out)
{
	buf_put_str(out, "[");
	for (size_t i = 0; i < strings->count; i++) {
		buf_put_str(out, i > 0 ? ", " : "");
		conf_print_quoted(strings->items[i], out);
	}
	buf_put_str(out, "]");
}

static void print_table(
    const struct conf_table *table, const char *values, size_t depth, int in_list, struct buf *out);

static void print_sections(const struct conf_field *field, const struct conf_sections *sections,
    size_t depth, struct buf *out)
{
	if (sections->count == 0)
		buf_put_str(out, " []");
	buf_put_str(out, "\n");
	for (size_t i = 0; i < sections->count; i++)
		print_table(field->section,
		    (const char *)sections->items + i * field->section->struct_size, depth + 1, 1,
		    out);
}

static void print_value(
    const struct conf_field *field, const char *member, size_t depth, struct buf *out)
{
	if (field->type == CONF_SECTIONS) {
		print_sections(
		    field, (const struct conf_sections *)(const void *)member, depth, out);
		return;
	}
	buf_put_str(out, " ");
	if (field->secret)
		buf_put_str(out, "\"(hidden)\"");
	else if (field->type == CONF_STRINGS)
		print_strings((const struct conf_strings *)(const void *)member, out);
	else
		conf_value_print(field, member, out);
	buf_put_str(out, "\n");
}

/* The length of the part up to and with the last dot: the group that a field stands in. */
static size_t group_len(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL ? (size_t)(dot + 1 - name) : 0;
}

/* Opens the groups of `name` that the field before it was not in; returns how many it is in. */
static size_t print_groups(
    const char *name, const char *before, size_t depth, size_t len, struct buf *out)
{
	size_t groups = 0, start = 0;

	for (size_t i = 0; i < len; i++) {
		if (name[i] != '.')
			continue;
		if (strncmp(name, before, i + 1) != 0) {
			print_indent(out, depth + groups);
			buf_put(out, name + start, i - start);
			buf_put_str(out, ":\n");
		}
		groups++;
		start = i + 1;
	}
	return groups;
}

/* Fields of one group stand together in the table. The first line of a list's item begins with "-
 * ". */
static void print_table(
    const struct conf_table *table, const char *values, size_t depth, int in_list, struct buf *out)
{
	const char *before = "";

	for (size_t i = 0; i < table->field_count; i++) {
		const struct conf_field *field = &table->fields[i];
		size_t len = group_len(field->name), dash = out->len;
		size_t groups =
		    print_groups(field->name, before, depth + (size_t)in_list, len, out);
		print_indent(out, depth + (size_t)in_list + groups);
		buf_printf(out, "# %s\n", field->help);
		if (i == 0 && groups == 0)
			dash = out->len;
		print_indent(out, depth + (size_t)in_list + groups);
		buf_printf(out, "%s:", field->name + len);
		if (i == 0 && in_list)
			memcpy(out->bytes + dash + 2 * depth, "- ", 2);
		print_value(field, values + field->offset, depth + (size_t)in_list + groups, out);
		before = field->name;
	}
}

void conf_print(const struct conf_table *table, const void *values, FILE *file)
{
	struct buf out = {0};

	print_table(table, values, 0, 0, &out);
	fwrite(out.bytes, 1, out.len, file);
	buf_free(&out);
}

static int strings_equal(const struct conf_strings *a, const struct conf_strings *b)
{
	if (a->count != b->count)
		return 0;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return 0;
	}
	return 1;
}

static enum err refuse_reload(struct conf_error *error, const char *name)
{
	snprintf(error->text, sizeof error->text,
	    "%s: this key cannot change while the daemon runs: restart it", name);
	return ERR_REFUSED;
}

enum err conf_check_reload(
    const struct conf_table *table, const void *current, const void *next, struct conf_error *error)
{
	for (size_t i = 0; i < table->field_count; i++) {
		const struct conf_field *field = &table->fields[i];
		const char *a = (const char *)current + field->offset;
		const char *b = (const char *)next + field->offset;
		if (field->reloadable)
			continue;
		if (field->type == CONF_SECTIONS) {
			const struct conf_sections *old =
			    (const struct conf_sections *)(const void *)a;
			const struct conf_sections *new =
			    (const struct conf_sections *)(const void *)b;
			size_t size = field->section->struct_size;
			if (old->count != new->count)
				return refuse_reload(error, field->name);
			for (size_t j = 0; j < old->count; j++) {
				enum err err = conf_check_reload(field->section,
				    (const char *)old->items + j * size,
				    (const char *)new->items + j *size, error);
				if (err != ERR_OK)
					return err;
			}
		} else if (field->type == CONF_STRINGS
			       ? !strings_equal((const struct conf_strings *)(const void *)a,
				     (const struct conf_strings *)(const void *)b)
			       : !conf_value_equal(field, a, b)) {
			return refuse_reload(error, field->name);
		}
	}
	return ERR_OK;
}
