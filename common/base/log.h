/*
 * The logger: one JSON object a line on stderr, written with one write(2), or several held
 * together.
 *
 * Values may come from the Internet: they are escaped to printable ASCII and cut at
 * LOG_VALUE_MAX bytes, so that a line stays one line. Fields are typed; there is none for
 * struct secret, so a secret cannot be printed without first being copied out of it.
 * Runs in every process. It does not rotate or send: journald does that.
 */
#ifndef FIRSTRING_BASE_LOG_H
#define FIRSTRING_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/mac.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum { LOG_VALUE_MAX = 256 };

enum log_type {
	LOG_TYPE_STR,
	LOG_TYPE_BYTES,
	LOG_TYPE_INT,
	LOG_TYPE_UINT,
	LOG_TYPE_MAC,
	LOG_TYPE_HEX
};

struct log_field {
	const char *key; /* lower snake_case, a literal */
	enum log_type type;
	union {
		int64_t i;
		uint64_t u;
		struct {
			const void *bytes;
			size_t len;
		} s;
	} value;
};

/* Field makers. Borrowed values must live until the call returns; a NULL string prints as null. */
struct log_field log_str(const char *key, const char *value);
struct log_field log_bytes(
    const char *key, const void *bytes, size_t len); /* text of known length */
struct log_field log_hex(const char *key, const void *bytes, size_t len);
struct log_field log_int(const char *key, int64_t value);
struct log_field log_uint(const char *key, uint64_t value);
struct log_field log_mac(const char *key, const struct mac *mac);
struct log_field log_err(enum err err); /* "error": its name */
struct log_field log_errno(void); /* "errno": strerror of now */

/*
 * Writes {"at":RFC 3339 UTC with milliseconds,"level","program","pid","event",fields...}.
 * `event` is a stable snake_case name, a literal. Keeps errno.
 */
void log_write(
    enum log_level level, const char *event, const struct log_field *fields, size_t count);

#define LOG_AT(level, event, ...)                                                                  \
	log_write(level, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}},         \
	    sizeof((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}) /                    \
		    sizeof(struct log_field) -                                                     \
		1)
#define LOG_DEBUG(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_INFO(event, ...) LOG_AT(LOG_LEVEL_INFO, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_WARN(event, ...) LOG_AT(LOG_LEVEL_WARN, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_ERROR(event, ...) LOG_AT(LOG_LEVEL_ERROR, event __VA_OPT__(, ) __VA_ARGS__)

/*
 * Where many lines come at once: between these two, lines are written several in one write(2), all
 * of them when the last hold is released. An error is written at once, after those before it. For
 * processes of one thread.
 */
void log_hold(void);
void log_release(void);

/* The program name in each line ("redirector"); a literal. Default "firstring". */
void log_set_program(const char *program);
void log_set_level(enum log_level level);

/* Where lines go; default STDERR_FILENO. For tests. */
void log_set_fd(int fd);

/*
 * A gate of one line a second for complaints about the environment:
 *     static struct log_gate gate;
 *     if (log_gate_open(&gate)) LOG_WARN("database_unreachable", log_uint("suppressed",
 * gate.suppressed)); Not shared between processes. Monotonic time.
 */
struct log_gate {
	int64_t next_ms;
	uint64_t held; /* closed since the gate last opened */
	uint64_t suppressed; /* the count to report, set when it opens */
};
int log_gate_open(struct log_gate *gate);

#endif
