/*
 * From a YAML document to a bound struct, and the struct back to YAML.
 *
 * The file is the administrator's: trusted to be meant, not to be right. libyaml reads it; what is
 * accepted is the plain part of YAML: one document, maps, lists and scalars, no anchors, aliases or
 * tags. Runs in parents and commands, never in a worker.
 */
#include "common/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/file.h"
#include "common/conf/value.h"

enum { FIELDS_MAX = 128, NAME_MAX_LEN = 128, DEPTH_MAX = 16, FILE_LEN_MAX = 1024 * 1024 };

/* One load: what is read, and where we are, for messages. */
struct loader {
	const char *file; /* the name that messages begin with */
	const char *folder; /* what paths are relative to */
	const char *text;
	size_t len;
	yaml_document_t *document;
	struct conf_error *error;
};

/* One table being bound: which struct, which of its fields have been seen. */
struct binding {
	const struct conf_table *table;
	char *values;
	char place[NAME_MAX_LEN]; /* "listeners[0]." before a field's name */
	unsigned char seen[FIELDS_MAX];
};

static enum err fail_at(
    const struct loader *loader, const yaml_mark_t *mark, const char *name, const char *what)
{
	snprintf(loader->error->text, sizeof loader->error->text, "%s:%zu:%zu: %s%s%s",
	    loader->file, mark->line + 1, mark->column + 1, name, name[0] != '\0' ? ": " : "",
	    what);
	return ERR_SYNTAX;
}

static const char *scalar_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* The number of single-character edits between two names, as far as it matters. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], b_len = strlen(b);

	if (b_len > NAME_MAX_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = change < shift ? change : shift;
		}
	}
	return row[b_len];
}

static const struct conf_field *nearest_field(const struct conf_table *table, const char *name)
{
	const struct conf_field *nearest = NULL;
	size_t least = 4;

	for (size_t i = 0; i < table->field_count; i++) {
		size_t distance = edit_distance(name, table->fields[i].name);
		if (distance < least) {
			least = distance;
			nearest = &table->fields[i];
		}
	}
	return nearest;
}

static const struct conf_field *find_field(const struct conf_table *table, const char *name)
{
	for (size_t i = 0; i < table->field_count; i++) {
		if (strcmp(table->fields[i].name, name) == 0)
			return &table->fields[i];
	}
	return NULL;
}

/* 1 when `name` is a map that holds fields: "tls" of "tls.certificate". */
static int is_group(const struct conf_table *table, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < table->field_count; i++) {
		if (strncmp(table->fields[i].name, name, len) == 0 &&
		    table->fields[i].name[len] == '.')
			return 1;
	}
	return 0;
}

static enum err bind_table(const struct loader *loader, const struct conf_table *table,
    const yaml_node_t *node, const char *place, char *values);

static enum err bind_strings(const struct loader *loader, const char *name, const yaml_node_t *node,
    struct conf_strings *strings)
{
	const yaml_node_item_t *start = node->data.sequence.items.start;
	size_t count = (size_t)(node->data.sequence.items.top - start);

	strings->items = calloc(count + 1, sizeof *strings->items);
	CHECK(strings->items != NULL);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item = yaml_document_get_node(loader->document, start[i]);
		if (item->type != YAML_SCALAR_NODE)
			return fail_at(
			    loader, &item->start_mark, name, "a list of texts is expected");
		strings->items[strings->count++] = conf_strdup(scalar_text(item));
	}
	return ERR_OK;
}

