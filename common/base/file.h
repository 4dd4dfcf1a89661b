/*
 * Whole files: read bounded, written so that a power cut leaves the old one or the new one.
 *
 * Paths are the administrator's, contents whatever was there. Runs in commands and daemons, before
 * their loops or in a process that may block. Credentials are read by secret_read_file().
 */
#ifndef FIRSTRING_BASE_FILE_H
#define FIRSTRING_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Appends the file's bytes to `out`. ERR_IO with errno; ERR_TOO_LONG above `max` bytes. */
MUST_CHECK enum err file_read(const char *path, size_t max, struct buf *out);

/*
 * Temporary file beside it, fsync, rename, fsync of the folder. Replaces a file of that name.
 * ERR_IO with errno; nothing is left behind then.
 */
MUST_CHECK enum err file_write(const char *path, mode_t mode, const void *bytes, size_t len);
/* The same for a file that must not be there yet: ERR_EXISTS. */
MUST_CHECK enum err file_write_new(const char *path, mode_t mode, const void *bytes, size_t len);

/* fsync of the folder that holds `path`: makes a new, renamed or removed name durable. */
MUST_CHECK enum err file_sync_folder(const char *path);

/* All of it, through short writes and EINTR. ERR_IO with errno. */
MUST_CHECK enum err file_write_all(int fd, const void *bytes, size_t len);

#endif
