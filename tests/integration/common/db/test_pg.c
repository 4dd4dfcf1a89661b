/*
 * common/db: the pipelined connection against a real server, which is stopped, slow, silent or
 * killed under it. What holds throughout: each submission is called back exactly once.
 */
#include <check.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/db/row.h"
#include "tests/lib/cluster.h"

static const struct pg_statement echo = {"echo", "select $1::int8 as value"};
static const struct pg_statement insert = {"insert", "insert into item values ($1::int8)"};
static const struct pg_statement items = {
    "items", "select coalesce(string_agg(n::text, ' ' order by n), '') from item"};
static const struct pg_statement late = {"late", "insert into late values ($1::int8)"};
static const struct pg_statement set_local = {
    "set_local", "select set_config('firstring.itsp', $1::text, true)"};
static const struct pg_statement get_local = {
    "get_local", "select coalesce(current_setting('firstring.itsp', true), '')"};
static const struct pg_statement sleep_s = {"sleep_s", "select pg_sleep($1::int8)"};
static const struct pg_statement kill_me = {
    "kill_me", "select pg_terminate_backend(pg_backend_pid())"};
static const struct pg_statement blob = {
    "blob", "select $1::bytea as value, length($1::bytea) as length"};
static const struct pg_statement everything = {"everything", "select * from wide"};
static const struct pg_statement program = {
    "program", "select current_setting('application_name')"};
static const struct pg_statement *const statements[] = {&echo, &insert, &items, &late, &set_local,
    &get_local, &sleep_s, &kill_me, &blob, &everything, &program, NULL};
static const struct pg_statement *const blob_only[] = {&blob, NULL};

static struct cluster cluster;
static char tls_port[8];

/* What a test collects. */
enum { ANSWERS_MAX = 8192 };
struct answer {
	int calls; /* how often it was called back: once, always */
	size_t order; /* when, among all */
	enum err err;
	int outcome_unknown;
	char sqlstate[6];
	char text[512]; /* the last statement's first column */
};
static struct answer answers[ANSWERS_MAX];
static size_t answered;
static int64_t give_up_ms;
static struct event_base *base;
static struct pg *pg;
static int ready, state_changes;

static void on_state(int is_ready, void *ctx)
{
	ck_assert_ptr_eq(ctx, &ready);
	ck_assert_int_ne(is_ready, ready);
	ready = is_ready;
	state_changes++;
}

static void on_done(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct answer *answer = ctx;

	answer->calls++;
	answer->order = answered++;
	if (error != NULL) {
		ck_assert_ptr_null(rows);
		ck_assert_int_ne(error->err, ERR_OK);
		ck_assert_str_ne(error->message, "");
		answer->err = error->err;
		answer->outcome_unknown = error->outcome_unknown;
		memcpy(answer->sqlstate, error->sqlstate, sizeof(answer->sqlstate));
	} else if (row_count(rows[count - 1]) > 0) {
		snprintf(answer->text, sizeof(answer->text), "%s", row_text(rows[count - 1], 0, 0));
	}
}

static struct pg_config config(void)
{
	return (struct pg_config){.base = base,
	    .conninfo = cluster.url,
	    .statements = statements,
	    .prepare = 1,
	    .on_state = on_state,
	    .ctx = &ready};
}

static void open_with(struct pg_config c)
{
	pg = pg_new(&c);
	ck_assert_ptr_nonnull(pg);
}

static struct pg_call with_int(const struct pg_statement *statement, int64_t value)
{
	struct pg_params *params = pg_params_new();

	pg_param_int(params, value);
	return (struct pg_call){.statement = statement, .params = params};
}

static struct pg_call with_text(const struct pg_statement *statement, const char *text)
{
	struct pg_params *params = pg_params_new();

	pg_param_text(params, text);
	return (struct pg_call){.statement = statement, .params = params};
}

static struct pg_call plain(const struct pg_statement *statement)
{
	return (struct pg_call){.statement = statement};
}

/* Never called back from within pg_submit. */
static void submit(struct answer *answer, const struct pg_call *calls, size_t count)
{
	size_t before = answered;

	pg_submit(pg, calls, count, on_done, answer);
	ck_assert_uint_eq(answered, before);
}

static void submit_one(struct answer *answer, struct pg_call call)
{
	submit(answer, &call, 1);
}

