/*
 * ISSUE requests on their way: which step of issue.h is taken when, and where.
 *
 *     checking    the crew looks at rows and proofs of possession
 *     checked     waits for the end of this turn of the loop: then all that wait are reserved and
 *                 share one fsync, during which the crew goes on with others
 *     making      the crew signs
 *
 * Requests are reserved for and answered in the order in which they came; the answer goes out as
 * soon as the request's own rows and those before it are made. A peer that has gone leaves its
 * requests behind: they are dropped when the crew is through with them. Runs on the loop, but for
 * the two functions that the crew calls.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "factory-ca/signer/signer_state.h"

enum {
	SLICE_ROWS = 8, /* of one task: some hundred microseconds */
	SLICES_MAX = (SIGNER_ROWS_MAX + SLICE_ROWS - 1) / SLICE_ROWS,
	GROUP_ROWS = 1024, /* of one fsync */
};
_Static_assert((int)SLICE_ROWS <= (int)ISSUE_SLICE_MAX, "slices fit");
_Static_assert((int)GROUP_ROWS + (int)SIGNER_ROWS_MAX <= (int)LEDGER_GROUP_MAX, "groups fit");

struct slice {
	struct crew_task task;
	struct issuing *issuing;
	size_t first, count; /* rows */
	enum err err; /* of issue_make() */
};

struct issuing {
	TAILQ_ENTRY(issuing) entry;
	struct signer *signer;
	struct peer *peer; /* NULL: it has gone */
	uint32_t id;
	struct issue_job *job;
	enum { ISSUING_CHECKING, ISSUING_CHECKED, ISSUING_MAKING, ISSUING_MADE } step;
	atomic_int is_pointless; /* nobody waits: the crew need not work */
	size_t slice_count, at_work;
	struct slice slices[SLICES_MAX];
};

static void end(struct issuing *issuing)
{
	struct signer *signer = issuing->signer;

	TAILQ_REMOVE(&signer->issuing, issuing, entry);
	signer->issuing_count--;
	issue_job_free(issuing->job);
	free(issuing);
}

static void send_frame(enum signer_message type, const struct buf *payload, void *ctx)
{
	const struct issuing *issuing = ctx;
	/* A lost answer costs the front a repetition: the ledger has the reservation. */
	enum err err = signer_reply(issuing->peer, type, issuing->id, payload);

	(void)err;
}

static void answer(struct issuing *issuing)
{
	if (issuing->peer)
		issue_answer(issuing->job, send_frame, issuing);
	end(issuing);
}

/* Whoever asked first is answered first: of two requests about one phone that is the one that is
 * told of a new certificate. */
static void answer_in_order(struct signer *signer)
{
	struct issuing *first;

	while ((first = TAILQ_FIRST(&signer->issuing)) != NULL && first->step == ISSUING_MADE)
		answer(first);
}

/* --- on the crew ---------------------------------------------------------------------------- */

static struct slice *slice_of(struct crew_task *task)
{
	return (struct slice *)((char *)task - offsetof(struct slice, task));
}

static void check_slice(struct crew_task *task)
{
	struct slice *slice = slice_of(task);

	if (!atomic_load(&slice->issuing->is_pointless))
		issue_check(slice->issuing->job, slice->first, slice->count);
}

static void make_slice(struct crew_task *task)
{
	struct slice *slice = slice_of(task);
	struct issuing *issuing = slice->issuing;

	if (!atomic_load(&issuing->is_pointless))
		slice->err =
		    issue_make(&issuing->signer->issuer, issuing->job, slice->first, slice->count);
}

/* --- on the loop ---------------------------------------------------------------------------- */

static void on_checked(struct crew_task *task)
{
	struct issuing *issuing = slice_of(task)->issuing;

	if (--issuing->at_work > 0)
		return;
	event_active(issuing->signer->group, EV_TIMEOUT, 0);
	if (issuing->peer)
		issuing->step = ISSUING_CHECKED;
	else
		end(issuing);
}

static void on_made(struct crew_task *task)
{
	struct slice *slice = slice_of(task);
	struct issuing *issuing = slice->issuing;

	if (slice->err && !issue_has_failed(issuing->job))
		issue_fail_signing(issuing->job);
	if (--issuing->at_work > 0)
		return;
	issuing->step = ISSUING_MADE;
	answer_in_order(issuing->signer);
}