static enum err bind_sections(const struct loader *loader, const struct conf_field *field,
    const char *name, const yaml_node_t *node, struct conf_sections *sections)
{
	const yaml_node_item_t *start = node->data.sequence.items.start;
	size_t count = (size_t)(node->data.sequence.items.top - start),
	       size = field->section->struct_size;
	char place[NAME_MAX_LEN];

	sections->items = calloc(count + 1, size);
	CHECK(sections->items != NULL);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *item = yaml_document_get_node(loader->document, start[i]);
		snprintf(place, sizeof place, "%s[%zu].", name, i);
		if (item->type != YAML_MAPPING_NODE)
			return fail_at(
			    loader, &item->start_mark, name, "a list of maps is expected");
		sections->count++;
		enum err err = bind_table(
		    loader, field->section, item, place, (char *)sections->items + i * size);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static enum err bind_field(const struct loader *loader, const struct conf_field *field,
    const char *name, const yaml_node_t *node, char *member)
{
	char why[CONF_WHY_LEN];

	if (field->type == CONF_STRINGS || field->type == CONF_SECTIONS) {
		if (node->type != YAML_SEQUENCE_NODE)
			return fail_at(loader, &node->start_mark, name, "a list is expected");
		return field->type == CONF_STRINGS
			   ? bind_strings(loader, name, node, (struct conf_strings *)(void *)member)
			   : bind_sections(
				 loader, field, name, node, (struct conf_sections *)(void *)member);
	}
	if (node->type != YAML_SCALAR_NODE)
		return fail_at(
		    loader, &node->start_mark, name, "one value is expected, not a list or map");
	if (conf_value_parse(field, scalar_text(node), loader->folder, member, why) != ERR_OK)
		return fail_at(loader, &node->start_mark, name, why);
	return ERR_OK;
}

static enum err unknown_key(const struct loader *loader, const struct binding *binding,
    const char *name, const yaml_mark_t *mark)
{
	const struct conf_field *nearest = nearest_field(binding->table, name);
	char what[CONF_WHY_LEN], full[2 * NAME_MAX_LEN];

	snprintf(full, sizeof full, "%s%s", binding->place, name);
	snprintf(what, sizeof what, "unknown key%s%s%s", nearest != NULL ? "; did you mean \"" : "",
	    nearest != NULL ? nearest->name : "", nearest != NULL ? "\"?" : "");
	return fail_at(loader, mark, full, what);
}

/* Binds the keys of one map; `prefix` is the group that it is ("tls." or ""). */
static enum err bind_map(const struct loader *loader, struct binding *binding,
    const yaml_node_t *node, const char *prefix)
{
	char name[NAME_MAX_LEN], full[2 * NAME_MAX_LEN];

	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(loader->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(loader->document, pair->value);
		if (key->type != YAML_SCALAR_NODE)
			return fail_at(loader, &key->start_mark, "", "a key must be a word");
		for (const yaml_node_pair_t *other = node->data.mapping.pairs.start; other < pair;
		     other++) {
			if (strcmp(
				scalar_text(yaml_document_get_node(loader->document, other->key)),
				scalar_text(key)) == 0)
				return fail_at(loader, &key->start_mark, scalar_text(key),
				    "the key is there twice");
		}
		if (snprintf(name, sizeof name, "%s%s", prefix, scalar_text(key)) >=
		    (int)sizeof name)
			return fail_at(loader, &key->start_mark, "", "the key is too long");
		const struct conf_field *field = find_field(binding->table, name);
		enum err err = ERR_OK;
		if (field != NULL && binding->seen[field - binding->table->fields]) {
			/* Once as "tls.key: …", once as "tls: {key: …}". */
			err = fail_at(loader, &key->start_mark, name, "the key is there twice");
		} else if (field != NULL) {
			snprintf(full, sizeof full, "%s%s", binding->place, name);
			binding->seen[field - binding->table->fields] = 1;
			err =
			    bind_field(loader, field, full, value, binding->values + field->offset);
		} else if (!is_group(binding->table, name)) {
			err = unknown_key(loader, binding, name, &key->start_mark);
		} else if (value->type != YAML_MAPPING_NODE) {
			err = fail_at(loader, &value->start_mark, name, "a map is expected");
		} else {
			snprintf(full, sizeof full, "%s.", name);
			err = bind_map(loader, binding, value, full);
		}
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

static void default_strings(const char *items, struct conf_strings *strings)
{
	strings->items = calloc(strlen(items) + 1, sizeof *strings->items);
	CHECK(strings->items != NULL);
	while (*items != '\0') {
		size_t len = strcspn(items, " ");
		char *item = strndup(items, len);
		CHECK(item != NULL);
		strings->items[strings->count++] = item;
		items += len + strspn(items + len, " ");
	}
}

/* Gives every field that the file left out its default. */
static enum err bind_defaults(
    const struct loader *loader, const struct binding *binding, const yaml_node_t *node)
{
	char why[CONF_WHY_LEN], full[2 * NAME_MAX_LEN];

	for (size_t i = 0; i < binding->table->field_count; i++) {
		const struct conf_field *field = &binding->table->fields[i];
		if (binding->seen[i])
			continue;
		if (field->default_value == NULL) {
			snprintf(full, sizeof full, "%s%s", binding->place, field->name);
			snprintf(why, sizeof why, "this key is required: %.180s", field->help);
			return fail_at(loader, &node->start_mark, full, why);
		}
		if (field->type == CONF_STRINGS) {
			default_strings(field->default_value,
			    (struct conf_strings *)(void *)(binding->values + field->offset));
			continue;
		}
		if (field->type == CONF_SECTIONS) {
			CHECK(field->default_value[0] == '\0'); /* an empty list */
			continue;
		}
		CHECK(conf_value_parse(field, field->default_value, loader->folder,
			  binding->values + field->offset, why) == ERR_OK);
	}
	return ERR_OK;
}

static enum err bind_table(const struct loader *loader, const struct conf_table *table,
    const yaml_node_t *node, const char *place, char *values)
{
	struct binding binding = {.table = table, .values = values};
	char why[CONF_WHY_LEN] = "";

	CHECK(table->field_count <= FIELDS_MAX);
	snprintf(binding.place, sizeof binding.place, "%s", place);
	enum err err = bind_map(loader, &binding, node, "");
	if (err == ERR_OK)
		err = bind_defaults(loader, &binding, node);
	if (err == ERR_OK && table->check != NULL &&
	    table->check(values, why, sizeof why) != ERR_OK)
		err = fail_at(loader, &node->start_mark, "", why);
	return err;
}

/* The place of byte `offset`, which libyaml tells of what is no text at all. */
static yaml_mark_t mark_of_offset(const struct loader *loader, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset && i < loader->len; i++) {
		mark.column++;
		if (loader->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return mark;
}

/* 1 when the line of `mark` is indented by a tab: the commonest mistake, and libyaml does not name
 * it. */
static int has_tab_indent(const struct loader *loader, const yaml_mark_t *mark)
{
	size_t line = 0, i = 0;

	for (; i < loader->len && line < mark->line; i++)
		line += loader->text[i] == '\n';
	while (i < loader->len && loader->text[i] == ' ')
		i++;
	return i < loader->len && loader->text[i] == '\t';
}

static enum err fail_in_yaml(const struct loader *loader, const yaml_parser_t *parser)
{
	char what[CONF_WHY_LEN];
	yaml_mark_t mark = parser->error == YAML_READER_ERROR
			       ? mark_of_offset(loader, parser->problem_offset)
			       : parser->problem_mark;

	if (has_tab_indent(loader, &mark))
		return fail_at(loader, &mark, "", "a tab in the indentation: YAML takes spaces");
	snprintf(what, sizeof what, "not YAML: %s%s%s",
	    parser->problem != NULL ? parser->problem : "?", parser->context != NULL ? ", " : "",
	    parser->context != NULL ? parser->context : "");
	return fail_at(loader, &mark, "", what);
}

static void parser_begin(const struct loader *loader, yaml_parser_t *parser)
{
	CHECK(yaml_parser_initialize(parser) == 1);
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)loader->text, loader->len);
}

/* What an event says that the plain part of YAML does not have; NULL when all is well. */
static const char *event_problem(const yaml_event_t *event, int *depth, int *documents)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return "aliases are not supported";
	case YAML_DOCUMENT_START_EVENT:
		return ++*documents > 1 ? "there is a second document" : NULL;
	case YAML_SCALAR_EVENT:
		if (event->data.scalar.length != strlen((const char *)event->data.scalar.value))
			return "a value holds a NUL";
		return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL
			   ? "anchors and tags are not supported"
			   : NULL;
	case YAML_SEQUENCE_START_EVENT:
		if (event->data.sequence_start.anchor != NULL ||
		    event->data.sequence_start.tag != NULL)
			return "anchors and tags are not supported";
		return ++*depth > DEPTH_MAX ? "it is nested too deeply" : NULL;
	case YAML_MAPPING_START_EVENT:
		if (event->data.mapping_start.anchor != NULL ||
		    event->data.mapping_start.tag != NULL)
			return "anchors and tags are not supported";
		return ++*depth > DEPTH_MAX ? "it is nested too deeply" : NULL;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		return NULL;
	default:
		return NULL;
	}
}

