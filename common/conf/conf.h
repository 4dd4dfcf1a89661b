/*
 * Configuration: one YAML file per daemon, bound to a C struct by one table.
 *
 * The table is the documentation, the defaults, the checks and `--print-config` at once. Unknown
 * and duplicate keys, wrong types and values out of range are errors with file, line and column.
 * The file is trusted to be the administrator's, not to be right.
 */
#ifndef FIRSTRING_CONF_CONF_H
#define FIRSTRING_CONF_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum conf_type {
	CONF_STRING, /* char *: UTF-8 text, malloc'd */
	CONF_PATH, /* char *: made absolute against the folder of the configuration file */
	CONF_URL, /* char *: http or https URL */
	CONF_ADDRESS, /* struct conf_address: "127.0.0.1:8443", "[::1]:8443", "*:8443" */
	CONF_BOOL, /* int: true or false */
	CONF_INT, /* int64_t, within min..max */
	CONF_DURATION, /* int64_t milliseconds: "250ms", "5s", "10m", "24h", "30d" */
	CONF_SIZE, /* int64_t bytes: "64KiB", "8MiB", plain digits */
	CONF_WORD, /* int: index into `words` */
	CONF_STRINGS, /* struct conf_strings */
	CONF_SECTIONS, /* struct conf_sections: a list of maps, each bound by `section` */
};

struct conf_address {
	char host[64]; /* an address literal; "*" is every address */
	uint16_t port; /* 0: the kernel chooses */
};

struct conf_strings {
	char **items;
	size_t count;
};

struct conf_sections {
	void *items; /* count structs of section->struct_size bytes */
	size_t count;
};

struct conf_table;

struct conf_field {
	const char *name; /* "database.conninfo": dots are nested maps */
	enum conf_type type;
	size_t offset; /* offsetof the member in the bound struct */
	const char *default_value; /* as it would be written in the file; NULL: required; "": empty;
				    * of CONF_STRINGS: its items with a space between */
	int64_t min, max; /* CONF_INT, CONF_DURATION (ms), CONF_SIZE; both 0: no range */
	const char *const *words; /* CONF_WORD: NULL-terminated */
	const struct conf_table *section; /* CONF_SECTIONS */
	int reloadable; /* 0: a reload that changes it is refused */
	int secret; /* hidden by --print-config */
	const char *help; /* one line, for --print-config and the manual */
};

struct conf_table {
	const struct conf_field *fields;
	size_t field_count;
	size_t struct_size;
	/* Checks what one field alone cannot; NULL when there is nothing. On failure writes a
	 * sentence into `why` that names the key. */
	enum err (*check)(const void *values, char *why, size_t why_len);
};

struct conf_error {
	char text[512]; /* "redirector.yaml:12:3: listeners[0].port: 99999 is not in 1..65535" */
};

/* Reads and binds. `values` is table->struct_size zero bytes; on success release with conf_free.
 * On failure nothing is left in it and `error` says what, where and what would be right. */
MUST_CHECK enum err conf_load(
    const struct conf_table *table, const char *path, void *values, struct conf_error *error);
/* The same of a text: messages begin with `name`, paths are relative to `folder`. Pure. */
MUST_CHECK enum err conf_load_text(const struct conf_table *table, const char *name,
    const char *folder, const char *text, size_t len, void *values, struct conf_error *error);
void conf_free(const struct conf_table *table, void *values);

/* Writes the values as YAML that conf_load reads back, with help and units as comments, secrets
 * replaced. */
void conf_print(const struct conf_table *table, const void *values, FILE *out);

/* Appends the keys as a list for a manual page (mdoc(7)): type, range, default, help. */
void conf_put_manual(const struct conf_table *table, struct buf *out);
/* Appends text so that mdoc(7) takes none of it for its own. */
void conf_put_mdoc(struct buf *out, const char *text);

/* ERR_REFUSED when `next` differs from `current` in a field that is not reloadable; error names it.
 */
MUST_CHECK enum err conf_check_reload(const struct conf_table *table, const void *current,
    const void *next, struct conf_error *error);

/*
 * The options every daemon has: --config FILE, --check-config, --print-config, --help, --version.
 * Parses them off the front of argv and leaves the rest (sub-commands) to the caller.
 */
struct conf_options {
	const char *config_path; /* default given by the caller */
	int check_config, print_config, help, version;
	int rest; /* index of the first argument that is not one of these */
};
MUST_CHECK enum err conf_parse_options(
    int argc, char **argv, struct conf_options *options, struct conf_error *error);

#endif
