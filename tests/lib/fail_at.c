/*
 * For tests of faults: system calls that fail. Loaded with LD_PRELOAD. The test writes into the
 * file FIRSTRING_FAIL_AT, which every process maps at its start: so the order reaches one that may
 * open no file any more.
 *
 * The file is the struct below. Calls of a spool are those on files whose name ends in ".spool";
 * calls of a log are those on standard error.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

struct failure {
	int32_t spool_open, spool_write, spool_read, spool_cut, log_write; /* errno; 0: goes well */
	int32_t short_by; /* the write before a failing one is so many bytes short; then 0 again */
	int32_t failed; /* how many calls have */
};

enum { FD_MAX = 1024 };

static struct failure *failure;
static char is_spool[FD_MAX];

static void __attribute__((constructor)) begin(void)
{
	const char *path = getenv("FIRSTRING_FAIL_AT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	failure = mmap(NULL, sizeof(*failure), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (failure == MAP_FAILED)
		failure = NULL;
	close(fd);
}

/* 1, with errno, when this call is to fail. */
static int fails(int32_t error)
{
	if (error == 0)
		return 0;
	__atomic_add_fetch(&failure->failed, 1, __ATOMIC_ACQ_REL);
	errno = error;
	return 1;
}

static int is_of_spool(int fd)
{
	return failure && fd >= 0 && fd < FD_MAX && is_spool[fd];
}

/* The next definition behind ours: libc's. */
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int openat(int folder, const char *path, int flags, ...)
{
	static __typeof__(&openat) real;
	size_t len = strlen(path);
	int is_ours = failure && len > 6 && strcmp(path + len - 6, ".spool") == 0;
	mode_t mode = 0;
	va_list more;

	if (flags & O_CREAT) {
		va_start(more, flags);
		mode = va_arg(more, mode_t);
		va_end(more);
	}
	if (!real)
		real = REAL(openat);
	if (is_ours && fails(failure->spool_open))
		return -1;
	int fd = real(folder, path, flags, mode);
	if (fd >= 0 && fd < FD_MAX)
		is_spool[fd] = (char)is_ours;
	return fd;
}

int close(int fd)
{
	static __typeof__(&close) real;

	if (!real)
		real = REAL(close);
	if (fd >= 0 && fd < FD_MAX)
		is_spool[fd] = 0;
	return real(fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	static __typeof__(&write) real;

	if (!real)
		real = REAL(write);
	if (failure && fd == STDERR_FILENO && fails(failure->log_write))
		return -1;
	if (is_of_spool(fd) && failure->spool_write != 0) {
		size_t less = (size_t)__atomic_exchange_n(&failure->short_by, 0, __ATOMIC_ACQ_REL);
		if (less > 0 && less < len)
			return real(fd, bytes, len - less);
		(void)fails(failure->spool_write);
		return -1;
	}
	return real(fd, bytes, len);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
	static __typeof__(&pread) real;

	if (!real)
		real = REAL(pread);
	if (is_of_spool(fd) && fails(failure->spool_read))
		return -1;
	return real(fd, bytes, len, at);
}

int ftruncate(int fd, off_t len)
{
	static __typeof__(&ftruncate) real;

	if (!real)
		real = REAL(ftruncate);
	if (is_of_spool(fd) && fails(failure->spool_cut))
		return -1;
	return real(fd, len);
}