static void turn(void)
{
	ck_assert_msg(clock_monotonic_ms() < give_up_ms, "took too long");
	struct timeval tick = {.tv_usec = 20000};
	event_base_loopexit(base, &tick);
	event_base_dispatch(base);
}

static void wait_answers(size_t count)
{
	while (answered < count)
		turn();
}

static void wait_ready(int is_ready)
{
	while (ready != is_ready)
		turn();
	ck_assert_int_eq(pg_is_ready(pg), is_ready);
}

static void expect_once_each(size_t count)
{
	/* A second call would come late. */
	for (int i = 0; i < 3; i++)
		turn();
	ck_assert_uint_eq(answered, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(answers[i].calls, 1);
	ck_assert_uint_eq(pg_pending(pg), 0);
}

static void expect_items(const char *expected)
{
	struct answer *answer = &answers[ANSWERS_MAX - 1];

	submit_one(answer, plain(&items));
	while (answer->calls == 0)
		turn();
	ck_assert_str_eq(answer->text, expected);
}

static void setup(void)
{
	give_up_ms = clock_monotonic_ms() + 20000;
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	cluster_sql(&cluster, "truncate item");
}

static void teardown(void)
{
	pg_free(pg);
	event_base_free(base);
}

/* --- pipeline */

START_TEST(thousands_in_order)
{
	struct pg_config c = config();
	c.queue_max = 5000;
	c.prepare = _i;
	open_with(c);
	for (int i = 0; i < 5000; i++) {
		submit_one(&answers[i], with_int(&echo, i));
		/* Some before there is a connection, most after. */
		if (i == 1000)
			wait_ready(1);
	}
	ck_assert_uint_le(pg_pending(pg), 5000);
	wait_answers(5000);
	expect_once_each(5000);
	for (size_t i = 0; i < 5000; i++) {
		ck_assert_int_eq(answers[i].err, ERR_OK);
		ck_assert_uint_eq(answers[i].order, i);
		ck_assert_uint_eq(strtoul(answers[i].text, NULL, 10), i);
	}
}
END_TEST

START_TEST(an_error_undoes_its_own_submission_only)
{
	open_with(config());
	submit_one(&answers[0], with_int(&insert, 1));
	submit(&answers[1],
	    (struct pg_call[]){with_int(&insert, 2), with_int(&insert, 1), with_int(&insert, 3)},
	    3);
	submit(&answers[2], (struct pg_call[]){with_int(&insert, 4), with_int(&insert, 5)}, 2);
	wait_answers(3);
	ck_assert_int_eq(answers[0].err, ERR_OK);
	ck_assert_int_eq(answers[1].err, ERR_EXISTS);
	ck_assert_str_eq(answers[1].sqlstate, "23505");
	ck_assert_int_eq(answers[1].outcome_unknown, 0);
	ck_assert_int_eq(answers[2].err, ERR_OK);
	expect_once_each(3);
	expect_items("1 4 5");
}
END_TEST

/* The constraint speaks at the sync, when every statement has been answered well. */
START_TEST(a_commit_can_fail)
{
	open_with(config());
	submit_one(&answers[0], with_int(&insert, -1));
	submit_one(&answers[1], with_int(&insert, 1));
	wait_answers(2);
	ck_assert_int_eq(answers[0].err, ERR_REFUSED);
	ck_assert_str_eq(answers[0].sqlstate, "P0001");
	ck_assert_int_eq(answers[1].err, ERR_OK);
	expect_once_each(2);
	expect_items("1");
}
END_TEST

START_TEST(a_local_setting_holds_for_its_submission)
{
	open_with(config());
	submit(&answers[0], (struct pg_call[]){with_text(&set_local, "42"), plain(&get_local)}, 2);
	submit_one(&answers[1], plain(&get_local));
	wait_answers(2);
	ck_assert_str_eq(answers[0].text, "42");
	ck_assert_str_eq(answers[1].text, "");
}
END_TEST

static void look_at_blob(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct buf bytes = {0};

	ck_assert_ptr_null(error);
	ck_assert_int_eq(row_int(rows[0], 0, row_column(rows[0], "length")), 3000000);
	row_bytes(rows[0], 0, row_column(rows[0], "value"), &bytes);
	ck_assert_uint_eq(bytes.len, 3000000);
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.bytes[i] != (uint8_t)(i * 31))
			ck_abort_msg("byte %zu differs", i);
	buf_free(&bytes);
	on_done(error, rows, count, ctx);
}

