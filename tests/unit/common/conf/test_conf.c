/* What a configuration file may say, and how each mistake in it is told. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf/conf.h"

struct listener {
	char *tls_name;
	char *name;
	struct conf_address address;
};

struct sample {
	char *title, *key, *home;
	int64_t workers, timeout_ms, cap;
	int verbose, floor;
	struct conf_strings tags, places;
	struct conf_sections listeners;
};

static const char *const FLOORS[] = {"modern", "compatible", NULL};
static const struct conf_field LISTENER_FIELDS[] = {
    {.name = "tls.name",
	.type = CONF_STRING,
	.offset = offsetof(struct listener, tls_name),
	.default_value = "",
	.help = "name in TLS"},
    {.name = "name",
	.type = CONF_STRING,
	.offset = offsetof(struct listener, name),
	.help = "name"},
    {.name = "address",
	.type = CONF_ADDRESS,
	.offset = offsetof(struct listener, address),
	.help = "where it listens"},
};
static const struct conf_table LISTENER = {LISTENER_FIELDS, 3, sizeof(struct listener), NULL};
static const struct conf_field FIELDS[] = {
    {.name = "home",
	.type = CONF_URL,
	.offset = offsetof(struct sample, home),
	.help = "an optional URL",
	.default_value = ""},
    {.name = "title",
	.type = CONF_STRING,
	.offset = offsetof(struct sample, title),
	.help = "title",
	.default_value = "none",
	.reloadable = 1},
    {.name = "tls.key",
	.type = CONF_PATH,
	.offset = offsetof(struct sample, key),
	.help = "the key"},
    {.name = "tls.floor",
	.type = CONF_WORD,
	.offset = offsetof(struct sample, floor),
	.words = FLOORS,
	.default_value = "modern",
	.help = "floor"},
    {.name = "workers",
	.type = CONF_INT,
	.offset = offsetof(struct sample, workers),
	.min = 1,
	.max = 64,
	.default_value = "2",
	.help = "workers"},
    {.name = "timeout",
	.type = CONF_DURATION,
	.offset = offsetof(struct sample, timeout_ms),
	.min = 1,
	.max = 60000,
	.default_value = "5s",
	.help = "timeout"},
    {.name = "cap",
	.type = CONF_SIZE,
	.offset = offsetof(struct sample, cap),
	.min = 0,
	.max = 1 << 30,
	.default_value = "64KiB",
	.help = "cap"},
    {.name = "verbose",
	.type = CONF_BOOL,
	.offset = offsetof(struct sample, verbose),
	.default_value = "false",
	.help = "verbose"},
    {.name = "tags",
	.type = CONF_STRINGS,
	.offset = offsetof(struct sample, tags),
	.default_value = "",
	.help = "tags"},
    {.name = "places",
	.type = CONF_STRINGS,
	.offset = offsetof(struct sample, places),
	.default_value = "127.0.0.0/8 ::1",
	.help = "places"},
    {.name = "listeners",
	.type = CONF_SECTIONS,
	.offset = offsetof(struct sample, listeners),
	.section = &LISTENER,
	.default_value = "",
	.help = "listeners"},
};
static const struct conf_table TABLE = {
    FIELDS, sizeof FIELDS / sizeof FIELDS[0], sizeof(struct sample), NULL};

static struct conf_error problem;

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static enum err load(const char *text, struct sample *sample)
{
	char path[] = "/tmp/firstring-conf-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	write_file(path, text);
	memset(sample, 0, sizeof *sample);
	problem.text[0] = '\0';
	enum err err = conf_load(&TABLE, path, sample, &problem);
	unlink(path);
	return err;
}

START_TEST(everything_is_bound)
{
	struct sample sample;

	ck_assert_int_eq(
	    load("title: \"a \\\"b\\\"\"\ntls:\n  key: etc/k.pem\n  floor: compatible\nworkers: 8\n"
		 "timeout: 250ms\ncap: 8MiB\nverbose: true\ntags: [a, b]\nlisteners:\n"
		 "  - name: one\n    address: 127.0.0.1:80\n  - name: two\n    address: "
		 "\"[::1]:0\"\n",
		&sample),
	    ERR_OK);
	ck_assert_str_eq(sample.title, "a \"b\"");
	ck_assert_str_eq(sample.key, "/tmp/etc/k.pem");
	ck_assert_int_eq(sample.floor, 1);
	ck_assert_int_eq(sample.workers, 8);
	ck_assert_int_eq(sample.timeout_ms, 250);
	ck_assert_int_eq(sample.cap, 8 << 20);
	ck_assert_int_eq(sample.verbose, 1);
	ck_assert_uint_eq(sample.tags.count, 2);
	ck_assert_str_eq(sample.tags.items[1], "b");
	const struct listener *listeners = sample.listeners.items;
	ck_assert_uint_eq(sample.listeners.count, 2);
	ck_assert_str_eq(listeners[1].address.host, "::1");
	ck_assert_uint_eq(listeners[0].address.port, 80);
	conf_free(&TABLE, &sample);
}
END_TEST

START_TEST(what_is_left_out_has_its_default)
{
	struct sample sample;

	ck_assert_int_eq(load("tls: {key: /k}\n", &sample), ERR_OK);
	ck_assert_str_eq(sample.title, "none");
	ck_assert_str_eq(sample.home, "");
	ck_assert_int_eq(sample.workers, 2);
	ck_assert_int_eq(sample.timeout_ms, 5000);
	ck_assert_uint_eq(sample.listeners.count, 0);
	ck_assert_uint_eq(sample.places.count, 2);
	ck_assert_str_eq(sample.places.items[0], "127.0.0.0/8");
	ck_assert_str_eq(sample.places.items[1], "::1");
	conf_free(&TABLE, &sample);
}
END_TEST

static const struct {
	const char *text, *place, *says;
} MISTAKES[] = {
    {"workers: 2\n", ":1:1: ", "tls.key: this key is required"},
    {"tls: {key: k}\nworker: 2\n", ":2:1: ", "did you mean \"workers\"?"},
    {"tls: {key: k}\nworkers: 2\nworkers: 3\n", ":3:1: ", "twice"},
    {"tls: {key: k}\ntls.key: l\n", ":2:1: ", "tls.key: the key is there twice"},
    {"tls: {key: k}\nworkers: 99\n", ":2:10: ", "workers: 99 is not in 1..64"},
    {"tls: {key: k}\nworkers: two\n", ":2:10: ", "not a whole number"},
    {"tls: {key: k}\ntimeout: 5\n", ":2:10: ", "not a duration"},
    {"tls: {key: k}\ntimeout: 2m\n", ":2:10: ", "not in 1ms..1m"},
    {"tls: {key: k}\ncap: 8 MB\n", ":2:6: ", "not a size"},
    {"tls: {key: k}\nverbose: yes\n", ":2:10: ", "neither true nor false"},
    {"tls: {key: k, floor: old}\n", ":1:22: ", "not one of modern compatible"},
    {"tls: {key: k}\nhome: ftp://a\n", ":2:7: ", "not an http or https URL"},
    {"tls: k\n", ":1:6: ", "a map is expected"},
    {"tls: {key: [k]}\n", ":1:12: ", "one value is expected"},
    {"tls: {key: k}\ntags: a\n", ":2:7: ", "a list is expected"},
    {"tls: {key: k}\nlisteners:\n  - name: a\n    address: 8080\n",
	":4:14: ", "listeners[0].address: "},
    {"tls: {key: k}\nlisteners:\n  - nam: a\n", ":3:5: ", "did you mean \"name\"?"},
    {"tls: {key: k}\n\tworkers: 2\n", ":2:1: ", "a tab in the indentation"},
    {"tls:\n  \tkey: k\n", ":2:", "a tab in the indentation"},
    {"tls: {key: k}\ntitle: \"open\n", ":3:1: ", "not YAML"},
    {"tls: {key: k}\n  workers: 2\n", ":2:3: ", "not YAML"},
    {"tls: {key: k}\ntitle: a\xff\n", ":2:9: ", "not YAML: invalid leading UTF-8 octet"},
    {"tls: {key: k}\ntitle: a\x01\n", ":2:9: ", "not YAML: control characters"},
    {"tls: {key: k}\ntitle: !!str a\n", ":2:8: ", "tags"},
    {"base: {key: k}\n", ":1:1: ", "base: unknown key"},
    {"tls: {<<: {key: k}}\n", ":1:7: ", "tls.<<: unknown key"},
    {"tls: {key: k}\n? [a]\n: 2\n", ":2:3: ", "a key must be a word"},
    {"tls: {key: k}\ntags: [[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]\n", ":2:", "nested too deeply"},
    {"tls: {key: k}\nworkers: 0x2\n", ":2:10: ", "not a whole number"},
    {"tls: {key: k}\nworkers: 99999999999999999999\n", ":2:10: ", "workers: "},
    {"tls: {key: k}\ntimeout: 99999999999999d\n", ":2:10: ", "not a duration"},
    {"tls: {key: k}\nlisteners:\n  - {name: a, address: localhost:80}\n", ":3:", "not an address"},
    {"tls: {key: k}\nlisteners:\n  - {name: a, address: \"127.0.0.1:65536\"}\n",
	":3:", "not an address"},
    {"tls: {key: k}\nlisteners:\n  - {name: a, address: \"::1:80\"}\n", ":3:", "not an address"},
    {"tls: {key: k}\nlisteners:\n  - {address: \"*:80\"}\n",
	":3:5: ", "listeners[0].name: this key is required"},
    {"tls: &a {key: k}\n", ":1:6: ", "anchors"},
    {"tls: {key: k}\ntitle: *a\n", "", "aliases"},
    {"tls: {key: k}\n---\ntls: {key: k}\n", ":2:1: ", "second document"},
    {"- a\n", ":1:1: ", "a map of keys"},
    {"", ":1:1: ", "a map of keys"},
    {"tls: {key: k}\ntitle: \"a\\nb\"\n", ":2:8: ", "control character"},
    {"tls: {key: k}\ntitle: \"a\\0b\"\n", ":2:8: ", "NUL"},
};

START_TEST(a_mistake_is_told_with_its_place)
{
	struct sample sample;

	ck_assert_int_ne(load(MISTAKES[_i].text, &sample), ERR_OK);
	ck_assert_msg(strstr(problem.text, MISTAKES[_i].place) != NULL &&
			  strstr(problem.text, MISTAKES[_i].says) != NULL,
	    "%s\nsays: %s", MISTAKES[_i].text, problem.text);
}
END_TEST

static const char *const PRINTED[] = {
    "tls: {key: /k}\n",
    "title: \"a \\\\ \\\"b\\\"\"\ntls: {key: /k, floor: compatible}\ntimeout: 1m\n"
    "tags: [x, \"y: z\", '#', \"\"]\nlisteners:\n  - {name: one, address: \"*:1\"}\n"
    "  - {name: two, address: \"[::]:2\", tls: {name: deep}}\n",
    /* What a reader of YAML would refuse or fold when it stood there as it is. */
    "tls: {key: /k}\ntitle: \"a\\x85b\\x9fc\\u2028d\\u2029e\\uFEFFf\"\n",
    "tls: {key: /k}\ntitle: z\xc3\xbcrich \xf0\x9f\x93\x9e\n",
    "tls: {key: /k}\ntitle: '%YAML --- ... & * ! | > @ ` true ~ {}'\n",
};

