/*
 * Lookups that many requests ask at the same time, shared: who is this station, what is this order.
 *
 * One query of a key is on its way at a time; it leaves at the end of a turn of the loop, for all
 * who asked in it. Who asks meanwhile waits for the next one: each answer is read from the database
 * after its request came, as if it had been asked for alone. Nothing is kept. Runs in the front's
 * workers.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_LOOKUPS_H
#define FIRSTRING_FACTORY_CA_FRONT_LOOKUPS_H

#include "common/db/pg.h"

enum { LOOKUP_KEY_MAX = 64 };

struct lookups;

/* The database is borrowed. At the end: lookups_close(), then the database is freed, which tells
 * all who wait ERR_CLOSED, then this. */
struct lookups *lookups_new(struct event_base *base, struct pg *pg);
void lookups_close(struct lookups *lookups);
void lookups_free(struct lookups *lookups);

enum lookup_key { LOOKUP_BYTES, LOOKUP_TEXT };

/* Runs the statement with the key as its one parameter; the rows are shared and read-only. */
void lookups_ask(struct lookups *lookups, const struct pg_statement *statement,
    enum lookup_key type, const void *key, size_t key_len, pg_done_fn *on_done, void *ctx);

#endif
