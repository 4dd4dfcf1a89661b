/*
 * Gives up what a process does not need, for good.
 *
 * Runs at the start of every process that will read hostile bytes or hold keys, before it does.
 * What the kernel refuses is fatal: a process that believes itself confined must be.
 */
#include "common/net/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/log.h"

void sandbox_harden(void)
{
	struct rlimit none = {0, 0};
	CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

enum err sandbox_drop_privileges(const char *user)
{
	if (user == NULL || user[0] == '\0') {
		if (geteuid() == 0)
			LOG_WARN("running_as_root", log_str("advice", "set a user to run as"));
		return ERR_OK;
	}
	errno = 0;
	const struct passwd *entry = getpwnam(user);
	if (entry == NULL)
		return ERR_NOT_FOUND;
	uid_t uid = entry->pw_uid;
	gid_t gid = entry->pw_gid;
	if (geteuid() == uid && getuid() == uid && uid != 0)
		return ERR_OK;
	if (geteuid() != 0)
		return ERR_DENIED;
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(gid, gid, gid) == 0);
	CHECK(setresuid(uid, uid, uid) == 0);
	/* There must be no way back. */
	CHECK(uid == 0 || (setuid(0) != 0 && setgid(0) != 0));
	return ERR_OK;
}

static enum err add_rules(scmp_filter_ctx filter, uint32_t action, const char *const *syscalls)
{
	for (size_t i = 0; syscalls[i] != NULL; i++) {
		int number = seccomp_syscall_resolve_name(syscalls[i]);
		if (number == __NR_SCMP_ERROR) {
			LOG_ERROR("unknown_system_call", log_str("name", syscalls[i]));
			return ERR_NOT_FOUND;
		}
		/* One that this architecture does not have is skipped by libseccomp itself. */
		int failure = seccomp_rule_add(filter, action, number, 0);
		if (failure != 0 && failure != -EDOM)
			return ERR_IO;
	}
	return ERR_OK;
}

enum err sandbox_allow_only(const char *const *const *allowed, const char *const *refused)
{
	enum err err = ERR_IO;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	/* Threads that are there already are bound, too. */
	if (filter != NULL && seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0)
		err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && allowed[i] != NULL; i++)
		err = add_rules(filter, SCMP_ACT_ALLOW, allowed[i]);
	if (err == ERR_OK && refused != NULL)
		err = add_rules(filter, SCMP_ACT_ERRNO(EPERM), refused);
	if (err == ERR_OK && seccomp_load(filter) != 0)
		err = ERR_IO;
	seccomp_release(filter);
	return err;
}