START_TEST(what_is_printed_loads_as_the_same)
{
	struct sample sample, again;
	char *text = NULL;
	size_t len = 0;

	ck_assert_msg(load(PRINTED[_i], &sample) == ERR_OK, "%s", problem.text);
	FILE *out = open_memstream(&text, &len);
	conf_print(&TABLE, &sample, out);
	fclose(out);
	ck_assert_msg(load(text, &again) == ERR_OK, "%s\n%s", problem.text, text);
	ck_assert_int_eq(conf_check_reload(&TABLE, &sample, &again, &problem), ERR_OK);
	ck_assert_str_eq(sample.title, again.title);
	free(text);
	conf_free(&TABLE, &sample);
	conf_free(&TABLE, &again);
}
END_TEST

START_TEST(what_is_no_file_is_told)
{
	struct sample sample = {0};

	ck_assert_int_eq(conf_load(&TABLE, "/nonexistent/a.yaml", &sample, &problem), ERR_IO);
	ck_assert_str_eq(problem.text, "/nonexistent/a.yaml: No such file or directory");
	ck_assert_int_eq(conf_load(&TABLE, "/tmp", &sample, &problem), ERR_IO);
	ck_assert_str_eq(problem.text, "/tmp: Is a directory");
	ck_assert_int_eq(conf_load(&TABLE, "/dev/zero", &sample, &problem), ERR_TOO_LONG);
	ck_assert_ptr_nonnull(strstr(problem.text, "larger than"));
}
END_TEST

