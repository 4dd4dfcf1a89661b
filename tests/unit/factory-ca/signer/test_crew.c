/* The crew: every task is worked on once, away from the loop where there are hands, and told on it.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "common/base/err.h"
#include "factory-ca/signer/crew.h"
#include "tests/lib/unit.h"

enum { TASKS = 500 };

static struct event_base *base;
static struct crew *crew;
static pthread_t loop;
static atomic_int worked;
static int done, given_again;

struct job {
	struct crew_task task;
	int number;
	int is_worked, is_done, by_loop;
};
static struct job jobs[TASKS];
static int order[TASKS];

static struct job *job_of(struct crew_task *task)
{
	return (struct job *)((char *)task - offsetof(struct job, task));
}

static void work(struct crew_task *task)
{
	struct job *job = job_of(task);

	job->is_worked++;
	job->by_loop = pthread_equal(pthread_self(), loop) != 0;
	atomic_fetch_add(&worked, 1);
}

static void on_done(struct crew_task *task)
{
	struct job *job = job_of(task);

	ck_assert(pthread_equal(pthread_self(), loop));
	ck_assert_int_eq(job->is_worked, 1);
	order[done++] = job->number;
	job->is_done++;
	if (done == TASKS)
		event_base_loopbreak(base);
}

/* The second half of the work is given by whoever has done the first. */
static void on_half_done(struct crew_task *task)
{
	struct job *job = job_of(task);

	ck_assert(pthread_equal(pthread_self(), loop));
	job->is_worked = 0;
	job->task.done = on_done;
	given_again++;
	crew_give(crew, task, CREW_TURN_FIRST);
}

static const unsigned hands[] = {0, 1, 2, 5};

static void begin(int i)
{
	base = event_base_new();
	loop = pthread_self();
	crew = crew_new(base, hands[i]);
}

static void end(void)
{
	crew_free(crew);
	event_base_free(base);
}

static void give_all(void (*first_done)(struct crew_task *))
{
	int i;

	for (i = 0; i < TASKS; i++) {
		jobs[i].number = i;
		jobs[i].task.work = work;
		jobs[i].task.done = first_done;
		crew_give(crew, &jobs[i].task, CREW_TURN_SECOND);
	}
	ck_assert_int_eq(done, 0);
}

START_TEST(every_task_is_done_once_and_told_on_the_loop)
{
	int i;

	begin(_i);
	give_all(on_half_done);
	event_base_dispatch(base);
	ck_assert_int_eq(atomic_load(&worked), 2 * TASKS);
	ck_assert_int_eq(given_again, TASKS);
	for (i = 0; i < TASKS; i++) {
		ck_assert_int_eq(jobs[i].is_done, 1);
		ck_assert_int_eq(jobs[i].by_loop, hands[_i] == 0);
	}
	end();
}
END_TEST

START_TEST(waiting_ends_when_all_is_told)
{
	begin(_i);
	crew_wait(crew);
	give_all(on_done);
	crew_wait(crew);
	ck_assert_int_eq(done, TASKS);
	crew_wait(crew);
	ck_assert_int_eq(atomic_load(&worked), TASKS);
	end();
}
END_TEST

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void work_behind_the_gate(struct crew_task *task)
{
	CHECK(pthread_mutex_lock(&gate) == 0);
	CHECK(pthread_mutex_unlock(&gate) == 0);
	work(task);
}

/* One hand that is held up: of what gathers meanwhile, the first turn goes before the second. */
START_TEST(the_first_turn_goes_first)
{
	int i;

	begin(1);
	CHECK(pthread_mutex_lock(&gate) == 0);
	for (i = 0; i < 10; i++) {
		jobs[i].number = i;
		jobs[i].task.work = i == 0 ? work_behind_the_gate : work;
		jobs[i].task.done = on_done;
		crew_give(crew, &jobs[i].task, i < 5 ? CREW_TURN_SECOND : CREW_TURN_FIRST);
	}
	CHECK(pthread_mutex_unlock(&gate) == 0);
	crew_wait(crew);
	ck_assert_int_eq(done, 10);
	for (i = 0; i < 10; i++)
		if (order[i] >= 1 && order[i] <= 4)
			break;
	/* The held one may have been taken before or after the others came. */
	ck_assert_int_ge(i, 5);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crew");
	TCase *tests = tcase_create("crew");

	tcase_add_loop_test(tests, every_task_is_done_once_and_told_on_the_loop, 0, COUNT(hands));
	tcase_add_loop_test(tests, waiting_ends_when_all_is_told, 0, COUNT(hands));
	tcase_add_test(tests, the_first_turn_goes_first);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
