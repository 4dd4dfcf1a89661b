/* Files of events: append, take over, read back, set aside. See spool.h. The folder is ours alone;
 * what its files say is checked. */
#include "redirector/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"

static const char MAGIC[] = "firstring events 1\n";
static const char SUFFIX[] = ".spool";
enum { MAGIC_LEN = sizeof MAGIC - 1, NAME_LEN = 64, PIECE_LEN = 64 * 1024 };

static const char DAMAGED_ADVICE[] =
    "what stands before it is written to the database; the file is set "
    "aside as *.damaged and may be removed";
static const char UNREAD_ADVICE[] =
    "the file is set aside as *.damaged; when the disk is well again, stop the "
    "daemon, name it *.spool again and start: nothing is written twice";

struct spool_file {
	int fd; /* -1: none; locked */
	char name[NAME_LEN];
	uint64_t len;
};

struct spool {
	int folder;
	uint64_t file_max, folder_max;
	struct spool_file own; /* being appended to */
	struct spool_file read; /* being read: once own, or left by another */
	struct buf piece; /* of the file being read */
	size_t taken; /* of the piece */
	uint64_t read_to; /* of the file */
	int is_at_end, is_damaged; /* of the file being read */
	int is_unread; /* it is the disk that does not give it, and may yet */
	int may_be_left; /* the folder is to be looked through for files of others */
};

static int is_spool_name(const char *name)
{
	size_t len = strlen(name);

	return len < NAME_LEN && len > sizeof SUFFIX - 1 &&
	       strcmp(name + len - (sizeof SUFFIX - 1), SUFFIX) == 0;
}

