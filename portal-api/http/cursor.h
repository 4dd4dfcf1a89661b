/*
 * Opaque cursors: where the next page of a list begins, as a word that a client hands back.
 *
 * A cursor belongs to one list of one principal; another's, or one that was typed, is refused. It
 * carries no right: row-level security decides what is shown. Pure.
 */
#ifndef FIRSTRING_PORTAL_HTTP_CURSOR_H
#define FIRSTRING_PORTAL_HTTP_CURSOR_H

#include <stddef.h>

#include "common/base/err.h"

enum { CURSOR_PLACE_MAX = 255, CURSOR_TEXT_MAX = 2 * (CURSOR_PLACE_MAX + 8) };

/* `list` names the list ("claims"), `owner` the tenant (""  for the manufacturer); `place` is where
 * the page ended, at most CURSOR_PLACE_MAX bytes. */
void cursor_format(
    const char *list, const char *owner, const char *place, char text[CURSOR_TEXT_MAX + 1]);
/* ERR_SYNTAX for what is no cursor, ERR_SIGNATURE for one of another list or owner. */
MUST_CHECK enum err cursor_parse(
    const char *list, const char *owner, const char *text, char place[CURSOR_PLACE_MAX + 1]);

#endif
