/*
 * For tests of faults: a process that kills itself (SIGKILL) at a system call that the test names.
 * Loaded with LD_PRELOAD. The test writes into the file FIRSTRING_DIE_AT, which every process maps
 * at its start: so the order reaches one that may open no file any more, in the middle of its work.
 *
 * The file is the struct below: role ("signer"; "front": a process of it that has accepted a
 * connection), function, "before" or "after", and how many more such calls there are to be.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct death {
	int32_t left; /* calls; 0: nobody dies */
	int32_t deaths; /* that have happened */
	char role[16], function[16], when[16];
};

static struct death *death;
static char role[16];
static int has_accepted;

static void __attribute__((constructor)) begin(void)
{
	const char *path = getenv("FIRSTRING_DIE_AT");
	char line[4096] = "";
	ssize_t len = 0;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		len = read(fd, line, sizeof(line) - 1);
		close(fd);
	}
	/* The last word is the sub-command. */
	while (len > 1 && line[len - 2] != '\0')
		len--;
	if (len > 1)
		strncpy(role, line + len - 1, sizeof(role) - 1);
	fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	death = mmap(NULL, sizeof(*death), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (death == MAP_FAILED)
		death = NULL;
	close(fd);
}

static void pass(const char *function, const char *when)
{
	if (!death || __atomic_load_n(&death->left, __ATOMIC_ACQUIRE) <= 0 ||
	    strcmp(death->role, role) != 0 || strcmp(death->function, function) != 0 ||
	    strcmp(death->when, when) != 0 || (strcmp(role, "front") == 0 && !has_accepted))
		return;
	if (__atomic_sub_fetch(&death->left, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	__atomic_add_fetch(&death->deaths, 1, __ATOMIC_ACQ_REL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGKILL);
}

/* The next definition behind ours: libc's. */
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

#define DIES_AT(type, name, parameters, arguments)                                                 \
	type name parameters                                                                       \
	{                                                                                          \
		static __typeof__(&name) real;                                                     \
		type result;                                                                       \
                                                                                                   \
		if (!real)                                                                         \
			real = REAL(name);                                                         \
		pass(#name, "before");                                                             \
		result = real arguments;                                                           \
		pass(#name, "after");                                                              \
		return result;                                                                     \
	}

DIES_AT(int, fdatasync, (int fd), (fd))
DIES_AT(ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
DIES_AT(ssize_t, writev, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))
DIES_AT(ssize_t, send, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
DIES_AT(ssize_t, recv, (int fd, void *bytes, size_t len, int flags), (fd, bytes, len, flags))

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict len, int flags)
{
	int accepted = REAL(accept4)(fd, address, len, flags);

	if (accepted >= 0)
		has_accepted = 1;
	return accepted;
}
