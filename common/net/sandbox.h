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

/* Kills the process on any system call, of any of its threads, that is in no list (seccomp,
 * libseccomp names). Lists are NULL-terminated, as is the list of them, and stand next to the
 * module that needs them. A call in `refused` (NULL: none) fails with EPERM instead: for a library
 * that tries it and can do without.
 */
MUST_CHECK enum err sandbox_allow_only(
    const char *const *const *allowed, const char *const *refused);

#endif