START_TEST(a_secret_is_not_printed)
{
	static const struct conf_field SECRET_FIELDS[] = {{.name = "password",
	    .type = CONF_STRING,
	    .offset = 0,
	    .secret = 1,
	    .help = "a password"}};
	static const struct conf_table SECRET = {SECRET_FIELDS, 1, sizeof(char *), NULL};
	char *password = NULL, *text = NULL;
	size_t len = 0;

	ck_assert_int_eq(
	    conf_load_text(&SECRET, "x", "/", "password: hunter2\n", 18, &password, &problem),
	    ERR_OK);
	ck_assert_str_eq(password, "hunter2");
	FILE *out = open_memstream(&text, &len);
	conf_print(&SECRET, &password, out);
	fclose(out);
	ck_assert_ptr_null(strstr(text, "hunter2"));
	free(text);
	conf_free(&SECRET, &password);
}
END_TEST

START_TEST(a_reload_may_change_only_what_is_reloadable)
{
	struct sample old, new;

	ck_assert_int_eq(load("tls: {key: /k}\ntitle: a\n", &old), ERR_OK);
	ck_assert_int_eq(load("tls: {key: /k}\ntitle: b\n", &new), ERR_OK);
	ck_assert_int_eq(conf_check_reload(&TABLE, &old, &new, &problem), ERR_OK);
	conf_free(&TABLE, &new);
	ck_assert_int_eq(load("tls: {key: /k}\nworkers: 3\n", &new), ERR_OK);
	ck_assert_int_eq(conf_check_reload(&TABLE, &old, &new, &problem), ERR_REFUSED);
	ck_assert_ptr_nonnull(strstr(problem.text, "workers"));
	conf_free(&TABLE, &new);
	conf_free(&TABLE, &old);
}
END_TEST

