/*
 * The system calls of a running signer with the file key store. Nothing that opens, executes,
 * forks, connects or changes who it is: keys and ledger are open before the list is in force.
 */
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "common/net/sandbox.h"
#include "factory-ca/signer/signer.h"

static const char *const allowed[] = {
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

enum err signer_sandbox(void)
{
	/* The first gmtime_r() of a process, deep in OpenSSL's checks of validity, opens
	 * /etc/localtime: now, while files can be opened. */
	CHECK(setenv("TZ", "UTC0", 1) == 0);
	tzset();
	return sandbox_allow_only(allowed);
}
