/* A line of the log is one line of JSON, whatever the values are. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/lib/unit.h"

static char written[64 * 1024];
static int pipe_ends[2];

static void begin(void)
{
	ck_assert_int_eq(pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC), 0);
	log_set_fd(pipe_ends[1]);
	log_set_program("tester");
	log_set_level(LOG_LEVEL_INFO);
	clock_set_fake(1493642096789000);
}

static void end(void)
{
	log_set_fd(STDERR_FILENO);
	clock_set_fake(-1);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

/* What was written, as text; one read, since a line is one write. */
static const char *line_read(void)
{
	ssize_t len = read(pipe_ends[0], written, sizeof written - 1);

	written[len > 0 ? len : 0] = '\0';
	return written;
}

/* The one line that was written, as JSON. */
static json_t *line_parse(void)
{
	const char *line = line_read();
	size_t len = strlen(line);
	json_error_t error;

	ck_assert_uint_gt(len, 0);
	ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
	for (size_t i = 0; i + 1 < len; i++)
		ck_assert(line[i] >= 0x20 && line[i] < 0x7f);
	json_t *object = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	ck_assert_msg(object != NULL, "%s: %s", error.text, line);
	return object;
}

START_TEST(a_line_has_its_fields_in_order)
{
	struct mac mac = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};
	char expected[512];

	LOG_WARN("phone_refused", log_mac("mac", &mac), log_str("reason", "not_live"),
	    log_bytes("path", "/cfg", 4), log_hex("serial", "\x40\xff", 2), log_int("delta", -5),
	    log_uint("count", UINT64_MAX), log_err(ERR_WEAK_KEY), log_str("agent", NULL),
	    log_mac("other", NULL));
	snprintf(expected, sizeof expected,
	    "{\"at\":\"2017-05-01T12:34:56.789Z\",\"level\":\"warn\",\"program\":\"tester\","
	    "\"pid\":%d,"
	    "\"event\":\"phone_refused\",\"mac\":\"001565AABBCC\",\"reason\":\"not_live\","
	    "\"path\":\"/cfg\",\"serial\":\"40FF\",\"delta\":-5,\"count\":18446744073709551615,"
	    "\"error\":\"weak_key\",\"agent\":null,\"other\":null}\n",
	    (int)getpid());
	ck_assert_str_eq(line_read(), expected);
}
END_TEST

START_TEST(an_event_needs_no_fields)
{
	LOG_INFO("started");
	json_t *object = line_parse();
	ck_assert_str_eq(json_string_value(json_object_get(object, "event")), "started");
	json_decref(object);
}
END_TEST

