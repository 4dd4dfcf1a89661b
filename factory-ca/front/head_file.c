/* Appending heads to a file that is the administrator's: opened anew each time, so that it may be
 * rotated, or lie on a disk that was away. Blocks for an fsync: for the audit worker alone. */
#include "factory-ca/front/head_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

enum { TAIL_LEN = 8 * 1024 };

static enum err append(int fd, const struct signed_audit_head *head)
{
	uint8_t tail[TAIL_LEN];
	struct buf line = {0};
	struct stat st;
	off_t from;
	ssize_t len;
	enum err err;

	if (fstat(fd, &st) != 0)
		return ERR_IO;
	from = st.st_size > TAIL_LEN ? st.st_size - TAIL_LEN : 0;
	len = pread(fd, tail, sizeof(tail), from);
	if (len < 0)
		return ERR_IO;
	audit_head_put_line(&line, head);
	if (memmem(tail, (size_t)len, line.bytes, line.len)) {
		buf_free(&line);
		return ERR_OK;
	}
	err = len > 0 && tail[len - 1] != '\n' ? file_write_all(fd, "\n", 1) : ERR_OK;
	if (!err)
		err = file_write_all(fd, line.bytes, line.len);
	buf_free(&line);
	if (!err && fsync(fd) != 0)
		err = ERR_IO;
	return err;
}

enum err head_file_append(const char *path, const struct signed_audit_head *head)
{
	int is_new = access(path, F_OK) != 0;
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	int saved_errno;
	enum err err;

	if (fd < 0)
		return ERR_IO;
	err = append(fd, head);
	if (!err && is_new)
		err = file_sync_folder(path);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return err;
}
