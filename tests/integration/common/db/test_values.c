/* common/db: what goes in as a parameter comes out as a column, whatever bytes it is made of. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/db/row.h"
#include "tests/lib/cluster.h"

static struct cluster cluster;

/* Runs one statement; the rows are looked at in `use`. */
static enum err run(const char *sql, struct pg_params *params,
    void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx), void *ctx,
    struct pg_error *error)
{
	const struct pg_statement statement = {"once", sql};

	return pg_run_once(cluster.url,
	    &(struct pg_call){.statement = &statement, .params = params}, 1, use, ctx, error);
}

static void run_well(const char *sql, struct pg_params *params,
    void (*use)(const struct pg_rows *const *rows, size_t count, void *ctx), void *ctx)
{
	struct pg_error error;

	ck_assert_msg(run(sql, params, use, ctx, &error) == ERR_OK, "%s: %s", sql, error.message);
}

static const char *const texts[] = {"", "plain", "it's", "\"quoted\"", "back\\slash", "a,b", "{a}",
    "NULL", "null", " spaces ", "line\nbreak\ttab", "\\x00", "%s%n", "$1", "Gr\303\274\303\237e",
    "\xf0\x9f\x93\x9e"};
enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

static void use_text(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(row_count(rows[0]), 1);
	ck_assert_str_eq(row_text(rows[0], 0, row_column(rows[0], "value")), ctx);
}

START_TEST(text_of_every_kind)
{
	struct pg_params *params = pg_params_new();

	pg_param_text(params, texts[_i]);
	run_well("select $1::text as value", params, use_text, (void *)(uintptr_t)texts[_i]);
}
END_TEST

