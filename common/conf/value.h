/*
 * One scalar of a configuration file: from its text to the bound member, and back. Pure.
 */
#ifndef FIRSTRING_CONF_VALUE_H
#define FIRSTRING_CONF_VALUE_H

#include "common/conf/conf.h"

enum { CONF_WHY_LEN = 256 };

/* Reads `text` as the field's type into `member`. `folder` (may be NULL) is what a CONF_PATH is
 * relative to. On failure `why` says what is wrong and what would be right, and member is
 * untouched. */
MUST_CHECK enum err conf_value_parse(const struct conf_field *field, const char *text,
    const char *folder, void *member, char why[CONF_WHY_LEN]);

/* Appends the member as YAML that conf_value_parse reads back. Not for lists. */
void conf_value_print(const struct conf_field *field, const void *member, struct buf *out);

/* Appends a string as a double-quoted YAML scalar. */
void conf_print_quoted(const char *text, struct buf *out);

/* 1 when both members hold the same value. Not for lists. */
int conf_value_equal(const struct conf_field *field, const void *a, const void *b);

/* Frees what the member owns. Not for lists. */
void conf_value_free(const struct conf_field *field, void *member);

/* A malloc'd copy; aborts out of memory. */
char *conf_strdup(const char *text);

#endif
