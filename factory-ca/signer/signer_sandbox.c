/*
 * The system calls of a running signer. With the file key store nothing that opens, executes,
 * forks, connects, starts threads or changes who it is: keys and ledger are open, and the crew is
 * there, before the list is in force, which binds them all. A
 * PKCS#11 module may also open files and devices (a session that died is opened again), and make
 * connections only where the configuration says that its token is reached so; it still cannot
 * execute, fork or start threads.
 */
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "common/net/sandbox.h"
#include "factory-ca/signer/signer.h"

static const char *const always[] = {
    /* the event loop and its sockets */
    "epoll_wait",
    "epoll_pwait",
    "epoll_ctl",
    "accept4",
    "accept",
    "getsockopt",
    "setsockopt",
    "fcntl",
    "ioctl",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "write",
    "writev",
    "sendto",
    "sendmsg",
    "close",
    "shutdown",
    "timerfd_settime",
    /* the ledger */
    "pread64",
    "pwrite64",
    "flock",
    "fdatasync",
    "fsync",
    "ftruncate",
    "lseek",
    "fstat",
    "newfstatat",
    /* memory, locks, randomness, time */
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "mlock",
    "mlock2",
    "munlock",
    "futex",
    "getrandom",
    "clock_gettime",
    "clock_nanosleep",
    "gettimeofday",
    "getpid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "sched_yield",
    /* signals and the end */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "restart_syscall",
    "tgkill",
    "unlink",
    "exit",
    "exit_group",
    NULL,
};

/* Files of a token, devices, and waiting for them. */
static const char *const of_module[] = {
    "open",
    "openat",
    "access",
    "faccessat",
    "faccessat2",
    "stat",
    "lstat",
    "statx",
    "readlink",
    "readlinkat",
    "getdents64",
    "fchmod",
    "rename",
    "renameat",
    "umask",
    "getcwd",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "pipe2",
    "eventfd2",
    "nanosleep",
    "clock_getres",
    "uname",
    "sysinfo",
    "prlimit64",
    NULL,
};

static const char *const of_connection[] = {
    "socket",
    "connect",
    "bind",
    "getsockname",
    "getpeername",
    "sendmmsg",
    "recvmmsg",
    NULL,
};

enum err signer_sandbox(const struct factory_config *config)
{
	const char *const *lists[4] = {always};
	const char *const *refused = NULL;

	/* The first gmtime_r() of a process, deep in OpenSSL's checks of validity, opens
	 * /etc/localtime: now, while files can be opened. */
	CHECK(setenv("TZ", "UTC0", 1) == 0);
	tzset();
	if (*config->pkcs11_uri) {
		lists[1] = of_module;
		/* Modules write to syslog when something is wrong, which must not kill. */
		if (config->signer_pkcs11_connect)
			lists[2] = of_connection;
		else
			refused = of_connection;
	}
	return sandbox_allow_only(lists, refused);
}
