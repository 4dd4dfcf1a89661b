/*
 * One parent and its workers: binds before it forks, restarts what dies, drains, reloads.
 *
 * The parent reads no byte from the network. Listening sockets are bound once and shared by all
 * generations of workers, so that a reload loses nothing that the kernel has queued. SIGHUP asks
 * the daemon for a new state; when that succeeds a new generation is forked and the old one drains,
 * when it fails the old one goes on. SIGTERM and SIGINT drain. sd_notify tells of all of it.
 */
#ifndef FIRSTRING_NET_WORKERS_H
#define FIRSTRING_NET_WORKERS_H

#include <event2/event.h>

#include "common/base/err.h"

enum { WORKERS_KINDS_MAX = 8 };

/* Handed to a worker's main. */
struct worker {
	const char *kind;
	unsigned index; /* 0..count-1 within its kind */
	unsigned generation; /* grows with each reload */
};

struct worker_kind {
	const char *name;
	unsigned count;
	/* The worker's whole life; its return value is the exit status. Runs after fork, before any
	 * privilege is dropped. It must call worker_signals_new: until then signals wait. */
	int (*run)(const struct worker *worker, void *state);
};

struct workers_config {
	const char *program;
	/* Makes a state (configuration, keys, contexts) from the files: at start and on SIGHUP. It
	 * logs what is wrong. `previous` is the state in force, or NULL. */
	enum err (*load)(void *ctx, void *previous, void **state);
	void (*release)(void *state);
	/* The kinds to run under that state. */
	size_t (*kinds)(void *state, struct worker_kind kinds[WORKERS_KINDS_MAX]);
	unsigned drain_ms; /* after it a draining worker is killed; 30,000 */
	void *ctx;
};

/* Runs until SIGTERM or SIGINT; the exit status of the daemon. A worker that dies is restarted
 * after 100 ms, doubling to 10 s, reset by a minute of life; a worker whose exit status is 78
 * (EX_CONFIG) ends the daemon. */
int workers_run(const struct workers_config *config);

/* 1 in a worker that drains because the whole daemon stops or its parent died, 0 when another
 * generation takes over (or in a process that is no worker). */
int worker_is_stopping(void);

/* In a worker, when it is ready to serve: calls `on_drain` once when the parent asks it to drain
 * (or dies), then expects the loop to end by itself. SIGPIPE, SIGINT and SIGHUP are ignored from
 * here on (the last two are the parent's to act on). A generation counts as up when all its workers
 * have called this. Returns an opaque handle to free.
 */
struct worker_signals;
struct worker_signals *worker_signals_new(
    struct event_base *base, void (*on_drain)(void *ctx), void *ctx);
void worker_signals_free(struct worker_signals *signals);

#endif
