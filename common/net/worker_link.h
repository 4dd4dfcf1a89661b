/*
 * Private to workers: what ties a worker to its parent.
 *
 * Signals one way (stop, retire), two pipes the other: one on which a worker says that it is up,
 * and one that nobody writes to, whose end tells a worker that its parent is gone (a parent-death
 * signal would not survive the change of user).
 */
#ifndef FIRSTRING_NET_WORKER_LINK_H
#define FIRSTRING_NET_WORKER_LINK_H

#include <signal.h>
#include <sys/types.h>

enum { WORKER_STOP_SIGNAL = SIGTERM, WORKER_RETIRE_SIGNAL = SIGUSR1 };

struct worker_link {
	int up_read, up_write;
	int alive_read, alive_write;
	sigset_t signals; /* those that parent and workers wait for; blocked but for that wait */
};

/* In the parent: opens the pipes and blocks the signals; `before` is the mask to go back to. */
void worker_link_open(struct worker_link *link, sigset_t *before);
void worker_link_close(struct worker_link *link, const sigset_t *before);
/* In a fresh worker: keeps the worker's ends. */
void worker_link_enter(const struct worker_link *link);
/* Readable when a worker reported. */
int worker_link_fd(const struct worker_link *link);
/* The next worker that is up; 0 when there is none. */
int worker_link_next_up(const struct worker_link *link, pid_t *pid);

#endif