static void use_scalars(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	const struct pg_rows *r = rows[0];
	struct buf bytes = {0};
	struct mac mac;
	uint8_t uuid[16], exact[4];
	(void)ctx;

	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(row_int(r, 0, row_column(r, "low")), INT64_MIN);
	ck_assert_int_eq(row_int(r, 0, row_column(r, "high")), INT64_MAX);
	ck_assert_int_eq(row_bool(r, 0, row_column(r, "yes")), 1);
	ck_assert_int_eq(row_bool(r, 0, row_column(r, "no")), 0);
	row_bytes(r, 0, row_column(r, "bytes"), &bytes);
	ck_assert_uint_eq(bytes.len, 4);
	ck_assert_mem_eq(bytes.bytes, "\0\\'\xff", 4);
	ck_assert_int_eq(row_bytes_exact(r, 0, row_column(r, "bytes"), exact, 4), 1);
	ck_assert_mem_eq(exact, "\0\\'\xff", 4);
	ck_assert_int_eq(row_bytes_exact(r, 0, row_column(r, "bytes"), exact, 3), 0);
	row_bytes(r, 0, row_column(r, "empty"), &bytes);
	ck_assert_uint_eq(bytes.len, 0);
	ck_assert_int_eq(row_is_null(r, 0, row_column(r, "empty")), 0);
	row_mac(r, 0, row_column(r, "mac"), &mac);
	ck_assert_mem_eq(mac.octets, "\x00\x15\x65\xaa\xbb\xcc", 6);
	row_uuid(r, 0, row_column(r, "uuid"), uuid);
	ck_assert_mem_eq(
	    uuid, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
	buf_free(&bytes);
}

START_TEST(scalars)
{
	struct pg_params *params = pg_params_new();

	pg_param_int(params, INT64_MIN);
	pg_param_int(params, INT64_MAX);
	pg_param_bool(params, 7);
	pg_param_bool(params, 0);
	pg_param_bytea(params, "\0\\'\xff", 4);
	pg_param_bytea(params, "", 0);
	pg_param_mac(params, &(struct mac){{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}});
	pg_param_uuid(params, (const uint8_t *)"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb"
					       "\xcc\xdd\xee\xff");
	run_well("select $1::int8 as low, $2::int8 as high, $3::bool as yes, $4::bool as no, "
		 "$5::bytea as bytes, $6::bytea as empty, $7::macaddr as mac, $8::uuid as uuid",
	    params, use_scalars, NULL);
}
END_TEST

static void use_nulls(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	const struct pg_rows *r = rows[0];
	struct buf bytes = {0};
	struct mac mac;
	uint8_t uuid[16];
	(void)count;
	(void)ctx;

	for (int column = 0; column < 7; column++)
		ck_assert_int_eq(row_is_null(r, 0, column), 1);
	ck_assert_str_eq(row_text(r, 0, 0), "");
	ck_assert_int_eq(row_int(r, 0, 1), 0);
	ck_assert_int_eq(row_bool(r, 0, 2), 0);
	row_bytes(r, 0, 3, &bytes);
	ck_assert_uint_eq(bytes.len, 0);
	ck_assert_int_eq(row_bytes_exact(r, 0, 3, uuid, 0), 0);
	row_mac(r, 0, 4, &mac);
	ck_assert_mem_eq(mac.octets, "\0\0\0\0\0\0", 6);
	row_uuid(r, 0, 5, uuid);
	ck_assert_mem_eq(uuid, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	ck_assert_int_eq(row_time_us(r, 0, 6), INT64_MIN);
}

START_TEST(nulls)
{
	struct pg_params *params = pg_params_new();

	pg_param_text(params, NULL);
	pg_param_null(params);
	pg_param_null(params);
	pg_param_bytea(params, NULL, 5);
	pg_param_null(params);
	pg_param_null(params);
	pg_param_time_us(params, INT64_MIN);
	run_well("select $1::text, $2::int8, $3::bool, $4::bytea, $5::macaddr, $6::uuid, "
		 "$7::timestamptz",
	    params, use_nulls, NULL);
}
END_TEST

/* As text and as microseconds; the session's settings must not matter. */
static const struct {
	const char *text;
	int64_t unix_us;
} times[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"2000-01-01T00:00:00Z", INT64_C(946684800000000)},
    {"2017-05-01T12:34:56.000789Z", INT64_C(1493642096000789)},
    {"1931-07-04T05:06:07.5Z", INT64_C(-1214852032500000)},
    {"9999-12-31T23:59:59Z", INT64_C(253402300799000000)},
    {"infinity", INT64_MAX},
};

static void use_time(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	const int64_t *unix_us = ctx;
	(void)count;

	ck_assert_int_eq(row_bool(rows[0], 0, row_column(rows[0], "same")), 1);
	ck_assert_int_eq(row_bool(rows[0], 0, row_column(rows[0], "same_in_array")), 1);
	ck_assert_int_eq(row_time_us(rows[0], 0, row_column(rows[0], "value")), *unix_us);
}

START_TEST(times_to_the_microsecond)
{
	struct pg_params *params = pg_params_new();

	pg_param_time_us(params, times[_i].unix_us);
	pg_param_array_begin(params, PG_ARRAY_TIMESTAMPTZ);
	pg_param_time_us(params, times[_i].unix_us);
	pg_param_array_end(params);
	pg_param_text(params, times[_i].text);
	run_well("select $1::timestamptz as value, $1 = $3::timestamptz as same, "
		 "($2::timestamptz[])[1] = $3::timestamptz as same_in_array",
	    params, use_time, (void *)(uintptr_t)&times[_i].unix_us);
}
END_TEST

static void next_text(const char *text, void *ctx)
{
	size_t *index = ctx;

	ck_assert_uint_lt(*index, TEXTS);
	ck_assert_str_eq(text, texts[(*index)++]);
}

static void use_texts(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	size_t index = 0;
	(void)count;
	(void)ctx;

	ck_assert_int_eq(row_int(rows[0], 0, row_column(rows[0], "length")), TEXTS);
	row_strings(rows[0], 0, row_column(rows[0], "value"), next_text, &index);
	ck_assert_uint_eq(index, TEXTS);
}

START_TEST(array_of_texts)
{
	struct pg_params *params = pg_params_new();

	pg_param_array_begin(params, PG_ARRAY_TEXT);
	for (size_t i = 0; i < TEXTS; i++)
		pg_param_text(params, texts[i]);
	pg_param_array_end(params);
	run_well("select $1::text[] as value, cardinality($1) as length", params, use_texts, NULL);
}
END_TEST

static void no_text(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("\"%s\" out of nothing", text);
}

static void use_empty(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	(void)count;
	(void)ctx;
	ck_assert_int_eq(row_int(rows[0], 0, 0), 0);
	ck_assert_int_eq(row_is_null(rows[0], 0, 1), 0);
	row_strings(rows[0], 0, 1, no_text, NULL);
	row_strings(rows[0], 0, 2, no_text, NULL);
}

START_TEST(empty_and_null_arrays)
{
	for (enum pg_array type = PG_ARRAY_TEXT; type <= PG_ARRAY_UUID; type++) {
		static const char *const statements[] = {
		    "select cardinality($1::text[]), $1::text, null::text",
		    "select cardinality($1::bytea[]), $1::text, null::text",
		    "select cardinality($1::int8[]), $1::text, null::text",
		    "select cardinality($1::bool[]), $1::text, null::text",
		    "select cardinality($1::macaddr[]), $1::text, null::text",
		    "select cardinality($1::timestamptz[]), $1::text, null::text",
		    "select cardinality($1::uuid[]), $1::text, null::text",
		};
		struct pg_params *params = pg_params_new();

		pg_param_array_begin(params, type);
		pg_param_array_end(params);
		run_well(statements[type], params, use_empty, NULL);
	}
}
END_TEST

static void use_arrays(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	(void)count;
	(void)ctx;
	ck_assert_str_eq(
	    row_text(rows[0], 0, 0), "{-9223372036854775808,NULL,0,9223372036854775807}");
	ck_assert_str_eq(row_text(rows[0], 0, 1), "{t,f,NULL}");
	ck_assert_str_eq(row_text(rows[0], 0, 2), "{\"\\\\x000102\",\"\\\\x\",NULL}");
	ck_assert_str_eq(row_text(rows[0], 0, 3), "{00:15:65:aa:bb:cc,NULL}");
	ck_assert_str_eq(row_text(rows[0], 0, 4), "{00112233-4455-6677-8899-aabbccddeeff,NULL}");
	ck_assert_str_eq(row_text(rows[0], 0, 5), "{NULL,\"\"}");
	ck_assert_str_eq(row_text(rows[0], 0, 6), "{NULL,\"2000-01-01 00:00:00.000001+00\"}");
}

START_TEST(arrays_of_every_type_with_nulls)
{
	struct pg_params *params = pg_params_new();

	pg_param_array_begin(params, PG_ARRAY_INT8);
	pg_param_int(params, INT64_MIN);
	pg_param_null(params);
	pg_param_int(params, 0);
	pg_param_int(params, INT64_MAX);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_BOOL);
	pg_param_bool(params, 1);
	pg_param_bool(params, 0);
	pg_param_null(params);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	pg_param_bytea(params, "\0\1\2", 3);
	pg_param_bytea(params, "", 0);
	pg_param_bytea(params, NULL, 0);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_MACADDR);
	pg_param_mac(params, &(struct mac){{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}});
	pg_param_null(params);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_UUID);
	pg_param_uuid(params, (const uint8_t *)"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb"
					       "\xcc\xdd\xee\xff");
	pg_param_null(params);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TEXT);
	pg_param_text(params, NULL);
	pg_param_text(params, "");
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_TIMESTAMPTZ);
	pg_param_time_us(params, INT64_MIN);
	pg_param_time_us(params, INT64_C(946684800000001));
	pg_param_array_end(params);
	run_well("select $1::int8[], $2::bool[], $3::bytea[], $4::macaddr[], $5::uuid[], "
		 "$6::text[], $7::timestamptz[]",
	    params, use_arrays, NULL);
}
END_TEST

