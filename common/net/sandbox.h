/*
 * What a process gives up before it reads its first hostile byte.
 */
#ifndef FIRSTRING_NET_SANDBOX_H
#define FIRSTRING_NET_SANDBOX_H

#include "common/base/err.h"

/* No core dumps, not dumpable (no ptrace by equals, /proc files root's), no_new_privs. Aborts if
 * the kernel refuses. */
void sandbox_harden(void);
/* Becomes `user` with its group and no others, for good. NULL or "": stays, and logs a warning when
 * that is root. ERR_NOT_FOUND for an unknown user, ERR_DENIED when not started as root. */
MUST_CHECK enum err sandbox_drop_privileges(const char *user);

/* Kills the process on any system call that is not in the list (seccomp, libseccomp names). The
 * list is NULL-terminated and stands next to the module that needs it. */
MUST_CHECK enum err sandbox_allow_only(const char *const *syscalls);

#endif