/* Bytes in the folder, with those that were set aside. */
static uint64_t folder_len(const struct spool *spool)
{
	DIR *folder = fdopendir(openat(spool->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;
	struct stat found;
	uint64_t total = 0;

	if (folder == NULL)
		return UINT64_MAX;
	while ((entry = readdir(folder)) != NULL) {
		if (fstatat(spool->folder, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(found.st_mode))
			total += (uint64_t)found.st_size;
	}
	closedir(folder);
	return total;
}

static void file_close(struct spool_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	*file = (struct spool_file){.fd = -1};
}

/* Locks an open file. 0 when another has it, or removed it meanwhile. */
static int file_lock(int fd, struct stat *found)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, found) == 0 && found->st_nlink > 0 &&
	       S_ISREG(found->st_mode);
}

static enum err complain(const char *what, const char *name)
{
	static struct log_gate gate;

	if (log_gate_open(&gate))
		LOG_ERROR(what, log_str("file", name), log_errno(),
		    log_uint("suppressed", gate.suppressed));
	return ERR_IO;
}

static enum err own_open(struct spool *spool)
{
	struct spool_file made = {.fd = -1};
	uint8_t number[8];
	struct stat found;

	if (folder_len(spool) >= spool->folder_max)
		return ERR_FULL;
	random_fill(number, sizeof number);
	snprintf(made.name, sizeof made.name, "%d-%02x%02x%02x%02x%s", (int)getpid(), number[0],
	    number[1], number[2], number[3], SUFFIX);
	made.fd = openat(
	    spool->folder, made.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (made.fd < 0)
		return complain("spool_failed", made.name);
	/* Between the two another worker may have taken it for one that was left. */
	if (!file_lock(made.fd, &found)) {
		close(made.fd);
		return ERR_IO;
	}
	if (file_write_all(made.fd, MAGIC, MAGIC_LEN) != ERR_OK) {
		enum err err = complain("spool_failed", made.name);
		(void)unlinkat(spool->folder, made.name, 0);
		close(made.fd);
		return err;
	}
	made.len = MAGIC_LEN;
	spool->own = made;
	return ERR_OK;
}

enum err spool_append(struct spool *spool, const struct event_record *record)
{
	struct buf bytes = {0};
	enum err err = spool->own.fd >= 0 ? ERR_OK : own_open(spool);

	if (err != ERR_OK)
		return err;
	event_record_put(record, &bytes);
	if (spool->own.len + bytes.len > spool->file_max)
		err = ERR_FULL;
	else if (file_write_all(spool->own.fd, bytes.bytes, bytes.len) != ERR_OK) {
		err = complain("spool_failed", spool->own.name);
		/* What of it came to the disk is cut away: the next one must not stand behind it.
		 */
		if (ftruncate(spool->own.fd, (off_t)spool->own.len) != 0 ||
		    lseek(spool->own.fd, (off_t)spool->own.len, SEEK_SET) < 0)
			file_close(&spool->own);
	} else {
		spool->own.len += bytes.len;
	}
	buf_free(&bytes);
	return err;
}

static void read_begin(struct spool *spool, const struct spool_file *file)
{
	spool->read = *file;
	spool->read_to = 0;
	spool->is_at_end = spool->is_damaged = spool->is_unread = 0;
	buf_clear(&spool->piece);
	spool->taken = 0;
}

/* Takes over the first file that nobody holds. */
static void take_over(struct spool *spool)
{
	DIR *folder = fdopendir(openat(spool->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;
	struct stat found;

	while (folder != NULL && spool->read.fd < 0 && (entry = readdir(folder)) != NULL) {
		struct spool_file left = {.fd = -1};
		if (!is_spool_name(entry->d_name))
			continue;
		snprintf(left.name, sizeof left.name, "%s", entry->d_name);
		left.fd =
		    openat(spool->folder, left.name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (left.fd < 0)
			continue;
		if (!file_lock(left.fd, &found)) {
			close(left.fd);
			continue;
		}
		left.len = (uint64_t)found.st_size;
		LOG_INFO(
		    "spool_taken_over", log_str("file", left.name), log_uint("bytes", left.len));
		read_begin(spool, &left);
	}
	if (folder != NULL)
		closedir(folder);
	spool->may_be_left = spool->read.fd >= 0;
}

/* Has a file to read, if there is any. */
static int read_open(struct spool *spool)
{
	if (spool->read.fd < 0 && spool->own.fd >= 0) {
		read_begin(spool, &spool->own);
		spool->own = (struct spool_file){.fd = -1};
	}
	if (spool->read.fd < 0 && spool->may_be_left)
		take_over(spool);
	return spool->read.fd >= 0;
}

/* Fills the piece; 0 at the end of the file. */
static int read_more(struct spool *spool)
{
	uint8_t bytes[PIECE_LEN];
	ssize_t len = pread(spool->read.fd, bytes, sizeof bytes, (off_t)spool->read_to);

	if (len < 0) {
		(void)complain("spool_not_read", spool->read.name);
		spool->is_damaged = spool->is_unread = 1;
	}
	if (len <= 0)
		return 0;
	buf_drop_front(&spool->piece, spool->taken);
	spool->taken = 0;
	if (spool->read_to == 0) {
		if ((size_t)len < MAGIC_LEN || memcmp(bytes, MAGIC, MAGIC_LEN) != 0) {
			spool->is_damaged = (size_t)len >= MAGIC_LEN;
			return 0;
		}
		buf_put(&spool->piece, bytes + MAGIC_LEN, (size_t)len - MAGIC_LEN);
	} else {
		buf_put(&spool->piece, bytes, (size_t)len);
	}
	spool->read_to += (uint64_t)len;
	return 1;
}

/* The file ends before its last record does: the process died while it wrote it. Or what stands
 * there is no record: then nothing behind it can be believed. */
static void read_stop(struct spool *spool, enum err err)
{
	size_t left = spool->piece.len - spool->taken;
	uint64_t at = spool->read_to - left;

	spool->is_at_end = 1;
	if (left == 0 && !spool->is_damaged)
		return;
	spool->is_damaged = spool->is_damaged || err != ERR_MORE;
	if (spool->is_damaged && err == ERR_MORE)
		err = ERR_SYNTAX; /* its head is not ours */
	if (spool->is_damaged)
		LOG_ERROR("spool_damaged", log_str("file", spool->read.name), log_uint("at", at),
		    log_uint("bytes", spool->read.len), log_err(err),
		    log_str("advice", spool->is_unread ? UNREAD_ADVICE : DAMAGED_ADVICE));
	else
		LOG_WARN("spool_cut", log_str("file", spool->read.name), log_uint("at", at),
		    log_uint("bytes", left));
}

enum err spool_take(struct spool *spool, struct event_record *record)
{
	size_t used = 0;

	if (!read_open(spool) || spool->is_at_end)
		return ERR_NOT_FOUND;
	for (;;) {
		size_t left = spool->piece.len - spool->taken;
		enum err err = left == 0 ? ERR_MORE
					 : event_record_take(spool->piece.bytes + spool->taken,
					       left, record, &used);
		if (err == ERR_OK) {
			spool->taken += used;
			return ERR_OK;
		}
		if (err != ERR_MORE || !read_more(spool)) {
			read_stop(spool, err);
			return ERR_NOT_FOUND;
		}
	}
}

void spool_settle(struct spool *spool)
{
	char aside[NAME_LEN + 16];

	if (spool->read.fd < 0 || !spool->is_at_end)
		return;
	snprintf(aside, sizeof aside, "%s.damaged", spool->read.name);
	int failed = spool->is_damaged
			 ? renameat(spool->folder, spool->read.name, spool->folder, aside)
			 : unlinkat(spool->folder, spool->read.name, 0);
	if (failed)
		(void)complain("spool_not_removed", spool->read.name);
	file_close(&spool->read);
	buf_clear(&spool->piece);
}

int spool_has_more(const struct spool *spool)
{
	return spool->own.fd >= 0 || spool->read.fd >= 0 || spool->may_be_left;
}

void spool_look_again(struct spool *spool)
{
	spool->may_be_left = 1;
}

enum err spool_new(const char *folder, uint64_t file_max, uint64_t folder_max, struct spool **spool,
    char *why, size_t why_len)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
		snprintf(why, why_len, "%s: %s", folder, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	struct spool *made = calloc(1, sizeof *made);
	CHECK(made != NULL);
	made->folder = fd;
	made->file_max = file_max;
	made->folder_max = folder_max;
	made->own.fd = made->read.fd = -1;
	made->may_be_left = 1;
	*spool = made;
	return ERR_OK;
}

void spool_free(struct spool *spool)
{
	if (spool == NULL)
		return;
	file_close(&spool->own);
	file_close(&spool->read);
	buf_free(&spool->piece);
	close(spool->folder);
	free(spool);
}
