/*
 * The kinds of events that a feed tells of: one table, which webhooks are checked against and the
 * OpenAPI document repeats (tests/unit/portal-api/events).
 *
 * The redirector and the SQL functions write them (device_event); a new kind is a line here. Pure.
 */
#ifndef FIRSTRING_PORTAL_EVENTS_KINDS_H
#define FIRSTRING_PORTAL_EVENTS_KINDS_H

#include <stddef.h>

enum { EVENT_KINDS_TEXT_MAX = 319 };

/* All of them, NULL-terminated. Lives for ever. */
extern const char *const event_kinds[];

int event_kind_is_known(const char *name);
/* "contacted, delivered, …": for people. Lives for ever. */
const char *event_kinds_text(void);

#endif
