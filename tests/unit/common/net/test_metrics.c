/*
 * Counting across processes, and the text that a collector reads.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/metrics.h"
#include "tests/lib/unit.h"

enum { ANSWERS, OPEN, LATENCY, WAITING };

static const char *const OUTCOMES[] = {"given", "refused", NULL};
static const struct metric METRICS[] = {
    [ANSWERS] = {"t_answers_total", METRIC_COUNTER, "Answers.", "outcome", OUTCOMES},
    [OPEN] = {"t_open", METRIC_GAUGE, "Open connections.", NULL, NULL},
    [LATENCY] = {"t_latency_seconds", METRIC_HISTOGRAM, "Time to answer.", "outcome", OUTCOMES},
    [WAITING] = {"t_waiting", METRIC_GAUGE_SUM, "Waiting.", "outcome", OUTCOMES},
};

static void set_up(void)
{
	metrics_init(METRICS, 4);
}

static void in_child(void (*work)(void))
{
	int status = 0;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void count_some(void)
{
	for (int i = 0; i < 1000; i++)
		metrics_add(ANSWERS, 1, 1);
}

START_TEST(test_processes_count_together)
{
	metrics_add(ANSWERS, 1, 5);
	in_child(count_some);
	in_child(count_some);
	ck_assert_uint_eq(metrics_value(ANSWERS, 1), 2005);
	ck_assert_uint_eq(metrics_value(ANSWERS, 0), 0);
}
END_TEST

static void wait_for_some(void)
{
	metrics_set(WAITING, 1, 30);
	metrics_set(WAITING, 1, 4);
	metrics_set(WAITING, 0, 1);
}

static pid_t child_of(void (*work)(void))
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		work();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	return pid;
}

static int text_has(const char *line)
{
	struct buf text = {0};
	metrics_write(&text);
	int has = strstr((const char *)text.bytes, line) != NULL;
	buf_free(&text);
	return has;
}

START_TEST(test_a_share_goes_with_its_process)
{
	metrics_set(WAITING, 1, 3);
	pid_t first = child_of(wait_for_some), second = child_of(wait_for_some);
	ck_assert(text_has("# TYPE t_waiting gauge\n"));
	ck_assert(text_has("t_waiting{outcome=\"refused\"} 11\n"));
	ck_assert(text_has("t_waiting{outcome=\"given\"} 2\n"));
	metrics_forget_process(first);
	ck_assert(text_has("t_waiting{outcome=\"refused\"} 7\n"));
	metrics_forget_process(second);
	metrics_set(WAITING, 1, -1);
	ck_assert(text_has("t_waiting{outcome=\"refused\"} -1\n"));
	ck_assert(text_has("t_waiting{outcome=\"given\"} 0\n"));
}
END_TEST

START_TEST(test_the_text_is_prometheus)
{
	struct buf text = {0};
	metrics_add(ANSWERS, 0, 2);
	metrics_set(OPEN, 0, -3);
	metrics_observe_us(LATENCY, 1, 100);
	metrics_observe_us(LATENCY, 1, 101);
	metrics_observe_us(LATENCY, 1, 20 * 1000 * 1000);
	ck_assert_uint_eq(metrics_value(LATENCY, 1), 3);
	metrics_write(&text);
	const char *seen = (const char *)text.bytes;
	static const char *const expected[] = {
	    "# HELP t_answers_total Answers.\n# TYPE t_answers_total counter\nt_answers_total{",
	    "\nt_answers_total{outcome=\"given\"} 2\nt_answers_total{outcome=\"refused\"} 0\n",
	    "# TYPE t_open gauge\nt_open -3\n",
	    "# TYPE t_latency_seconds histogram\n",
	    "t_latency_seconds_bucket{outcome=\"refused\",le=\"0.000100\"} 1\n",
	    "t_latency_seconds_bucket{outcome=\"refused\",le=\"0.000250\"} 2\n",
	    "t_latency_seconds_bucket{outcome=\"refused\",le=\"10.000000\"} 2\n",
	    "t_latency_seconds_bucket{outcome=\"refused\",le=\"+Inf\"} 3\n",
	    "t_latency_seconds_sum{outcome=\"refused\"} 20.000201\n",
	    "t_latency_seconds_count{outcome=\"refused\"} 3\n",
	    "t_latency_seconds_count{outcome=\"given\"} 0\n",
	};
	for (size_t i = 0; i < COUNT(expected); i++)
		ck_assert_msg(
		    strstr(seen, expected[i]) != NULL, "%s is not in\n%s", expected[i], seen);
	buf_free(&text);
}
END_TEST

static pid_t child_pid;

static void be_unready(void)
{
	metrics_set_ready("database", 0);
	metrics_set_ready("keys", 1);
}

START_TEST(test_ready_is_what_all_processes_say)
{
	struct buf why = {0};
	ck_assert_int_eq(metrics_is_ready(NULL), 1);
	metrics_set_ready("database", 1);
	child_pid = fork();
	if (child_pid == 0) {
		be_unready();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child_pid, NULL, 0), child_pid);
	ck_assert_int_eq(metrics_is_ready(&why), 0);
	ck_assert_ptr_nonnull(strstr((const char *)why.bytes, "database not ready in process"));
	ck_assert_ptr_null(strstr((const char *)why.bytes, "keys"));
	metrics_forget_process(child_pid);
	ck_assert_int_eq(metrics_is_ready(NULL), 1);
	metrics_set_ready("database", 0);
	ck_assert_int_eq(metrics_is_ready(NULL), 0);
	metrics_set_ready("database", 1);
	ck_assert_int_eq(metrics_is_ready(NULL), 1);
	buf_free(&why);
}
END_TEST

START_TEST(test_nothing_counts_before_there_is_a_table)
{
	struct buf text = {0};
	metrics_add(7, 7, 1);
	metrics_set(7, 7, 1);
	metrics_observe_us(7, 7, 1);
	metrics_set_ready("database", 0);
	ck_assert_int_eq(metrics_is_ready(NULL), 1);
	ck_assert_uint_eq(metrics_value(7, 7), 0);
	metrics_write(&text);
	ck_assert_uint_eq(text.len, 0);
}
END_TEST

START_TEST(test_a_label_beyond_the_table_aborts)
{
	metrics_add(ANSWERS, 2, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tcase = tcase_create("with a table");
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, test_processes_count_together);
	tcase_add_test(tcase, test_a_share_goes_with_its_process);
	tcase_add_test(tcase, test_the_text_is_prometheus);
	tcase_add_test(tcase, test_ready_is_what_all_processes_say);
	tcase_add_test_raise_signal(tcase, test_a_label_beyond_the_table_aborts, SIGABRT);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("without");
	tcase_add_test(tcase, test_nothing_counts_before_there_is_a_table);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