/* All rows, a slice for each task. */
static void give(struct issuing *issuing, void (*work)(struct crew_task *),
    void (*done)(struct crew_task *), enum crew_turn turn)
{
	size_t i;

	issuing->at_work = issuing->slice_count;
	for (i = 0; i < issuing->slice_count; i++) {
		struct slice *slice = &issuing->slices[i];

		slice->task.work = work;
		slice->task.done = done;
		crew_give(issuing->signer->crew, &slice->task, turn);
	}
}

static void cut_into_slices(struct issuing *issuing)
{
	size_t rows = issue_job_rows(issuing->job), first;

	for (first = 0; first < rows; first += SLICE_ROWS)
		issuing->slices[issuing->slice_count++] = (struct slice){.issuing = issuing,
		    .first = first,
		    .count = rows - first < SLICE_ROWS ? rows - first : SLICE_ROWS};
}

enum err signer_on_issue(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	struct issuing *issuing;
	struct issue_job *job = NULL;
	enum err err = issue_job_new(payload, &job);

	if (err)
		return err;
	if (signer->locked || signer->issuing_count >= SIGNER_QUEUE_JOBS) {
		issue_job_free(job);
		return signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE,
		    signer->locked ? "the signer's keys are locked" : "the signer's queue is full");
	}
	issuing = calloc(1, sizeof(*issuing));
	CHECK(issuing != NULL);
	issuing->signer = signer;
	issuing->peer = peer;
	issuing->id = id;
	issuing->job = job;
	cut_into_slices(issuing);
	TAILQ_INSERT_TAIL(&signer->issuing, issuing, entry);
	signer->issuing_count++;
	if (issue_admit(&signer->issuer, job, clock_unix_s()))
		give(issuing, check_slice, on_checked, CREW_TURN_SECOND);
	else
		answer(issuing);
	return ERR_OK;
}

/* Those that are checked, as many as one group takes. */
static size_t take_checked(struct signer *signer, struct issuing *taken[SIGNER_QUEUE_JOBS])
{
	struct issuing *issuing;
	size_t count = 0, rows = 0;

	TAILQ_FOREACH(issuing, &signer->issuing, entry)
	{
		if (issuing->step > ISSUING_CHECKED)
			continue;
		/* In the order of their arrival, too. */
		if (issuing->step == ISSUING_CHECKING)
			break;
		if (rows >= GROUP_ROWS) {
			event_active(signer->group, EV_TIMEOUT, 0);
			break;
		}
		issuing->step = ISSUING_MAKING;
		rows += issue_job_rows(issuing->job);
		taken[count++] = issuing;
	}
	return count;
}

void signer_run_group(evutil_socket_t fd, short what, void *ctx)
{
	struct signer *signer = ctx;
	struct issuing *taken[SIGNER_QUEUE_JOBS];
	struct issue_job *jobs[SIGNER_QUEUE_JOBS];
	size_t count = take_checked(signer, taken), i;

	(void)fd;
	(void)what;
	for (i = 0; i < count; i++)
		jobs[i] = taken[i]->job;
	if (count > 0)
		issue_reserve(&signer->issuer, jobs, count, clock_unix_s());
	for (i = 0; i < count; i++) {
		if (issue_has_failed(jobs[i]))
			taken[i]->step = ISSUING_MADE;
		else
			give(taken[i], make_slice, on_made, CREW_TURN_FIRST);
	}
	answer_in_order(signer);
	signer_cut_off_deaf_peers(signer);
}

void signer_finish_issuing(struct signer *signer)
{
	while (signer->issuing_count > 0) {
		crew_wait(signer->crew);
		signer_run_group(-1, 0, signer);
	}
}

void signer_forget_issuing(struct signer *signer, const struct peer *peer)
{
	struct issuing *issuing, *next;

	for (issuing = TAILQ_FIRST(&signer->issuing); issuing; issuing = next) {
		next = TAILQ_NEXT(issuing, entry);
		if (peer && issuing->peer != peer)
			continue;
		issuing->peer = NULL;
		atomic_store(&issuing->is_pointless, 1);
		if (issuing->step == ISSUING_CHECKED || issuing->step == ISSUING_MADE)
			end(issuing);
	}
}
