/*
 * The logger: JSON lines, each one write(2) but where they are held. Values are hostile until
 * escaped. Runs in every process, also out of memory: it allocates nothing. It never waits for
 * whoever reads the log.
 */
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"

enum { LINE_MAX_LEN = 16 * 1024 };

/* One line being written. A field that no longer fits is left out, and the line says so. */
struct line {
	char text[LINE_MAX_LEN];
	size_t len;
	int full;
};

static const char END[] = "}\n", END_CUT[] = ",\"truncated\":true}\n";

static const char *program = "firstring";
static enum log_level least = LOG_LEVEL_INFO;
static int out_fd = STDERR_FILENO;
static unsigned holds;
/* Lines that wait for log_release(): as many as a pipe takes without mixing in another's. */
static struct {
	char text[PIPE_BUF];
	size_t len;
} held;

void log_set_program(const char *name)
{
	program = name;
}

void log_set_level(enum log_level level)
{
	least = level;
}

void log_set_fd(int fd)
{
	out_fd = fd;
}

static struct log_field field(const char *key, enum log_type type)
{
	return (struct log_field){.key = key, .type = type};
}

struct log_field log_bytes(const char *key, const void *bytes, size_t len)
{
	struct log_field made = field(key, LOG_TYPE_BYTES);

	made.value.s.bytes = bytes;
	made.value.s.len = len;
	return made;
}

struct log_field log_str(const char *key, const char *value)
{
	return log_bytes(key, value, value != NULL ? strlen(value) : 0);
}

struct log_field log_hex(const char *key, const void *bytes, size_t len)
{
	struct log_field made = log_bytes(key, bytes, len);

	made.type = LOG_TYPE_HEX;
	return made;
}

struct log_field log_int(const char *key, int64_t value)
{
	struct log_field made = field(key, LOG_TYPE_INT);

	made.value.i = value;
	return made;
}

struct log_field log_uint(const char *key, uint64_t value)
{
	struct log_field made = field(key, LOG_TYPE_UINT);

	made.value.u = value;
	return made;
}

struct log_field log_mac(const char *key, const struct mac *mac)
{
	struct log_field made = log_bytes(key, mac, MAC_LEN);

	made.type = LOG_TYPE_MAC;
	return made;
}

struct log_field log_err(enum err err)
{
	return log_str("error", err_name(err));
}

struct log_field log_errno(void)
{
	return log_str("errno", strerror(errno));
}

static void line_put(struct line *line, const char *text, size_t len)
{
	size_t room = sizeof line->text - sizeof END_CUT - line->len;

	if (len > room)
		line->full = 1;
	if (line->full)
		return;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void line_put_str(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

static void line_put_escape(struct line *line, uint32_t code_unit)
{
	char escape[16];

	line_put(line, escape,
	    (size_t)snprintf(escape, sizeof escape, "\\u%04" PRIx32, code_unit & 0xffff));
}

static void line_put_code_point(struct line *line, uint32_t code_point)
{
	if (code_point > 0xffff) {
		line_put_escape(line, 0xd800 + ((code_point - 0x10000) >> 10));
		line_put_escape(line, 0xdc00 + ((code_point - 0x10000) & 0x3ff));
	} else if (code_point < 0x20 || code_point >= 0x7f || code_point == '"' ||
		   code_point == '\\') {
		line_put_escape(line, code_point);
	} else {
		line_put(line, &(char){(char)code_point}, 1);
	}
}

/* Printable ASCII as it is, other UTF-8 as \uXXXX; a byte that is neither by its number. */
static void line_put_escaped(struct line *line, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && i < LOG_VALUE_MAX) {
		uint32_t code_point = (unsigned char)text[i];
		size_t step = utf8_decode(text + i, len - i, &code_point);
		line_put_code_point(line, code_point);
		i += step != 0 ? step : 1;
	}
	if (i < len)
		line_put_str(line, "...");
}

static void line_put_hex(struct line *line, const uint8_t *bytes, size_t len)
{
	char digits[3];

	for (size_t i = 0; i < len && i < LOG_VALUE_MAX / 2; i++)
		line_put(line, digits, (size_t)snprintf(digits, sizeof digits, "%02X", bytes[i]));
	if (len > LOG_VALUE_MAX / 2)
		line_put_str(line, "...");
}

static void line_put_field(struct line *line, const struct log_field *field)
{
	char number[24];
	size_t mark = line->len;

	line_put_str(line, ",\"");
	line_put_str(line, field->key);
	line_put_str(line, "\":");
	switch (field->type) {
	case LOG_TYPE_INT:
		snprintf(number, sizeof number, "%" PRId64, field->value.i);
		line_put_str(line, number);
		break;
	case LOG_TYPE_UINT:
		snprintf(number, sizeof number, "%" PRIu64, field->value.u);
		line_put_str(line, number);
		break;
	case LOG_TYPE_STR:
	case LOG_TYPE_BYTES:
	case LOG_TYPE_MAC:
	case LOG_TYPE_HEX:
		if (field->value.s.bytes == NULL) {
			line_put_str(line, "null");
			break;
		}
		line_put_str(line, "\"");
		if (field->type == LOG_TYPE_STR || field->type == LOG_TYPE_BYTES)
			line_put_escaped(line, field->value.s.bytes, field->value.s.len);
		else
			line_put_hex(line, field->value.s.bytes, field->value.s.len);
		line_put_str(line, "\"");
		break;
	}
	/* A field is whole or absent: a cut one would break the JSON. */
	if (line->full)
		line->len = mark;
}

/* Nothing can be done about a log that cannot be written, and nothing waits for it. */
static void write_out(const char *text, size_t len)
{
	while (write(out_fd, text, len) < 0 && errno == EINTR)
		;
}

static void write_held(void)
{
	if (held.len > 0)
		write_out(held.text, held.len);
	held.len = 0;
}

static void hold(const struct line *line)
{
	if (line->len > sizeof(held.text) - held.len)
		write_held();
	if (line->len > sizeof(held.text)) {
		write_out(line->text, line->len);
		return;
	}
	memcpy(held.text + held.len, line->text, line->len);
	held.len += line->len;
}

void log_write(
    enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	static const char *const LEVELS[] = {"debug", "info", "warn", "error"};
	struct line line;
	char at[CLOCK_TEXT_LEN + 1];
	int saved = errno;

	if (level < least)
		return;
	clock_format_ms(clock_unix_us(), at);
	line.full = 0;
	line.len = (size_t)snprintf(line.text, sizeof line.text,
	    "{\"at\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"pid\":%d,\"event\":\"%s\"", at,
	    LEVELS[level], program, (int)getpid(), event);
	for (size_t i = 0; i < count; i++)
		line_put_field(&line, &fields[i]);
	const char *end = line.full ? END_CUT : END;
	memcpy(line.text + line.len, end, strlen(end));
	line.len += strlen(end);
	if (holds > 0 && level < LOG_LEVEL_ERROR) {
		hold(&line);
	} else {
		write_held();
		write_out(line.text, line.len);
	}
	errno = saved;
}

void log_hold(void)
{
	holds++;
}

void log_release(void)
{
	int saved = errno;

	CHECK(holds > 0);
	if (--holds == 0)
		write_held();
	errno = saved;
}

int log_gate_open(struct log_gate *gate)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms < gate->next_ms) {
		gate->held++;
		return 0;
	}
	gate->next_ms = now_ms + 1000;
	gate->suppressed = gate->held;
	gate->held = 0;
	return 1;
}
