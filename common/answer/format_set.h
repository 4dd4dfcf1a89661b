/*
 * All formats of a folder, by name.
 *
 * The one file of this layer that reads files: at start and at reload, in the parent, so that a
 * worker needs none of them. The folder is the administrator's; a single bad file refuses the whole
 * set, so that what is in force is always complete.
 */
#ifndef FIRSTRING_ANSWER_FORMAT_SET_H
#define FIRSTRING_ANSWER_FORMAT_SET_H

#include <stddef.h>

#include "common/answer/format.h"

struct format_set;

/* Every *.format of the folder. ERR_SYNTAX: one is not right; ERR_IO: one cannot be read, or the
 * folder; ERR_NOT_FOUND: there is none. `why` names the file, line and column. */
MUST_CHECK enum err format_set_load(
    const char *folder, struct format_set **set, char *why, size_t why_len);
void format_set_free(struct format_set *set);
/* NULL when there is none of that name. Borrowed. */
const struct format *format_set_find(const struct format_set *set, const char *name);
size_t format_set_count(const struct format_set *set);
const struct format *format_set_at(const struct format_set *set, size_t index);

#endif