/* Far more than the socket holds, both ways at once: a client that only writes would stand still.
 */
static void megabytes_both_ways(void)
{
	enum { LEN = 3000000 };
	uint8_t *bytes = malloc(LEN);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(i * 31);
	for (int i = 0; i < 6; i++) {
		struct pg_call call = {.statement = &blob, .params = pg_params_new()};

		pg_param_bytea(call.params, bytes, LEN);
		pg_submit(pg, &call, 1, look_at_blob, &answers[i]);
	}
	wait_answers(6);
	expect_once_each(6);
	free(bytes);
}

START_TEST(megabytes_both_ways_at_once)
{
	open_with(config());
	megabytes_both_ways();
}
END_TEST

START_TEST(megabytes_both_ways_over_tls)
{
	struct pg_config c = config();
	char conninfo[512];

	snprintf(conninfo, sizeof(conninfo),
	    "hostaddr=127.0.0.1 port=%s sslmode=require user=postgres dbname=postgres", tls_port);
	c.conninfo = conninfo;
	c.statements = blob_only;
	open_with(c);
	megabytes_both_ways();
}
END_TEST

START_TEST(the_program_is_known_to_the_server)
{
	open_with(config());
	submit_one(&answers[0], plain(&program));
	wait_answers(1);
	ck_assert_str_eq(answers[0].text, "test_pg");
}
END_TEST

/* --- faults */

/* One answers that it was killed; the others would never hear of it. Those that the death was known
 * to before they were sent go to the next server session, and are done. */
START_TEST(a_dead_backend_fails_each_once_and_is_replaced)
{
	open_with(config());
	wait_ready(1);
	submit_one(&answers[0], with_int(&echo, 0));
	submit_one(&answers[1], plain(&kill_me));
	for (int i = 2; i < 102; i++)
		submit_one(&answers[i], with_int(&insert, i));
	wait_answers(102);
	expect_once_each(102);
	ck_assert_int_eq(answers[0].err, ERR_OK);
	ck_assert_int_eq(answers[1].err, ERR_UNAVAILABLE);
	char done[512] = "";
	for (int i = 2; i < 102; i++) {
		size_t len = strlen(done);

		ck_assert(answers[i].err == ERR_OK || answers[i].err == ERR_UNAVAILABLE);
		ck_assert_int_eq(answers[i].outcome_unknown, answers[i].err != ERR_OK);
		if (answers[i].err == ERR_OK)
			snprintf(done + len, sizeof(done) - len, "%s%d", len > 0 ? " " : "", i);
	}
	wait_ready(1);
	ck_assert_int_eq(state_changes, 3);
	expect_items(done);
}
END_TEST

static void submit_from_callback(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	on_done(error, rows, count, ctx);
	submit_one(&answers[50], with_int(&echo, 50));
}

START_TEST(a_callback_told_of_the_loss_may_submit)
{
	open_with(config());
	wait_ready(1);
	pg_submit(pg, (struct pg_call[]){plain(&kill_me)}, 1, submit_from_callback, &answers[0]);
	wait_answers(2);
	ck_assert_int_eq(answers[0].err, ERR_UNAVAILABLE);
	ck_assert_int_eq(answers[50].err, ERR_OK);
	ck_assert_str_eq(answers[50].text, "50");
}
END_TEST

START_TEST(a_server_that_comes_back_is_found_again)
{
	open_with(config());
	wait_ready(1);
	cluster_stop(&cluster);
	wait_ready(0);
	submit_one(&answers[0], with_int(&echo, 1));
	for (int i = 0; i < 20; i++)
		turn();
	ck_assert_uint_eq(answered, 0);
	cluster_start(&cluster);
	wait_answers(1);
	ck_assert_int_eq(answers[0].err, ERR_OK);
	ck_assert_int_eq(ready, 1);
}
END_TEST

