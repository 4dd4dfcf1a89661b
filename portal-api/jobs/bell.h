/*
 * Rung by an API worker when a claim job was handed in, heard by the job worker of the same
 * machine, which else looks for jobs now and then. It says nothing but that; a ring that nobody
 * hears is no loss. Made by the parent before its workers are.
 */
#ifndef FIRSTRING_PORTAL_JOBS_BELL_H
#define FIRSTRING_PORTAL_JOBS_BELL_H

#include <event2/event.h>

/* A descriptor for the life of the daemon. */
int bell_new(void);
void bell_ring(int bell);

struct bell_ear;
struct bell_ear *bell_listen(
    int bell, struct event_base *base, void (*on_ring)(void *ctx), void *ctx);
void bell_ear_free(struct bell_ear *ear);

#endif