static void use_thousand(const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct buf bytes = {0};
	(void)count;
	(void)ctx;

	ck_assert_uint_eq(row_count(rows[0]), 1000);
	for (size_t i = 0; i < 1000; i++) {
		ck_assert_int_eq(row_int(rows[0], i, 0), (int64_t)i);
		row_bytes(rows[0], i, 1, &bytes);
		ck_assert_uint_eq(bytes.len, i);
		for (size_t j = 0; j < bytes.len; j++)
			ck_assert_uint_eq(bytes.bytes[j], (uint8_t)(i * j));
	}
	buf_free(&bytes);
}

START_TEST(a_thousand_elements_side_by_side)
{
	struct pg_params *params = pg_params_new();
	uint8_t bytes[1000];

	pg_param_array_begin(params, PG_ARRAY_INT8);
	for (int i = 0; i < 1000; i++)
		pg_param_int(params, i);
	pg_param_array_end(params);
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < 1000; i++) {
		for (size_t j = 0; j < i; j++)
			bytes[j] = (uint8_t)(i * j);
		pg_param_bytea(params, bytes, i);
	}
	pg_param_array_end(params);
	run_well("select n, b from unnest($1::int8[], $2::bytea[]) as t (n, b)", params,
	    use_thousand, NULL);
}
END_TEST

