/*
 * Hands for the signer's loop: a few threads that do the arithmetic, and decide nothing.
 *
 * What belongs to the ledger, to peers and to files stays with the loop's one thread. A task is
 * given from there, worked on by any hand, and told as done on the loop again. While it is worked
 * on it touches what it owns, and what nobody changes. The hands are there before the list of
 * system calls is in force, which then binds them, too; they take no signals.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_CREW_H
#define FIRSTRING_FACTORY_CA_SIGNER_CREW_H

#include <event2/event.h>
#include <sys/queue.h>

struct crew;

/* Part of a larger struct, from which `work` and `done` find their way. */
struct crew_task {
	TAILQ_ENTRY(crew_task) entry;
	void (*work)(struct crew_task *task); /* on a hand */
	void (*done)(struct crew_task *task); /* on the loop; may free the task */
};

/* Which tasks are taken up first: what is nearly done, so that little is under way at a time. */
enum crew_turn { CREW_TURN_FIRST, CREW_TURN_SECOND, CREW_TURN_COUNT };

/* Without hands (0) the loop does the work itself: for key stores of one thread. */
struct crew *crew_new(struct event_base *base, unsigned hands);
/* Nothing may be under way any more. NULL is fine. */
void crew_free(struct crew *crew);
/* From the loop. `done` is never called from within. */
void crew_give(struct crew *crew, struct crew_task *task, enum crew_turn turn);
/* Returns when all that was given is done, and told. */
void crew_wait(struct crew *crew);

#endif
