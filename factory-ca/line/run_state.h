/* What the threads of a run share. Private to the files of a run. */
#ifndef FIRSTRING_FACTORY_CA_LINE_RUN_STATE_H
#define FIRSTRING_FACTORY_CA_LINE_RUN_STATE_H

#include <pthread.h>

#include "factory-ca/line/front_call.h"
#include "factory-ca/line/journal.h"
#include "factory-ca/line/run.h"
#include "factory-ca/line/store.h"

struct line_run {
	const struct line_job *job;
	char model[65];
	uint32_t key_types; /* that the order takes, as a set; 0: not told */
	struct line_phones phones;
	struct store store;
	struct journal journal;
	struct secret pkcs12_password;
	X509 *station;
	EVP_PKEY *station_key; /* with --server-keys */
	struct buf label_template;
	const char *order_advice; /* where the order is over: what helps; else NULL */
	int64_t started_ms;

	pthread_mutex_t lock; /* what is below, and journal and phones' states while threads run */
	size_t next; /* of phones.items */
	size_t before, done, refused, verified, unverified;
	size_t not_reworked; /* a new key was asked for, and not granted */
	size_t unverifiable; /* done, and the key is not here */
	size_t without_key; /* done, and no key here to make a PKCS#12 of */
	int64_t last_answer_ms; /* when the factory was last heard of */
	int is_away;
	int stop; /* an exit status; 0: go on */
	size_t running; /* threads */
};

/* Stops the run: the first reason counts, and is said. Any thread. */
void line_run_stop(struct line_run *run, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int line_run_is_stopping(struct line_run *run);

/* Takes up to `max` phones that `is_wanted`; 0: there are no more. */
size_t line_run_take(struct line_run *run, int (*is_wanted)(const struct line_phone *phone),
    struct line_phone **taken, size_t max);

/* The factory, or we ourselves, do not take the phone: says so with what to do about it. Any
 * thread. */
void line_refuse(
    struct line_run *run, struct line_phone *phone, const char *code, const char *detail);
/* After a call, with how it ended: 1 when it is to be made again, after a pause. `attempt` counts
 * those that brought nothing. The run was stopped where asking again is of no use. Any thread. */
int line_is_to_ask_again(
    struct line_run *run, enum err err, const struct front_outcome *outcome, unsigned attempt);

/* What can be checked before the first key is made: an exit status, told. line_check() does all of
 * it, with line_check_order(): the order as the factory has it, and the chain. */
int line_check(struct line_run *run);
int line_check_order(struct line_run *run);
/* Whether the order takes keys of that type, as far as it was told. */
int line_run_takes_key(const struct line_run *run, enum key_type type);

/* Marks the listed phones that are to get a new key; returns how many. */
size_t line_rework_begin(struct line_run *run);

/* Writes labels and the list of refused phones: an exit status, told. */
int line_write_results(const struct line_run *run);

/* The life of a thread that gets certificates for new keys of phones that have one, of one that
 * gets them for all others, of one that asks whether those of earlier runs still
 * count, and of one that verifies them. */
void line_rework_run(struct line_run *run);
void line_chunks_run(struct line_run *run);
void line_refresh_run(struct line_run *run);
void line_verify_run(struct line_run *run);

#endif
