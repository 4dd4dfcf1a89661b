/*
 * Whole files, durably. Its callers name the paths; it trusts nothing about what is there. Used
 * where blocking is allowed. It does not judge owners or modes: secret.c and the key store do.
 */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err file_read(const char *path, size_t max, struct buf *out)
{
	uint8_t bytes[16 * 1024];
	enum err err = ERR_OK;
	size_t total = 0;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return ERR_IO;
	while ((len = read(fd, bytes, sizeof(bytes))) != 0) {
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0) {
			err = ERR_IO;
			break;
		}
		total += (size_t)len;
		if (total > max) {
			err = ERR_TOO_LONG;
			break;
		}
		buf_put(out, bytes, (size_t)len);
	}
	close(fd);
	return err ? err : out->err;
}

enum err file_write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *next = bytes;

	while (len > 0) {
		ssize_t written = write(fd, next, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return ERR_IO;
		next += written;
		len -= (size_t)written;
	}
	return ERR_OK;
}

enum err file_sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 1;
	enum err err = ERR_OK;
	int fd;

	if (len >= sizeof(folder))
		return ERR_TOO_LONG;
	memcpy(folder, slash ? path : ".", len);
	folder[len] = '\0';
	fd = open(len ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	if (fsync(fd) != 0)
		err = ERR_IO;
	close(fd);
	return err;
}

static enum err fill_temporary(int fd, mode_t mode, const void *bytes, size_t len)
{
	enum err err = file_write_all(fd, bytes, len);

	if (!err && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		err = ERR_IO;
	/* A close that fails after fsync loses nothing. */
	close(fd);
	return err;
}

static enum err write_whole(
    const char *path, mode_t mode, const void *bytes, size_t len, int replace)
{
	char temporary[PATH_MAX];
	enum err err;
	int fd, n, saved;

	n = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return ERR_TOO_LONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	err = fill_temporary(fd, mode, bytes, len);
	if (!err &&
	    renameat2(AT_FDCWD, temporary, AT_FDCWD, path, replace ? 0 : RENAME_NOREPLACE) != 0)
		err = errno == EEXIST ? ERR_EXISTS : ERR_IO;
	if (err) {
		saved = errno;
		unlink(temporary);
		errno = saved;
		return err;
	}
	return file_sync_folder(path);
}

enum err file_write(const char *path, mode_t mode, const void *bytes, size_t len)
{
	return write_whole(path, mode, bytes, len, 1);
}

enum err file_write_new(const char *path, mode_t mode, const void *bytes, size_t len)
{
	return write_whole(path, mode, bytes, len, 0);
}