START_TEST(no_server_before_the_deadline)
{
	struct pg_config c = config();
	c.conninfo = "host=/nonexistent dbname=postgres";
	c.deadline_ms = 300;
	open_with(c);
	int64_t began_ms = clock_monotonic_ms();
	for (int i = 0; i < 10; i++)
		submit_one(&answers[i], with_int(&echo, i));
	wait_answers(10);
	expect_once_each(10);
	ck_assert_int_ge(clock_monotonic_ms() - began_ms, 300);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(answers[i].err, ERR_UNAVAILABLE);
		ck_assert_int_eq(answers[i].outcome_unknown, 0);
	}
	ck_assert_int_eq(state_changes, 0);
}
END_TEST

/* The stuck one passes its deadline; those behind it are stuck with it; the next connection is
 * another one. */
START_TEST(a_stuck_statement_is_left_behind)
{
	struct pg_config c = config();
	c.deadline_ms = 400;
	open_with(c);
	wait_ready(1);
	int64_t began_ms = clock_monotonic_ms();
	submit_one(&answers[0], with_int(&sleep_s, 5));
	while (clock_monotonic_ms() - began_ms < 200)
		turn();
	for (int i = 1; i < 10; i++)
		submit_one(&answers[i], with_int(&insert, i));
	wait_answers(10);
	expect_once_each(10);
	ck_assert_int_eq(answers[0].err, ERR_TIMEOUT);
	ck_assert_int_eq(answers[0].outcome_unknown, 1);
	for (int i = 1; i < 10; i++) {
		ck_assert_int_eq(answers[i].err, ERR_UNAVAILABLE);
		ck_assert_int_eq(answers[i].outcome_unknown, 1);
	}
	submit_one(&answers[10], with_int(&echo, 10));
	wait_answers(11);
	ck_assert_int_eq(answers[10].err, ERR_OK);
	ck_assert_int_lt(clock_monotonic_ms() - began_ms, 2000);
}
END_TEST

/* It accepts, and says nothing. */
START_TEST(a_silent_server_is_given_up)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char conninfo[512];
	struct pg_config c = config();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.1", cluster.folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	snprintf(conninfo, sizeof(conninfo), "host=%s port=1 dbname=postgres", cluster.folder);
	c.conninfo = conninfo;
	c.connect_ms = 200;
	open_with(c);
	/* Two attempts, one after the other. */
	for (int attempts = 0; attempts < 2;) {
		turn();
		if (accept(fd, NULL, NULL) >= 0)
			attempts++;
	}
	ck_assert_int_eq(state_changes, 0);
	close(fd);
	unlink(address.sun_path);
}
END_TEST

/* libpq goes on to the second server with another socket. */
START_TEST(the_second_server_of_a_list)
{
	struct pg_config c = config();
	char conninfo[1024];

	/* Nobody listens on port 9. */
	snprintf(conninfo, sizeof(conninfo),
	    "hostaddr=127.0.0.1,127.0.0.1 port=9,%s user=postgres dbname=postgres", tls_port);
	c.statements = blob_only;
	c.conninfo = conninfo;
	open_with(c);
	wait_ready(1);
}
END_TEST

START_TEST(a_schema_that_is_too_old_is_not_ready)
{
	cluster_sql(&cluster, "drop table late");
	open_with(config());
	submit_one(&answers[0], with_int(&echo, 1));
	for (int i = 0; i < 25; i++)
		turn();
	ck_assert_int_eq(state_changes, 0);
	ck_assert_uint_eq(answered, 0);
	cluster_sql(&cluster, "create table late (n int8)");
	wait_answers(1);
	ck_assert_int_eq(answers[0].err, ERR_OK);
	ck_assert_int_eq(ready, 1);
}
END_TEST

START_TEST(a_plan_that_a_migration_broke_is_made_anew)
{
	open_with(config());
	submit_one(&answers[0], plain(&everything));
	wait_answers(1);
	ck_assert_int_eq(answers[0].err, ERR_OK);
	cluster_sql(&cluster, "alter table wide add column more int8 default 1");
	submit_one(&answers[1], plain(&everything));
	submit_one(&answers[2], with_int(&insert, 7));
	wait_answers(3);
	/* Sent again on a new connection; what was behind it is done once. */
	ck_assert_int_eq(answers[1].err, ERR_OK);
	ck_assert_int_eq(answers[2].err, ERR_OK);
	submit_one(&answers[3], plain(&everything));
	wait_answers(4);
	expect_once_each(4);
	ck_assert_int_eq(answers[3].err, ERR_OK);
	expect_items("7");
}
END_TEST