/* Reads the stream once for what the document API would silently accept. */
static enum err check_stream(const struct loader *loader)
{
	yaml_parser_t parser;
	yaml_event_t event;
	int depth = 0, documents = 0, at_end = 0;
	enum err err = ERR_OK;

	parser_begin(loader, &parser);
	while (err == ERR_OK && !at_end) {
		if (yaml_parser_parse(&parser, &event) != 1) {
			err = fail_in_yaml(loader, &parser);
			break;
		}
		const char *problem = event_problem(&event, &depth, &documents);
		if (problem != NULL)
			err = fail_at(loader, &event.start_mark, "", problem);
		at_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return err;
}

static enum err load_document(struct loader *loader, const struct conf_table *table, void *values)
{
	yaml_parser_t parser;
	yaml_document_t document;
	static const yaml_mark_t START;
	enum err err = check_stream(loader);

	if (err != ERR_OK)
		return err;
	parser_begin(loader, &parser);
	if (yaml_parser_load(&parser, &document) != 1) {
		err = fail_in_yaml(loader, &parser);
		yaml_parser_delete(&parser);
		return err;
	}
	loader->document = &document;
	const yaml_node_t *root = yaml_document_get_root_node(&document);
	if (root == NULL || root->type != YAML_MAPPING_NODE)
		err = fail_at(loader, root != NULL ? &root->start_mark : &START, "",
		    "a map of keys is expected");
	else
		err = bind_table(loader, table, root, "", values);
	loader->document = NULL;
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
	return err;
}

enum err conf_load_text(const struct conf_table *table, const char *name, const char *folder,
    const char *text, size_t len, void *values, struct conf_error *error)
{
	struct loader loader = {
	    .file = name, .folder = folder, .text = text, .len = len, .error = error};

	enum err err = load_document(&loader, table, values);
	if (err != ERR_OK)
		conf_free(table, values);
	return err;
}

/* The absolute folder that the file is named in; malloc'd, NULL with errno. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *named = slash == NULL ? conf_strdup(".") : strndup(path, (size_t)(slash - path) + 1);

	CHECK(named != NULL);
	char *folder = realpath(named, NULL);
	free(named);
	return folder;
}

enum err conf_load(
    const struct conf_table *table, const char *path, void *values, struct conf_error *error)
{
	const char *slash = strrchr(path, '/');
	struct buf text = {0};
	char *folder = folder_of(path);
	enum err err = folder != NULL ? file_read(path, FILE_LEN_MAX, &text) : ERR_IO;

	if (err != ERR_OK)
		snprintf(error->text, sizeof error->text, "%s: %s", path,
		    err == ERR_IO ? strerror(errno) : "larger than a configuration file can be");
	else
		err = conf_load_text(table, slash != NULL ? slash + 1 : path, folder,
		    text.len > 0 ? (const char *)text.bytes : "", text.len, values, error);
	buf_wipe(&text);
	free(folder);
	return err;
}

void conf_free(const struct conf_table *table, void *values)
{
	for (size_t i = 0; i < table->field_count; i++) {
		const struct conf_field *field = &table->fields[i];
		void *member = (char *)values + field->offset;
		if (field->type == CONF_STRINGS) {
			struct conf_strings *strings = member;
			for (size_t j = 0; j < strings->count; j++)
				free(strings->items[j]);
			free(strings->items);
		} else if (field->type == CONF_SECTIONS) {
			struct conf_sections *sections = member;
			for (size_t j = 0; j < sections->count; j++)
				conf_free(field->section,
				    (char *)sections->items + j * field->section->struct_size);
			free(sections->items);
		} else {
			conf_value_free(field, member);
		}
	}
	memset(values, 0, table->struct_size);
}