START_TEST(options_come_before_the_command)
{
	char *argv[] = {(char[]){"x"}, (char[]){"--config"}, (char[]){"/a"},
	    (char[]){"--print-config"}, (char[]){"order"}, (char[]){"--help"}, NULL};
	struct conf_options options = {0};

	ck_assert_int_eq(conf_parse_options(6, argv, &options, &problem), ERR_OK);
	ck_assert_str_eq(options.config_path, "/a");
	ck_assert(options.print_config && !options.help);
	ck_assert_int_eq(options.rest, 4);
	ck_assert_int_ne(conf_parse_options(2, argv, &options, &problem), ERR_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf");
	TCase *tests = tcase_create("conf");

	tcase_add_test(tests, everything_is_bound);
	tcase_add_test(tests, what_is_left_out_has_its_default);
	tcase_add_loop_test(
	    tests, a_mistake_is_told_with_its_place, 0, sizeof MISTAKES / sizeof MISTAKES[0]);
	tcase_add_loop_test(
	    tests, what_is_printed_loads_as_the_same, 0, sizeof PRINTED / sizeof PRINTED[0]);
	tcase_add_test(tests, what_is_no_file_is_told);
	tcase_add_test(tests, a_secret_is_not_printed);
	tcase_add_test(tests, a_reload_may_change_only_what_is_reloadable);
	tcase_add_test(tests, options_come_before_the_command);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