/* --- bounds and the end */

START_TEST(the_queue_has_a_bound)
{
	struct pg_config c = config();
	c.queue_max = 10;
	open_with(c);
	for (int i = 0; i < 15; i++)
		submit_one(&answers[i], with_int(&echo, i));
	wait_answers(15);
	expect_once_each(15);
	for (int i = 0; i < 15; i++)
		ck_assert_int_eq(answers[i].err, i < 10 ? ERR_OK : ERR_FULL);
	submit_one(&answers[15], with_int(&echo, 15));
	wait_answers(16);
	ck_assert_int_eq(answers[15].err, ERR_OK);
}
END_TEST

/* With and without a connection. */
START_TEST(closing_tells_everybody)
{
	open_with(config());
	if (_i)
		wait_ready(1);
	for (int i = 0; i < 20; i++)
		submit_one(&answers[i], with_int(&sleep_s, 1));
	ck_assert_uint_eq(pg_pending(pg), 20);
	pg_free(pg);
	pg = NULL;
	ck_assert_uint_eq(answered, 20);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(answers[i].calls, 1);
		ck_assert_int_eq(answers[i].err, ERR_CLOSED);
		ck_assert_int_eq(answers[i].outcome_unknown, _i);
	}
}
END_TEST

static void close_from_callback(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	on_done(error, rows, count, ctx);
	if (pg != NULL) {
		struct pg *closing = pg;

		/* One more, to the handle that is about to close, and one that is closing. */
		submit_one(&answers[100], with_int(&echo, 1));
		pg = NULL;
		pg_free(closing);
	}
}

/* From the callback of an answer, of a lost connection, of a refused submission. */
START_TEST(closing_from_a_callback)
{
	static const struct pg_statement *const first[] = {&get_local, &kill_me};
	struct pg_config c = config();

	if (_i == 2)
		c.queue_max = 1;
	open_with(c);
	wait_ready(1);
	for (int i = 0; i < 5; i++)
		pg_submit(pg, (struct pg_call[]){plain(first[_i % 2])}, 1, close_from_callback,
		    &answers[i]);
	wait_answers(6);
	for (int i = 0; i < 3; i++)
		turn();
	ck_assert_uint_eq(answered, 6);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(answers[i].calls, 1);
	ck_assert_int_eq(answers[100].err, _i == 2 ? ERR_FULL : ERR_CLOSED);
}
END_TEST

/* --- commands and connection strings */

static void use_value(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	ck_assert_uint_eq(count, 2);
	*(int64_t *)ctx = row_int(rows[1], 0, row_column(rows[1], "value"));
}

START_TEST(a_command_runs_one_transaction)
{
	struct pg_error error;
	int64_t value = 0;

	ck_assert_int_eq(
	    pg_run_once(cluster.url, (struct pg_call[]){with_int(&insert, 3), with_int(&echo, 8)},
		2, use_value, &value, &error),
	    ERR_OK);
	ck_assert_int_eq(value, 8);
	open_with(config());
	expect_items("3");
}
END_TEST

START_TEST(a_command_without_a_server_fails_at_once)
{
	struct pg_error error;
	int64_t began_ms = clock_monotonic_ms();

	ck_assert_int_eq(pg_run_once("host=/nonexistent", (struct pg_call[]){with_int(&echo, 8)}, 1,
			     NULL, NULL, &error),
	    ERR_UNAVAILABLE);
	ck_assert_int_lt(clock_monotonic_ms() - began_ms, 1000);
	ck_assert_ptr_nonnull(strstr(error.message, "/nonexistent"));
}
END_TEST