START_TEST(levels_below_the_least_are_not_written)
{
	LOG_DEBUG("detail");
	ck_assert_str_eq(line_read(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	LOG_DEBUG("detail");
	ck_assert_ptr_nonnull(strstr(line_read(), "\"level\":\"debug\""));
	log_set_level(LOG_LEVEL_ERROR);
	LOG_WARN("detail");
	ck_assert_str_eq(line_read(), "");
}
END_TEST

/* What a hostile User-Agent may hold, and the text that a reader of the JSON sees. */
static const struct {
	const char *value, *shown;
} VALUES[] = {
    {"plain", "plain"},
    {"", ""},
    {"a\nb", "a\nb"},
    {"a\r\n{\"event\":\"forged\"}", "a\r\n{\"event\":\"forged\"}"},
    {"\"quoted\" \\ back", "\"quoted\" \\ back"},
    {"\x1b[31mred\x07", "\x1b[31mred\x07"},
    {"\x7f", "\x7f"},
    {"z\xc3\xbcrich", "z\xc3\xbcrich"},
    {"\xf0\x9f\x93\x9e", "\xf0\x9f\x93\x9e"}, /* beyond 16 bits */
    {"\xe2\x80\xa8", "\xe2\x80\xa8"}, /* a line separator to some readers */
    {"\xff\xfe", "\xc3\xbf\xc3\xbe"}, /* no UTF-8: each byte by its number */
    {"\xc3", "\xc3\x83"},
    {"\xed\xa0\x80", "\xc3\xad\xc2\xa0\xc2\x80"}, /* a surrogate */
    {"%s%n", "%s%n"},
};

START_TEST(a_value_cannot_leave_its_quotes)
{
	LOG_INFO("contact", log_str("agent", VALUES[_i].value));
	json_t *object = line_parse();
	ck_assert_str_eq(json_string_value(json_object_get(object, "agent")), VALUES[_i].shown);
	ck_assert_ptr_nonnull(json_object_get(object, "event"));
	json_decref(object);
}
END_TEST

START_TEST(every_byte_is_escaped)
{
	char bytes[256];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	LOG_INFO("bytes", log_bytes("value", bytes, sizeof bytes));
	json_decref(line_parse());
}
END_TEST

START_TEST(a_long_value_is_cut)
{
	char agent[10000];

	memset(agent, 'A', sizeof agent);
	LOG_INFO("contact", log_bytes("agent", agent, sizeof agent), log_hex("body", agent, 1000));
	json_t *object = line_parse();
	ck_assert_uint_eq(
	    json_string_length(json_object_get(object, "agent")), LOG_VALUE_MAX + strlen("..."));
	ck_assert_uint_eq(
	    json_string_length(json_object_get(object, "body")), LOG_VALUE_MAX + strlen("..."));
	json_decref(object);

	LOG_INFO("contact", log_bytes("agent", agent, LOG_VALUE_MAX));
	object = line_parse();
	ck_assert_uint_eq(json_string_length(json_object_get(object, "agent")), LOG_VALUE_MAX);
	json_decref(object);
}
END_TEST

START_TEST(a_cut_does_not_split_a_character)
{
	char agent[LOG_VALUE_MAX + 10];

	memset(agent, 'A', sizeof agent);
	memcpy(agent + LOG_VALUE_MAX - 1, "\xe2\x82\xac", 3);
	LOG_INFO("contact", log_bytes("agent", agent, sizeof agent));
	json_t *object = line_parse();
	const char *shown = json_string_value(json_object_get(object, "agent"));
	ck_assert_ptr_nonnull(strstr(shown, "A\xe2\x82\xac..."));
	json_decref(object);
}
END_TEST

START_TEST(a_line_too_long_leaves_fields_out_and_says_so)
{
	char worst[LOG_VALUE_MAX];
	struct log_field fields[20];

	memset(worst, '\x01', sizeof worst);
	for (size_t i = 0; i < COUNT(fields); i++) {
		static char keys[COUNT(fields)][4];
		snprintf(keys[i], sizeof keys[i], "f%zu", i % 100);
		fields[i] = log_bytes(keys[i], worst, sizeof worst);
	}
	log_write(LOG_LEVEL_INFO, "much", fields, COUNT(fields));
	json_t *object = line_parse();
	ck_assert(json_is_true(json_object_get(object, "truncated")));
	ck_assert_uint_eq(json_string_length(json_object_get(object, "f0")), LOG_VALUE_MAX);
	ck_assert_ptr_null(json_object_get(object, "f19"));
	json_decref(object);
}
END_TEST

START_TEST(errno_is_told_and_kept)
{
	errno = ENOSPC;
	LOG_ERROR("spool_failed", log_errno());
	ck_assert_int_eq(errno, ENOSPC);
	json_t *object = line_parse();
	ck_assert_str_eq(
	    json_string_value(json_object_get(object, "errno")), "No space left on device");
	json_decref(object);

	log_set_fd(-1);
	errno = ENOSPC;
	LOG_ERROR("nobody_hears");
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(a_gate_lets_one_a_second_through)
{
	struct log_gate gate = {0};
	int64_t now_us = 1493642096000000;

	clock_set_fake(now_us);
	ck_assert_int_eq(log_gate_open(&gate), 1);
	ck_assert_uint_eq(gate.suppressed, 0);
	ck_assert_int_eq(log_gate_open(&gate), 0);
	clock_set_fake(now_us + 999000);
	ck_assert_int_eq(log_gate_open(&gate), 0);
	clock_set_fake(now_us + 1000000);
	ck_assert_int_eq(log_gate_open(&gate), 1);
	ck_assert_uint_eq(gate.suppressed, 2);
	ck_assert_int_eq(log_gate_open(&gate), 0);
}
END_TEST

START_TEST(our_own_mistake_aborts_with_a_line)
{
	pid_t child = fork();

	if (child == 0) {
		CHECK(1 + 1 == 3);
		_exit(0);
	}
	int status = 0;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	json_t *object = line_parse();
	ck_assert_str_eq(json_string_value(json_object_get(object, "condition")), "1 + 1 == 3");
	json_decref(object);
}
END_TEST

START_TEST(every_error_has_a_name)
{
	for (int err = ERR_OK; err <= ERR_CLOSED; err++) {
		ck_assert_str_ne(err_name((enum err)err), "unknown");
		for (int other = ERR_OK; other < err; other++)
			ck_assert_str_ne(err_name((enum err)err), err_name((enum err)other));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tests = tcase_create("log");

	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, a_line_has_its_fields_in_order);
	tcase_add_test(tests, an_event_needs_no_fields);
	tcase_add_test(tests, levels_below_the_least_are_not_written);
	tcase_add_loop_test(tests, a_value_cannot_leave_its_quotes, 0, COUNT(VALUES));
	tcase_add_test(tests, every_byte_is_escaped);
	tcase_add_test(tests, a_long_value_is_cut);
	tcase_add_test(tests, a_cut_does_not_split_a_character);
	tcase_add_test(tests, a_line_too_long_leaves_fields_out_and_says_so);
	tcase_add_test(tests, errno_is_told_and_kept);
	tcase_add_test(tests, a_gate_lets_one_a_second_through);
	tcase_add_test(tests, our_own_mistake_aborts_with_a_line);
	tcase_add_test(tests, every_error_has_a_name);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
