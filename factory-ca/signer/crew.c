/* The crew: two queues of tasks, one of those done, and an eventfd that wakes the loop. Knows
 * nothing of keys or certificates. Runs in the signer. */
#include "factory-ca/signer/crew.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/err.h"

enum { TASKS_PER_TURN = 16 }; /* of a loop that does the work itself, and has others to hear */

TAILQ_HEAD(task_list, crew_task);

struct crew {
	struct event *told; /* tasks are done; without hands: there are tasks */
	int wake_fd; /* an eventfd; -1 without hands */
	unsigned hands;
	pthread_t *threads;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t given, finished;
	struct task_list waiting[CREW_TURN_COUNT], done;
	unsigned present, working; /* hands */
	int is_leaving;
};

static struct crew_task *take(struct crew *crew)
{
	struct crew_task *task = NULL;
	int turn;

	for (turn = 0; turn < CREW_TURN_COUNT && !task; turn++) {
		task = TAILQ_FIRST(&crew->waiting[turn]);
		if (task)
			TAILQ_REMOVE(&crew->waiting[turn], task, entry);
	}
	return task;
}

/* --- a hand --------------------------------------------------------------------------------- */

static void wake_loop(const struct crew *crew)
{
	const uint64_t one = 1;

	/* Fails only when the count is full: then the loop is awake. */
	if (write(crew->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void put_done(struct crew *crew, struct crew_task *task)
{
	int was_empty = TAILQ_EMPTY(&crew->done);

	TAILQ_INSERT_TAIL(&crew->done, task, entry);
	if (was_empty)
		wake_loop(crew);
	CHECK(pthread_cond_signal(&crew->finished) == 0);
}

static void *hand(void *ctx)
{
	struct crew *crew = ctx;
	struct crew_task *task;

	CHECK(pthread_mutex_lock(&crew->lock) == 0);
	crew->present++;
	CHECK(pthread_cond_signal(&crew->finished) == 0);
	while (!crew->is_leaving) {
		task = take(crew);
		if (!task) {
			CHECK(pthread_cond_wait(&crew->given, &crew->lock) == 0);
			continue;
		}
		crew->working++;
		CHECK(pthread_mutex_unlock(&crew->lock) == 0);
		task->work(task);
		CHECK(pthread_mutex_lock(&crew->lock) == 0);
		crew->working--;
		put_done(crew, task);
	}
	CHECK(pthread_mutex_unlock(&crew->lock) == 0);
	return NULL;
}

/* Returns when each hand is past what the C library does at a thread's begin: the list of system
 * calls does not have that. Nor has it what more than one arena of malloc would need (the number
 * of cores, files of /proc). Signals are the loop's. */
static void start_hands(struct crew *crew)
{
	sigset_t all, before;
	unsigned i;

	CHECK(mallopt(M_ARENA_MAX, 1) == 1);
	crew->threads = calloc(crew->hands, sizeof(crew->threads[0]));
	CHECK(crew->threads != NULL && sigfillset(&all) == 0);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	for (i = 0; i < crew->hands; i++)
		CHECK(pthread_create(&crew->threads[i], NULL, hand, crew) == 0);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	CHECK(pthread_mutex_lock(&crew->lock) == 0);
	while (crew->present < crew->hands)
		CHECK(pthread_cond_wait(&crew->finished, &crew->lock) == 0);
	CHECK(pthread_mutex_unlock(&crew->lock) == 0);
}

/* --- the loop ------------------------------------------------------------------------------- */

static void tell_done(struct crew *crew)
{
	struct task_list done;
	struct crew_task *task;

	TAILQ_INIT(&done);
	CHECK(pthread_mutex_lock(&crew->lock) == 0);
	TAILQ_CONCAT(&done, &crew->done, entry);
	CHECK(pthread_mutex_unlock(&crew->lock) == 0);
	while ((task = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, task, entry);
		task->done(task);
	}
}

static void on_told(evutil_socket_t fd, short what, void *ctx)
{
	struct crew *crew = ctx;
	uint64_t count;

	(void)what;
	/* The count says nothing that the list of those done does not. */
	if (read(fd, &count, sizeof(count)) > 0)
		tell_done(crew);
}

/* Without hands. */
static void work_alone(struct crew *crew, int most)
{
	struct crew_task *task;

	while (most-- > 0 && (task = take(crew)) != NULL) {
		task->work(task);
		task->done(task);
	}
}

static int is_waiting(const struct crew *crew)
{
	return !TAILQ_EMPTY(&crew->waiting[CREW_TURN_FIRST]) ||
	       !TAILQ_EMPTY(&crew->waiting[CREW_TURN_SECOND]);
}

static void on_turn_alone(evutil_socket_t fd, short what, void *ctx)
{
	struct crew *crew = ctx;

	(void)fd;
	(void)what;
	work_alone(crew, TASKS_PER_TURN);
	if (is_waiting(crew))
		event_active(crew->told, EV_TIMEOUT, 0);
}

struct crew *crew_new(struct event_base *base, unsigned hands)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	int turn;

	CHECK(crew != NULL);
	crew->hands = hands;
	for (turn = 0; turn < CREW_TURN_COUNT; turn++)
		TAILQ_INIT(&crew->waiting[turn]);
	TAILQ_INIT(&crew->done);
	CHECK(pthread_mutex_init(&crew->lock, NULL) == 0);
	CHECK(pthread_cond_init(&crew->given, NULL) == 0);
	CHECK(pthread_cond_init(&crew->finished, NULL) == 0);
	crew->wake_fd = hands ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	CHECK(!hands || crew->wake_fd >= 0);
	crew->told = hands ? event_new(base, crew->wake_fd, EV_READ | EV_PERSIST, on_told, crew)
			   : event_new(base, -1, 0, on_turn_alone, crew);
	CHECK(crew->told != NULL);
	if (hands) {
		CHECK(event_add(crew->told, NULL) == 0);
		start_hands(crew);
	}
	return crew;
}

void crew_free(struct crew *crew)
{
	unsigned i;

	if (!crew)
		return;
	CHECK(pthread_mutex_lock(&crew->lock) == 0);
	CHECK(!is_waiting(crew) && !crew->working && TAILQ_EMPTY(&crew->done));
	crew->is_leaving = 1;
	CHECK(pthread_cond_broadcast(&crew->given) == 0);
	CHECK(pthread_mutex_unlock(&crew->lock) == 0);
	for (i = 0; i < crew->hands; i++)
		CHECK(pthread_join(crew->threads[i], NULL) == 0);
	event_free(crew->told);
	if (crew->wake_fd >= 0)
		close(crew->wake_fd);
	pthread_cond_destroy(&crew->given);
	pthread_cond_destroy(&crew->finished);
	pthread_mutex_destroy(&crew->lock);
	free(crew->threads);
	free(crew);
}

void crew_give(struct crew *crew, struct crew_task *task, enum crew_turn turn)
{
	CHECK(pthread_mutex_lock(&crew->lock) == 0);
	TAILQ_INSERT_TAIL(&crew->waiting[turn], task, entry);
	CHECK(pthread_cond_signal(&crew->given) == 0);
	CHECK(pthread_mutex_unlock(&crew->lock) == 0);
	if (!crew->hands)
		event_active(crew->told, EV_TIMEOUT, 0);
}

void crew_wait(struct crew *crew)
{
	while (!crew->hands && is_waiting(crew))
		work_alone(crew, TASKS_PER_TURN);
	CHECK(pthread_mutex_lock(&crew->lock) == 0);
	while (is_waiting(crew) || crew->working)
		CHECK(pthread_cond_wait(&crew->finished, &crew->lock) == 0);
	CHECK(pthread_mutex_unlock(&crew->lock) == 0);
	tell_done(crew);
}
