/*
 * Bytes that must not leak. Each secret has pages of its own: locked against swapping, left out of
 * core dumps, wiped before they go back. A fork inherits the pages but not the lock (mlock(2)); a
 * worker is not dumpable, and swap is the machine's to encrypt.
 */
#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"

static size_t pages_for(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + 1 + page - 1) / page * page;
}

void bytes_wipe(void *bytes, size_t len)
{
	explicit_bzero(bytes, len);
}

void secret_alloc(struct secret *secret, size_t len)
{
	static int complained;
	size_t size = pages_for(len);

	CHECK(secret->bytes == NULL);
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	madvise(pages, size, MADV_DONTDUMP);
	if (mlock(pages, size) != 0 && !complained) {
		complained = 1;
		LOG_WARN("secret_not_locked", log_errno(),
		    log_str("hint", "raise RLIMIT_MEMLOCK so that keys cannot be swapped out"));
	}
	secret->bytes = pages;
	secret->len = len;
}

void secret_set(struct secret *secret, const void *bytes, size_t len)
{
	secret_alloc(secret, len);
	if (len > 0)
		memcpy(secret->bytes, bytes, len);
}

void secret_free(struct secret *secret)
{
	if (secret->bytes != NULL) {
		size_t size = pages_for(secret->len);
		bytes_wipe(secret->bytes, size);
		munlock(secret->bytes, size);
		munmap(secret->bytes, size);
	}
	*secret = (struct secret){0};
}

int bytes_equal_constant_time(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *left = a, *right = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}

int secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && bytes_equal_constant_time(a->bytes, b->bytes, a->len);
}

int secret_locking_works(void)
{
	size_t size = pages_for(0);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	int works = mlock(page, size) == 0;
	munmap(page, size);
	return works;
}

static enum err credential_refuse(const char *path, const char *reason)
{
	LOG_ERROR("credential_refused", log_str("path", path), log_str("reason", reason));
	return ERR_DENIED;
}

/* Who may have touched the file, told from the open descriptor. */
static enum err credential_check(int fd, const char *path, size_t max, size_t *len)
{
	struct stat stat;

	if (fstat(fd, &stat) != 0)
		return ERR_IO;
	if (!S_ISREG(stat.st_mode))
		return credential_refuse(path, "not a regular file");
	if (stat.st_uid != 0 && stat.st_uid != geteuid())
		return credential_refuse(path, "owned by neither root nor the user that runs this");
	if ((stat.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return credential_refuse(
		    path, "others than its owner can read or write it: chmod 600");
	if (stat.st_size < 0 || (uint64_t)stat.st_size > max)
		return credential_refuse(path, "larger than such a file can be");
	*len = (size_t)stat.st_size;
	return ERR_OK;
}

enum err secret_read_file(const char *path, size_t max, struct secret *secret)
{
	struct secret read_in = {0};
	size_t len = 0, have = 0;
	enum err err = ERR_IO;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return ERR_IO;
	if ((err = credential_check(fd, path, max, &len)) != ERR_OK)
		goto out;
	secret_alloc(&read_in, len);
	while (have < len) {
		ssize_t got = read(fd, read_in.bytes + have, len - have);
		if (got < 0 && errno == EINTR)
			continue;
		err = ERR_IO;
		if (got < 0)
			goto out;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	if (have > 0 && read_in.bytes[have - 1] == '\n')
		have--;
	secret_set(secret, read_in.bytes, have);
	err = ERR_OK;
out:
	secret_free(&read_in);
	close(fd);
	return err;
}