/* What cannot be stored is refused; it is not cut short. */
START_TEST(text_with_a_nul_is_refused)
{
	struct pg_params *params = pg_params_new();
	struct pg_error error;

	pg_param_text_len(params, "be\0fore", 7);
	ck_assert_int_eq(run("select $1::text", params, NULL, NULL, &error), ERR_REFUSED);
	ck_assert_str_eq(error.message, "a text parameter holds a NUL character");
}
END_TEST

START_TEST(text_that_is_no_utf8_is_refused)
{
	struct pg_params *params = pg_params_new();
	struct pg_error error;

	pg_param_text(params, "\xc3(");
	ck_assert_int_eq(run("select $1::text", params, NULL, NULL, &error), ERR_REFUSED);
	ck_assert_str_eq(error.sqlstate, "22021");
}
END_TEST

START_TEST(messages_quote_no_value)
{
	struct pg_params *params = pg_params_new();
	struct pg_error error;

	pg_param_text(params, "hunter2");
	ck_assert_int_eq(run("select $1::uuid", params, NULL, NULL, &error), ERR_REFUSED);
	ck_assert_str_eq(error.message, "invalid input syntax for type uuid");
}
END_TEST

static const struct {
	const char *sql;
	const char *sqlstate;
	enum err err;
} failures[] = {
    {"insert into once values (1)", "23505", ERR_EXISTS},
    {"insert into once values (-1)", "23514", ERR_REFUSED},
    {"insert into once values (null)", "23502", ERR_REFUSED},
    {"select 1 / 0", "22012", ERR_REFUSED},
    {"select raise_it()", "P0001", ERR_REFUSED},
    {"select for_nobody()", "42501", ERR_DENIED},
    {"select * from absent", "42P01", ERR_UNAVAILABLE},
    {"select pg_sleep(5)", "57014", ERR_TIMEOUT},
};

START_TEST(failures_by_class)
{
	const struct pg_statement statement = {"failing", failures[_i].sql};
	struct pg_error error;
	char conninfo[512];

	snprintf(conninfo, sizeof(conninfo), "host=%s dbname=firstring user=nobody_much",
	    cluster.socket);
	ck_assert_int_eq(pg_run_once(conninfo, &(struct pg_call){.statement = &statement}, 1, NULL,
			     NULL, &error),
	    failures[_i].err);
	ck_assert_str_eq(error.sqlstate, failures[_i].sqlstate);
	ck_assert_int_eq(error.outcome_unknown, 0);
	ck_assert_str_ne(error.message, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("values");
	TCase *values = tcase_create("values");

	cluster_new(&cluster);
	cluster_sql(&cluster,
	    "create table once (n int primary key check (n > 0)); insert into once values (1);"
	    "create function raise_it() returns void language plpgsql as "
	    "'begin raise exception ''no''; end';"
	    "create function for_nobody() returns void language sql as '';"
	    "revoke execute on function for_nobody from public;"
	    "create role nobody_much login; grant select, insert on once to nobody_much;"
	    "alter role nobody_much set statement_timeout = '50ms'");
	/* Whatever a database says about spellings. */
	cluster_sql(&cluster, "alter database firstring set timezone = 'Asia/Kathmandu';"
			      "alter database firstring set datestyle = 'German'");

	tcase_set_timeout(values, 30);
	tcase_add_loop_test(values, text_of_every_kind, 0, TEXTS);
	tcase_add_test(values, scalars);
	tcase_add_test(values, nulls);
	tcase_add_loop_test(values, times_to_the_microsecond, 0, sizeof(times) / sizeof(times[0]));
	tcase_add_test(values, array_of_texts);
	tcase_add_test(values, empty_and_null_arrays);
	tcase_add_test(values, arrays_of_every_type_with_nulls);
	tcase_add_test(values, a_thousand_elements_side_by_side);
	tcase_add_test(values, text_with_a_nul_is_refused);
	tcase_add_test(values, text_that_is_no_utf8_is_refused);
	tcase_add_test(values, messages_quote_no_value);
	tcase_add_loop_test(values, failures_by_class, 0, sizeof(failures) / sizeof(failures[0]));
	suite_add_tcase(suite, values);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	cluster_free(&cluster);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