static const struct {
	const char *conninfo;
	const char *why; /* a part of the reason; NULL: accepted */
} strings[] = {
    {"host=/run/postgresql dbname=firstring", NULL},
    {"host=/run/a,/run/b target_session_attrs=read-write", NULL},
    {"host=@abstract", NULL},
    {"hostaddr=192.0.2.1 password='a b'", NULL},
    {"hostaddr=2001:db8::1", NULL},
    {"host=db.example.net hostaddr=192.0.2.1 sslmode=verify-full", NULL},
    {"host=db1.example.net,db2.example.net hostaddr=192.0.2.1,192.0.2.2", NULL},
    {"host=127.0.0.1", NULL},
    {"postgresql://me@127.0.0.1:5433/firstring", NULL},
    {"postgresql:///firstring?host=/run/postgresql", NULL},
    {"host=localhost", "host \"localhost\" is a name"},
    {"host=/run/postgresql,db.example.net", "host \"db.example.net\" is a name"},
    {"host=db1,db2 hostaddr=192.0.2.1,", "host \"db2\" is a name"},
    {"postgresql://db.example.net/firstring", "host \"db.example.net\" is a name"},
    {"", "names no server"},
    {"dbname=firstring", "names no server"},
    {"host=/run/postgresql password=se cret", "is not a PostgreSQL connection string"},
    {"host=/run/postgresql hots=1", "is not a PostgreSQL connection string"},
};

START_TEST(connection_strings)
{
	char why[256] = "";
	enum err err = pg_check_conninfo(strings[_i].conninfo, why, sizeof(why));

	ck_assert_ptr_null(strstr(why, "cret"));
	if (strings[_i].why == NULL) {
		ck_assert_msg(err == ERR_OK, "%s: %s", strings[_i].conninfo, why);
		return;
	}
	ck_assert_int_eq(err, ERR_SYNTAX);
	ck_assert_msg(strstr(why, strings[_i].why) != NULL, "%s", why);
}
END_TEST

static void add_tests(Suite *suite)
{
	TCase *pipeline = tcase_create("pipeline"), *faults = tcase_create("faults"),
	      *bounds = tcase_create("bounds"), *commands = tcase_create("commands");
	TCase *const all[] = {pipeline, faults, bounds, commands};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		tcase_add_checked_fixture(all[i], setup, teardown);
		tcase_set_timeout(all[i], 30);
		suite_add_tcase(suite, all[i]);
	}
	tcase_add_loop_test(pipeline, thousands_in_order, 0, 2);
	tcase_add_test(pipeline, an_error_undoes_its_own_submission_only);
	tcase_add_test(pipeline, a_commit_can_fail);
	tcase_add_test(pipeline, a_local_setting_holds_for_its_submission);
	tcase_add_test(pipeline, megabytes_both_ways_at_once);
	tcase_add_test(pipeline, megabytes_both_ways_over_tls);
	tcase_add_test(pipeline, the_program_is_known_to_the_server);
	tcase_add_test(faults, a_dead_backend_fails_each_once_and_is_replaced);
	tcase_add_test(faults, a_callback_told_of_the_loss_may_submit);
	tcase_add_test(faults, a_server_that_comes_back_is_found_again);
	tcase_add_test(faults, no_server_before_the_deadline);
	tcase_add_test(faults, a_stuck_statement_is_left_behind);
	tcase_add_test(faults, a_silent_server_is_given_up);
	tcase_add_test(faults, the_second_server_of_a_list);
	tcase_add_test(faults, a_schema_that_is_too_old_is_not_ready);
	tcase_add_test(faults, a_plan_that_a_migration_broke_is_made_anew);
	tcase_add_test(bounds, the_queue_has_a_bound);
	tcase_add_loop_test(bounds, closing_tells_everybody, 0, 2);
	tcase_add_loop_test(bounds, closing_from_a_callback, 0, 3);
	tcase_add_test(commands, a_command_runs_one_transaction);
	tcase_add_test(commands, a_command_without_a_server_fails_at_once);
	tcase_add_loop_test(commands, connection_strings, 0, sizeof(strings) / sizeof(strings[0]));
}

int main(void)
{
	Suite *suite = suite_create("pg");
	SRunner *runner = srunner_create(suite);

	cluster_new(&cluster);
	shell(tls_port, sizeof(tls_port), "tests/lib/tls-cluster start %s/tls", cluster.folder);
	cluster_sql(&cluster,
	    "create table item (n int8 primary key);"
	    "create table late (n int8);"
	    "create table wide as select 1 as one;"
	    "create function positive() returns trigger language plpgsql as "
	    "'begin if new.n < 0 then raise exception ''negative''; end if; return null; end';"
	    "create constraint trigger positive after insert on item deferrable initially "
	    "deferred for each row execute function positive()");
	add_tests(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	shell(NULL, 0, "tests/lib/tls-cluster stop %s/tls", cluster.folder);
	cluster_free(&cluster);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
